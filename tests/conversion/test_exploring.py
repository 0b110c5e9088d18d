"""Kinds of neurons and numbers of steps, compared."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.plain_ann import ANN, X

import spikelet as sl


def test_hybrid_networks_are_not_stopped() -> None:
    found = sl.conversion.frontier(ANN, X, steps=[4], neurons=["multi"], keep=["relu3"])
    assert [p.stopping for p in found.points] == [None]


def test_a_frontier_as_text_numbers_and_picture(tmp_path: Path) -> None:
    labels = np.arange(len(X)) % 5
    found = sl.conversion.frontier(ANN, X, labels, steps=[4, 2], loss=1.0)
    assert found.samples == 80
    names = [p.name for p in found.points]
    assert names[0] == "multi, T = 2"
    assert "predictive, T = 4, stopped" in names
    assert all(name in str(found) for name in [*names, "ANN, int8"])
    read = json.loads(found.to_json(tmp_path / "f.json"))
    assert read["points"]["multi, T = 4"]["steps"] == 4
    assert read == json.loads((tmp_path / "f.json").read_text())
    assert 0 < found.integer_energy < 0.2
    stopped = next(p for p in found.points if p.name == "predictive, T = 4, stopped")
    whole = next(p for p in found.points if p.name == "predictive, T = 4")
    assert stopped.steps < whole.steps == 4
    assert stopped.energy < whole.energy
    pytest.importorskip("matplotlib")
    ax = found.plot()
    assert ax.get_xlabel() == "energy / ANN (estimate)"
    drawn = np.concatenate([line.get_xydata() for line in ax.get_lines()[:4]])
    assert {tuple(p) for p in np.round(drawn, 6)} == {
        (round(p.energy, 6), round(p.loss, 6)) for p in found.points
    }
    with pytest.raises(TypeError, match="found must be a Frontier"):
        sl.plot.frontier(3)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"steps": 4}, TypeError, "steps must be a sequence"),
        ({"neurons": "multi"}, TypeError, "neurons must be a sequence"),
        ({"neurons": ["no"]}, ValueError, "neuron must be"),
        ({"labels": np.zeros(3, int)}, ValueError, "labels must be 400 integers"),
        ({"budget": 1.0}, TypeError, "budget must not be given"),
        ({"loss": -1.0}, ValueError, "loss must be finite and >= 0"),
    ],
)
def test_bad_arguments_of_a_frontier(
    given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        sl.conversion.frontier(ANN, X, **given)
