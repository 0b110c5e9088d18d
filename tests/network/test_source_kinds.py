"""What each kind of source needs: whose parameters are whose, and when time begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make, train

import spikelet as sl
from spikelet.network import source_kinds

KINDS = {
    sl.SpikeSource([1.5, 3.0], [0, 1]): (False, False),
    sl.RasterSource(np.ones((4, 3), np.uint8)): (False, True),
    sl.PulsePacket([2.0], 9, 1.0): (False, True),
    sl.PoissonSource(3000.0): (True, False),
    sl.SinusoidalPoisson(3000.0, 2000.0, 50.0): (True, False),
    sl.InhomogeneousPoisson([5000.0, 1000.0], every=2.0): (False, True),
}


def test_all_kinds_are_here() -> None:
    assert {type(model) for model in KINDS} == set(source_kinds._KINDS)
    assert not source_kinds.is_source(sl.LIF())
    assert not source_kinds.is_source(sl.PoissonInput(1.0, 1.0))


@pytest.mark.parametrize("model", KINDS, ids=lambda model: type(model).__name__)
def test_a_source_added_later_goes_on_after_a_file(tmp_path: Path, model: Any) -> None:
    each, begins = KINDS[model]
    assert source_kinds.per_element(model) is each
    assert source_kinds.starts_when_set(model) is begins
    net = make()
    net.run(1.0)
    spikes = net.record(net.population(3, model), "spikes")
    net.run(0.5)
    net.save(tmp_path / "net.npz", recorders=True)
    loaded = sl.Network.load(tmp_path / "net.npz")
    for each_net in (net, loaded):
        each_net.run(4.0)
    (again,) = loaded.recorders
    assert len(spikes.times) >= 2
    assert train(again) == train(spikes)


@pytest.mark.parametrize(
    "model",
    [model for model, (_, begins) in KINDS.items() if begins],
    ids=lambda m: type(m).__name__,
)
def test_a_replay_repeats_what_began_later(model: Any) -> None:
    net = make()
    net.run(1.0)
    spikes = net.record(net.population(3, model), "spikes")
    net.run(5.0)
    first = train(spikes)
    net.reset()
    net.run(6.0)
    assert train(spikes) == first


def test_other_models_are_refused() -> None:
    net = make()
    for model in (5.0, sl.PoissonInput(1.0, 1.0), sl.PoissonSource):
        with pytest.raises(TypeError, match="must be a neuron model or a spike source"):
            net.population(3, model)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (sl.AdEx, "AdEx"),
        (sl.LIF, "LIF"),
        (sl.Equations("dv/dt = -v", name="Leak"), "Leak"),
        (sl.Equations("dv/dt = -v"), "model"),
    ],
    ids=["function", "class", "equations", "unnamed equations"],
)
def test_a_model_that_is_not_called(model: object, name: str) -> None:
    with pytest.raises(TypeError, match=rf"or a spike source; call it: {name}\(\), got"):
        sl.Network().population(3, model)  # type: ignore[arg-type]
