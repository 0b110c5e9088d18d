"""Missing optional dependencies are errors that name the extra to install."""

from __future__ import annotations

import json
import sys

import pytest

from spikelet._util.extras import extra, needs


def test_an_installed_module_is_returned() -> None:
    assert extra("json", "f") is json


@pytest.mark.parametrize(
    ("module", "title"),
    [("torch", "PyTorch"), ("sklearn.datasets", "scikit-learn"), ("h5py", "h5py")],
)
def test_a_missing_module_names_the_extra(
    module: str, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module.partition(".")[0], None)
    monkeypatch.delitem(sys.modules, module if "." in module else "", raising=False)
    with pytest.raises(
        ImportError, match=rf"^plot\.f needs {title}: pip install 'spikelet\[any\]'$"
    ):
        extra(module, "plot.f", "any")


def test_the_sweep_extra_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(ImportError, match=r"spikelet\[sweep\]"):
        extra("joblib", "sweep")


def test_other_errors_pass_unchanged() -> None:
    error = RuntimeError("not an import")
    with pytest.raises(RuntimeError) as caught, needs("f", "demo"):
        raise error
    assert caught.value is error
