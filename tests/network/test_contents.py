"""The parts of a network, in order of creation."""

from __future__ import annotations

from tests.conftest import make

import spikelet as sl


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
    rule = sl.WeightNormalisation(total=1.0, every=1.0)
    net.regulate(first, rule)
    assert [p.name for p in net.populations] == [source.name, cells.name]
    assert net.projections == (first, second)
    assert [p.index for p in net.projections] == [0, 1]
    assert net.recorders == (spikes, v)
    assert net.inputs == (drive,)
    assert (drive.target, drive.input, drive.start) == (cells, noise, 0.7)
    assert net.regulations == ((first, rule),)


def test_networks_share_no_parts() -> None:
    one, other = make(), make()
    one.record(one.population(1, sl.LIF()), "spikes")
    assert (len(one.populations), len(one.recorders)) == (1, 1)
    assert other.populations == other.recorders == ()
