"""What SONATA cannot represent, and types of nodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet.io.nest.build import given_spikes
from spikelet.io.sonata.write import Table, neuron_table, obstacles


def with_projection(**how: Any) -> sl.Network:
    net = sl.Network()
    cells = net.population(2, how.pop("model", sl.LIF()), name="E")
    net.connect(cells, cells, sl.AllToAll(), **how)
    return net


def ran() -> sl.Network:
    net = sl.Network()
    net.population(1, sl.LIF())
    net.run(1.0)
    return net


def with_population(
    n: int, model: Any, change: Callable[[Any], None] = lambda _: None
) -> sl.Network:
    net = sl.Network()
    change(net.population(n, model, name="p"))
    return net


def with_input(what: Any) -> sl.Network:
    net = sl.Network()
    net.inject(net.population(1, sl.LIF(), name="p"), what)
    return net


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (ran, "it has run for 1 ms"),
        (lambda: with_population(0, sl.LIF()), "p has no elements"),
        (lambda: with_population(1, sl.IF()), "p: NEST has no model like IF"),
        (
            lambda: with_population(1, sl.LIF(theta_plus=1.0)),
            "p: NEST has no model like LIF with these",
        ),
        (
            lambda: with_population(1, sl.SinusoidalPoisson(1.0, 1.0, 1.0)),
            "p: SinusoidalPoisson is not a source",
        ),
        (
            lambda: with_population(1, sl.PoissonSource(5.0, stop=20.0)),
            "p: a poisson_generator of SONATA has no start and stop",
        ),
        (
            lambda: with_population(1, sl.LIF(), lambda p: setattr(p, "I_syn_ex", 1.0)),
            "p: I_syn_ex cannot be set in iaf_psc_exp",
        ),
        (lambda: with_input(sl.NoiseInput(std=1.0)), "NoiseInput to p: SONATA has current clamps"),
        (
            lambda: with_projection(plasticity=sl.RewardSTDP()),
            "RewardSTDP has no counterpart in NEST",
        ),
        (lambda: with_projection(plasticity=sl.STDP()), 'coincidence="potentiate"'),
        (
            lambda: with_projection(plasticity=sl.TsodyksMarkram(U=[0.1, 0.2, 0.3, 0.4])),
            "parameters by synapse, U",
        ),
        (
            lambda: with_projection(weight=-1.0, receptor="ex"),
            "the sign of a weight picks the receptor",
        ),
        (
            lambda: with_projection(model=sl.AdEx(synapses="psc_exp"), weight=-1.0, receptor="ex"),
            "the sign of a weight picks the receptor",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*hyperpolarises")
def test_obstacles(make: Callable[[], sl.Network], text: str, tmp_path: Path) -> None:
    net = make()
    (found,) = obstacles(net)
    assert text in found
    with pytest.raises(ValueError, match="write_sonata: SONATA cannot represent this network:\n  "):
        sl.io.write_sonata(net, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_tables() -> None:
    one = Table.of("x", 3, {"a": 1.0, "b": [2.0, 3.0]})
    assert (one.types.tolist(), one.by_type) == ([0, 0, 0], [{"a": 1.0, "b": [2.0, 3.0]}])
    two = Table.of("x", 3, {"a": np.array([2.0, 1.0, 2.0]), "b": [5.0, np.array([3.0, 4.0, 3.0])]})
    assert [two.by_type[k] for k in two.types] == [
        {"a": 2.0, "b": [5.0, 3.0]},
        {"a": 1.0, "b": [5.0, 4.0]},
        {"a": 2.0, "b": [5.0, 3.0]},
    ]
    many = Table.of("x", 2000, {"a": np.arange(2000.0), "c": 1.0})
    assert many.by_type == [{"c": 1.0}]
    np.testing.assert_array_equal(many.by_node["a"], np.arange(2000.0))


def test_states_and_what_rules_keep() -> None:
    net = with_projection(plasticity=sl.STDP(tau_minus=30.0, coincidence="ignore"))
    (cells,) = net.populations
    (row,) = neuron_table(net, cells).by_type
    assert row["tau_minus"] == 30.0
    assert "V_m" not in row
    cells.V_m[1] = -60.0
    assert [t["V_m"] for t in neuron_table(net, cells).by_type] == [-70.0, -60.0]


def test_trains() -> None:
    net = sl.Network()
    raster = net.population(2, sl.RasterSource([[0, 1], [2, 0]]))
    given = net.population(2, sl.SpikeSource([0.5], [1]))
    packet = net.population(2, sl.PulsePacket([5.0], 3, 1.0))
    assert [x.tolist() for x in given_spikes(net, raster)] == [[1, 2, 2], [1, 0, 0]]
    assert [x.tolist() for x in given_spikes(net, given)] == [[5], [1]]
    recorder = net.record(packet, "spikes")
    net.run(20.0)
    stamps, ids = given_spikes(net, packet)
    order = np.lexsort((ids, stamps))
    np.testing.assert_array_equal(ids[order], recorder.ids)
    assert len(ids) == 6
