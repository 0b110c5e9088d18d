from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def test_create_record_and_set(sim: Any, tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match="create"):
        cells = sim.create(sim.IF_cond_exp(), n=3)
    assert cells.size == 3
    with pytest.warns(DeprecationWarning, match="set"):
        sim.set(cells, i_offset=0.1)
    assert cells.get("i_offset") == pytest.approx(0.1)
    with pytest.warns(DeprecationWarning, match="initialize"):
        sim.initialize(cells, v=-60.0)
    path = str(tmp_path / "cell.pkl")
    with pytest.warns(DeprecationWarning, match="record"):
        sim.record(["v"], cells[1], path, annotations={"script": "this"})
    sim.run(1.0)
    sim.end()
    block = pickle.loads(Path(path).read_bytes())
    assert block.segments[0].analogsignals[0].shape == (11, 1)
    assert block.segments[0].analogsignals[0].magnitude[0, 0] == -60.0


@pytest.mark.parametrize(
    ("function", "names"), [("record_v", {"v"}), ("record_gsyn", {"gsyn_exc", "gsyn_inh"})]
)
def test_record_v_and_gsyn(sim: Any, tmp_path: Path, function: str, names: set[str]) -> None:
    cells = sim.Population(2, sim.IF_cond_exp())
    path = tmp_path / "data.pkl"
    with pytest.warns(DeprecationWarning, match="record"):
        getattr(sim, function)(cells, str(path))
    sim.run(1.0)
    sim.end()
    signals = pickle.loads(path.read_bytes()).segments[0].analogsignals
    assert {signal.name for signal in signals} == names
    assert all(np.isfinite(signal.magnitude).all() for signal in signals)
