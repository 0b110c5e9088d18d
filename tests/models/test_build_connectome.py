"""The function that builds the network of a connectome: its defaults, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet.models import GradedNeuron, connectome, fly_brain
from spikelet.models.connectome import Connectome

EDGES = (["a", "b"], ["b", "c"], [2, 3])


def test_spikes_are_those_of_the_fly_brain() -> None:
    drawn = Connectome.surrogate(600, 20_000, seed=4)
    runs = []
    for model in (fly_brain(drawn, threads=1), connectome(drawn, threads=1)):
        model.activate(range(21), rate=150.0)
        model.silence(drawn.ids[30:40])
        runs.append(model.run(100.0, trials=2))
    assert len(runs[0]) > 500
    for part in ("times", "neurons", "trial"):
        np.testing.assert_array_equal(getattr(runs[0], part), getattr(runs[1], part))


def test_scales_and_delays() -> None:
    default = connectome(EDGES, threads=1)
    assert default.projections[0].weights == pytest.approx([0.55, 0.825])
    assert default.projections[0].delays == pytest.approx([1.8, 1.8])
    other = connectome(EDGES, model=sl.LIF(), scale=2.0, delay=3.0, sign=-1, dt=0.5, threads=1)
    assert other.projections[0].weights.tolist() == [-4.0, -6.0]
    assert other.projections[0].delays.tolist() == [3.0, 3.0]
    graded = connectome(EDGES, model=GradedNeuron(), scale=2.0, graded_scale=0.001, threads=1)
    assert graded.coupling is not None
    assert graded.coupling.release.weight.tolist() == [0.002, 0.003]
    assert repr(graded) == "ConnectomeModel(3 neurons, 0 edges, 2 graded, 0 gap junctions)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": sl.LIF()}, "scale must be given with a model of your own"),
        ({"scale": "x"}, "scale must be a number"),
        ({"gap_scale": None}, "gap_scale must be a number"),
        ({"coupling": 0.15}, "coupling must be a multiple of dt"),
        ({"delay": 0.01}, "delay"),
    ],
    ids=range(5),
)
def test_refusals(options: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        connectome(EDGES, threads=1, **options)
