"""What stands beside an exported network: its page, its CMake file and its main function."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.support.c_networks import SHAPE, STEPS, inputs, residual
from tests.support.c_programs import compiler


def test_the_page_states_size_and_work(tmp_path: Path) -> None:
    model, x = residual("int16"), inputs()
    model.export(tmp_path, input_shape=SHAPE, steps=STEPS, example=x)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    done = model.run(x, STEPS).operations
    assert f"{sum(o.additions for o in done.values()):,.0f}" in text
    assert f"| c2 | 0 | {done['c2'].additions:,.0f} | {16 * 16 * 22 * 22:,} |" in text
    flash, ram = (int(n.replace(",", "")) for n in re.findall(r"\| ([\d,]+) bytes", text))
    subprocess.run([compiler(), "-O2", "-c", "network.c"], cwd=tmp_path, check=True)
    sizes = subprocess.run(
        ["size", "network.o"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    _, data, bss = map(int, sizes.stdout.splitlines()[1].split()[:3])
    assert abs(data + bss - ram) < 200  # alignment
    assert 10_000 < flash < 40_000


def test_cmake_builds_it(tmp_path: Path) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("needs cmake")
    compiler()
    model = residual()
    model.export(tmp_path, input_shape=SHAPE, steps=STEPS, name="tiny")
    for command in (["cmake", "-B", "build"], ["cmake", "--build", "build"]):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    x = inputs(count=2)
    (tmp_path / "in").write_bytes(x.tobytes())
    program = str(tmp_path / "build" / "tiny_main")
    subprocess.run([program, "in", "out"], cwd=tmp_path, check=True)
    assert (tmp_path / "out").read_bytes() == model.run(x, STEPS).output.astype(
        np.float32
    ).tobytes()
    assert subprocess.run([program, "none", "out"], cwd=tmp_path, check=False).returncode == 1
