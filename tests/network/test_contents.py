"""The parts of a network, in order of creation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import make

import spikelet as sl
from spikelet.network.contents import NetworkContents


def test_parts_are_listed_in_order_of_creation() -> None:
    net = make()
    assert (net.populations, net.projections, net.recorders, net.inputs) == ((), (), (), ())
    source, cells = net.population(3, sl.PoissonSource(50.0)), net.population(4, sl.LIF())
    first = net.connect(cells, cells, sl.AllToAll(), plasticity=sl.STDP())
    second = net.connect(source, cells[1:], sl.AllToAll())
    spikes, v = net.record(cells, "spikes"), net.record(cells[:2], "V_m")
    noise = sl.NoiseInput(std=1.0)
    net.run(0.7)
    drive = net.inject(cells, noise)
    rule = sl.WeightNormalization(total=1.0, every=1.0)
    regulator = net.regulate(first, rule)
    assert [p.name for p in net.populations] == [source.name, cells.name]
    assert net.projections == (first, second)
    assert [p.index for p in net.projections] == [0, 1]
    assert net.recorders == (spikes, v)
    assert net.inputs == (drive,)
    assert (drive.target, drive.input, drive.start) == (cells, noise, 0.7)
    assert net.regulations == (regulator,)
    assert tuple(regulator) == (first, rule)


def test_networks_share_no_parts() -> None:
    one, other = make(), make()
    one.record(one.population(1, sl.LIF()), "spikes")
    assert (len(one.populations), len(one.recorders)) == (1, 1)
    assert other.populations == other.recorders == ()


def test_adding_and_loading_do_not_copy_the_list_of_what_there_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    net = make()
    union = net.join(*(net.population(2, sl.LIF()) for _ in range(4)))
    copies: list[str] = []
    for name in ("populations", "projections"):
        whole = getattr(NetworkContents, name)

        def counted(self: Any, name: str = name, whole: Any = whole) -> Any:
            copies.append(name)
            return whole.fget(self)

        monkeypatch.setattr(NetworkContents, name, property(counted))
    net.population(1, sl.LIF())
    net.connect(union, union, sl.FixedIndegree(5), weight=1.0)
    net.connect(union, union, sl.AllToAll(), weight=1.0)
    assert copies == []
    net.save(tmp_path / "net.npz")
    sl.Network.load(tmp_path / "net.npz")
    assert copies == []


def test_a_population_by_its_name() -> None:
    net = make()
    excitatory, inhibitory = (net.population(2, sl.LIF(), name=name) for name in ("exc", "inh"))
    twins = [net.population(1, sl.LIF(), name="twin") for _ in range(2)]
    assert net["exc"] is excitatory
    assert net["inh"] is inhibitory
    assert net.populations[2:] == tuple(twins)
    for name, text in (
        (
            "exec",
            r"no population has the name 'exec'; did you mean 'exc'\? \(there are: exc, inh, twin\)",
        ),
        ("twin", r"2 populations have the name 'twin'; take one from net\.populations"),
        (0, r"by its name, got 0; by number: net\.populations"),
    ):
        with pytest.raises(KeyError, match=text):
            net[name]  # type: ignore[index]
    with pytest.raises(TypeError, match=r"iterate over net\.populations"):
        list(net)  # type: ignore[call-overload]
