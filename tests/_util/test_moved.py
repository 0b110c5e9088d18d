"""Module paths of 0.1 still work, with a warning that names the new path."""

from __future__ import annotations

import importlib
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

import spikelet as sl
from spikelet._util.moved import MOVED


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import each old path as if for the first time."""
    for path in MOVED:
        monkeypatch.delitem(sys.modules, path, raising=False)
        monkeypatch.delitem(vars(sl), path.removeprefix("spikelet."), raising=False)


@pytest.mark.parametrize("path", MOVED)
def test_an_old_path_is_the_new_module(path: str) -> None:
    with pytest.warns(DeprecationWarning, match=rf"{path} is now {MOVED[path]}") as caught:
        module = importlib.import_module(path)
    assert len(caught) == 1
    assert module is importlib.import_module(MOVED[path])
    assert sys.modules[path] is module


@pytest.mark.parametrize("path", MOVED)
def test_an_old_attribute_is_the_new_module(path: str) -> None:
    with pytest.warns(DeprecationWarning, match=rf"{path} is now {MOVED[path]}") as caught:
        module = getattr(sl, path.removeprefix("spikelet."))
    assert len(caught) == 1
    assert module is importlib.import_module(MOVED[path])
    assert caught[0].filename == __file__


def test_names_come_from_an_old_path() -> None:
    with pytest.warns(DeprecationWarning, match=r"spikelet\.recorders is now") as caught:
        from spikelet.recorders import SpikeRecorder  # noqa: PLC0415  # it warns
    assert SpikeRecorder is sl.SpikeRecorder
    assert [Path(w.filename) for w in caught] == [Path(__file__)]


def test_a_pickle_that_names_an_old_path_loads() -> None:
    with pytest.warns(DeprecationWarning, match=r"spikelet\.spiking_model is now"):
        assert pickle.loads(b"cspikelet.spiking_model\nSpikingModel\n.") is sl.SpikingModel


def test_new_paths_do_not_warn() -> None:
    code = f"import importlib, spikelet\nfor path in {sorted(MOVED.values())}: importlib.import_module(path)"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_an_unknown_attribute_is_an_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'running'"):
        sl.running  # noqa: B018


def test_the_documentation_lists_all_paths() -> None:
    page = (Path(__file__).parents[2] / "docs" / "deprecations.md").read_text("utf-8")
    rows = re.findall(r"^\| `(spikelet\.[\w.]+)` \| `(spikelet\.[\w.]+)` \|$", page, re.MULTILINE)
    assert dict(rows) == MOVED
