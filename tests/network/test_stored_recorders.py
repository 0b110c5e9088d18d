"""Recorders from a file: what they held fits their targets."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.network.test_stored_populations import put
from tests.support.checkpoint_files import change_array, rewrite

import spikelet as sl


@pytest.fixture
def saved(small: tuple[sl.Network, Any], tmp_path: Path) -> Path:
    net, cells = small
    net.record(cells, "spikes")
    net.record(cells[1:], "V_m", every=1.0)
    net.run(30.0)
    net.save(tmp_path / "c", recorders=True)
    return tmp_path / "c"


HEADERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "every": (lambda h: h["recorders"][1].update(every=2**62), "every"),
    "true": (lambda h: h["recorders"][1].update(every=True), "every"),
    "target": (lambda h: h["recorders"][0].update(target=True), "target"),
    "recordings": (lambda h: h.update(recordings="x"), "recordings"),
    "file": (lambda h: h["recorders"][0].update(file=0, name="x"), "file"),
}


@pytest.mark.parametrize("change", HEADERS)
def test_descriptions_that_cannot_be_are_refused(change: str, saved: Path) -> None:
    how, problem = HEADERS[change]
    rewrite(saved, how)
    with pytest.raises(ValueError, match=rf"Network\.load: .*{problem}"):
        sl.Network.load(saved)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("recorder0.data", put(0, 2**32 - 1)),  # counting spikes would take 32 GB
        ("recorder0.data", put(0, 3)),
        ("recorder0.stamps", put(0, -1)),
        ("recorder1.data", lambda x: x[:, :1]),
        ("recorder1.ids", put(0, 3)),
        ("recorder1.ids", lambda x: x.astype(float)),
    ],
)
def test_data_that_cannot_be_is_refused(name: str, how: Any, saved: Path) -> None:
    change_array(saved, name, how)
    with pytest.raises(ValueError, match=r"Network\.load: "):
        sl.Network.load(saved)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes")
def test_a_recording_that_is_a_pipe_is_refused(
    small: tuple[sl.Network, Any], tmp_path: Path
) -> None:
    net, cells = small
    net.record(cells, "spikes", to=tmp_path / "r.rec")
    net.run(5.0)
    net.save(tmp_path / "c", recorders=True)
    (tmp_path / "r.rec").unlink()
    os.mkfifo(tmp_path / "r.rec")
    with pytest.raises(ValueError, match="not a file"):  # reading would block
        sl.Network.load(tmp_path / "c")


@pytest.mark.parametrize("how", [lambda x: x[:1], lambda x: x[::-1].copy(), lambda x: x - 1])
def test_a_recording_of_other_elements_is_refused(
    how: Any, small: tuple[sl.Network, Any], tmp_path: Path
) -> None:
    net, cells = small
    net.record(cells[1:], "V_m", to=tmp_path / "r.rec")
    net.run(5.0)
    net.save(tmp_path / "c", recorders=True)
    change_array(tmp_path / "c", "recorder0.ids", how)
    with pytest.raises(ValueError, match=r"holds other elements in cells\.V_m"):
        sl.Network.load(tmp_path / "c")
