"""What a bug report says."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import numpy as np
import pytest

import spikelet as sl
from spikelet._util.about import processor


def test_info_is_a_dict_that_json_takes() -> None:
    info = sl.info()
    assert json.loads(json.dumps(info)) == info
    assert info["spikelet"] == sl.__version__
    assert info["simd"] == sl.simd_level()
    assert info["simd_available"] == sl.available_simd_levels()
    assert info["packages"]["numpy"] == np.__version__
    assert info["threads"] >= 1
    assert any(name in info["compiler"].lower() for name in ("g++", "clang"))
    assert info["python"].startswith(platform.python_version())


def test_info_as_text_and_as_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    info = sl.info()
    text = str(info)
    for part in (
        sl.__version__,
        info["compiler"],
        sl.simd_level(),
        "OMP_NUM_THREADS=1",
        processor(),
    ):
        assert part in text
    assert text == repr(info)
    assert len(text.splitlines()) >= 8
    assert "OMP_NUM_THREADS=1" in info._repr_html_()


def test_info_imports_nothing_else() -> None:
    heavy = {"torch", "scipy", "matplotlib", "rich"}
    code = f"import sys, spikelet; spikelet.info(); sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
