"""A network's recordings as a block of Neo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl

neo = pytest.importorskip("neo")


def test_a_block_holds_all_recordings(tmp_path: Path) -> None:
    net = make(seed=3)
    E = net.population(5, sl.LIF(I_e=800.0), name="E")
    I = net.population(3, sl.LIF(I_e=900.0), name="I")
    synapses = net.connect(E, I, sl.AllToAll(), weight=1.0, plasticity=sl.STDP())
    spikes = [net.record(E, "spikes"), net.record(I, "spikes")]
    v = net.record(I, ["V_m", "theta"])
    w = net.record(synapses, "weights", every=5.0)
    net.run(40.0)
    block = net.to_neo()
    file = neo.io.PickleIO(str(tmp_path / "run.pkl"))
    file.write_block(block)
    for found in (block, file.read_block()):
        assert found.annotations["dt"] == net.dt
        (segment,) = found.segments
        assert len(segment.spiketrains) == 8
        assert [s.name for s in segment.analogsignals] == ["V_m", "theta", "weights"]
        for recorder, group in zip(spikes, found.groups, strict=True):
            name = recorder.target.name
            assert group.name == name
            assert (group.annotations["size"], group.annotations["model"]) == (
                len(recorder.target),
                "LIF",
            )
            assert sl.Spikes.from_neo(segment, population=name) == recorder.spikes
            assert sl.Spikes.from_neo(group) == recorder.spikes
            assert len(recorder) > 0
        assert [len(g.analogsignals) for g in found.groups] == [0, 2]
        np.testing.assert_array_equal(segment.analogsignals[0].magnitude, v["V_m"].values)
        np.testing.assert_array_equal(segment.analogsignals[2].magnitude, w.values)
        assert all(train.segment is segment for train in segment.spiketrains)


def test_a_network_without_recorders_is_an_empty_block() -> None:
    net = make()
    net.population(2, sl.LIF())
    block = net.to_neo()
    assert (len(block.segments), len(block.groups)) == (1, 1)


def test_spikes_of_neo_drive_another_network() -> None:
    net = make()
    cells = net.population(4, sl.LIF(I_e=np.linspace(500.0, 900.0, 4)), name="E")
    recorder = net.record(cells, "spikes")
    net.run(50.0)
    replay = make()
    source = sl.SpikeSource(sl.Spikes.from_neo(net.to_neo()))
    played = replay.record(replay.population(4, source), "spikes")
    replay.run(50.0)
    assert played.spikes == recorder.spikes


def test_times_off_the_grid_name_snap() -> None:
    train = neo.SpikeTrain([0.00012, 0.01], units="s", t_stop=0.05)
    spikes = sl.Spikes.from_neo(train)
    net = make()
    with pytest.raises(ValueError, match=r"must lie on the grid of dt = 0\.1 ms .*snap=True"):
        net.population(1, sl.SpikeSource(spikes))
    played = net.record(net.population(1, sl.SpikeSource(spikes, snap=True)), "spikes")
    net.run(20.0)
    assert played.times.tolist() == [0.1, 10.0]
