from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import neo
import numpy as np
import pytest
from pyNN.errors import RecordingError


def _cells(sim: Any, n: int = 4) -> Any:
    return sim.Population(n, sim.IF_cond_exp(i_offset=np.linspace(0.5, 2.0, n)), label="cells")


def test_units_annotations_and_names(sim: Any) -> None:
    cells = _cells(sim)
    cells.annotate(area="V1")
    cells.record("spikes")
    cells[1:3].record(["v", "gsyn_exc"])
    sim.run(50.0)
    block = cells.get_data()
    assert isinstance(block, neo.Block)
    assert block.name == "cells"
    about = block.annotations
    assert about["area"] == "V1"
    assert (about["size"], about["simulator"], about["dt"]) == (4, "spikelet", 0.1)
    (segment,) = block.segments
    assert segment.name == "segment000"
    assert segment.block is block
    v, g = segment.filter(name="v")[0], segment.filter(name="gsyn_exc")[0]
    assert (str(v.units.dimensionality), str(g.units.dimensionality)) == ("mV", "uS")
    assert v.shape == (501, 2)
    assert (float(v.t_start), float(v.t_stop)) == (0.0, pytest.approx(50.1))
    assert v.annotations["channel_ids"].tolist() == [int(i) for i in cells[1:3].all_cells]
    assert v.array_annotations["channel_index"].tolist() == [1, 2]
    train = segment.spiketrains[3]
    assert len(train) > 2
    assert train.annotations["source_index"] == 3
    assert train.annotations["channel_id"] == int(cells[3])
    assert train.annotations["source_population"] == "cells"
    assert (float(train.t_start), float(train.t_stop)) == (0.0, 50.0)


def test_reading_does_not_change_the_data(sim: Any) -> None:
    cells = _cells(sim)
    cells.record(["spikes", "v"])
    sim.run(20.0)
    first = cells.get_data().segments[0]
    first.analogsignals[0].magnitude[:] = 0.0
    first.analogsignals.clear()
    sim.run(20.0)
    again = cells.get_data().segments[0]
    assert again.analogsignals[0].shape == (401, 4)
    assert (again.analogsignals[0].magnitude < -40.0).all()


def test_clear_keeps_recording_from_the_present_on(sim: Any) -> None:
    cells = _cells(sim)
    cells.record(["spikes", "v"])
    sim.run(20.0)
    whole = [cells.get_data(clear=True)]
    sim.run(15.0)
    whole.append(cells.get_data(clear=True))
    first, second = (block.segments[0] for block in whole)
    v0, v1 = first.analogsignals[0], second.analogsignals[0]
    assert (len(v0), len(v1)) == (201, 151)
    assert float(v1.t_start) == 20.0
    assert np.array_equal(v0.magnitude[-1], v1.magnitude[0])
    assert float(second.spiketrains[3].t_start) == 20.0
    assert all((train.magnitude > 20.0).all() for train in second.spiketrains)
    sim.setup(timestep=0.1)
    cells = _cells(sim)
    cells.record(["spikes", "v"])
    sim.run(35.0)
    segment = cells.get_data().segments[0]
    joined = np.concatenate([v0.magnitude, v1.magnitude[1:]])
    assert np.array_equal(segment.analogsignals[0].magnitude, joined)
    for i, train in enumerate(segment.spiketrains):
        parts = first.spiketrains[i].magnitude, second.spiketrains[i].magnitude
        assert np.array_equal(train.magnitude, np.concatenate(parts))


def test_what_follows_a_clear_is_a_segment(sim: Any) -> None:
    cells = _cells(sim)
    cells.record("v")
    sim.run(5.0)
    cells.get_data(clear=True)
    sim.run(3.0)
    sim.reset()
    sim.run(1.0)
    first, second = cells.get_data(clear=True).segments
    assert (float(first.analogsignals[0].t_start), len(first.analogsignals[0])) == (5.0, 31)
    assert len(second.analogsignals[0]) == 11
    sim.reset()
    sim.run(2.0)
    (segment,) = cells.get_data().segments
    assert len(segment.analogsignals[0]) == 21
    assert segment.name == "segment002"


def test_sampling_intervals(sim: Any) -> None:
    cells = _cells(sim)
    cells.record("v", sampling_interval=0.5)
    cells.record("gsyn_exc")  # the same interval
    with pytest.raises(ValueError, match="same sampling interval"):
        cells.record("gsyn_inh", sampling_interval=1.0)
    sim.run(3.2)
    cells.get_data(clear=True)  # between two samples
    sim.run(3.0)
    for signal in cells.get_data().segments[0].analogsignals:
        assert float(signal.sampling_period) == 0.5
        assert (float(signal.t_start), len(signal)) == (3.5, 6)
    for bad in (0.25, 0.0, -1.0):
        other = _cells(sim)
        with pytest.raises(ValueError, match="must be a multiple of the time step"):
            other.record("v", sampling_interval=bad)


def test_recording_that_begins_later_begins_then(sim: Any) -> None:
    cells = _cells(sim)
    cells[:2].record("v")
    sim.run(10.0)
    cells.record("v")
    sim.run(5.0)
    early, late = sorted(cells.get_data().segments[0].analogsignals, key=lambda s: float(s.t_start))
    assert (float(early.t_start), early.shape) == (0.0, (151, 2))
    assert (float(late.t_start), late.shape) == (10.0, (51, 2))
    assert late.array_annotations["channel_index"].tolist() == [2, 3]
    sim.reset()
    sim.run(5.0)
    (signal,) = cells.get_data().segments[1].analogsignals
    assert signal.shape == (51, 4)


def test_views_and_variables_of_earlier_segments(sim: Any) -> None:
    cells = _cells(sim)
    cells.record(["spikes", "v", "gsyn_exc"])
    for _ in range(2):
        sim.run(30.0)
        sim.reset()
    block = cells[2:].get_data("v")
    assert len(block.segments) == 2
    for segment in block.segments:
        assert [s.name for s in segment.analogsignals] == ["v"]
        assert segment.analogsignals[0].array_annotations["channel_index"].tolist() == [2, 3]
        assert len(segment.spiketrains) == 0
    spikes = cells[3:].get_data("spikes").segments[0]
    assert len(spikes.spiketrains) == 1
    assert len(spikes.analogsignals) == 0


def test_spike_counts(sim: Any) -> None:
    cells = _cells(sim)
    cells[1:].record("spikes")
    sim.run(100.0)
    counts = cells.get_spike_counts()
    trains = cells.get_data().segments[0].spiketrains
    assert list(counts) == [int(i) for i in cells[1:].all_cells]
    assert list(counts.values()) == [len(train) for train in trains]
    assert cells.mean_spike_count() == pytest.approx(np.mean([len(train) for train in trains]))
    assert cells[:2].get_spike_counts() == {int(cells[1]): len(trains[0])}
    with pytest.raises(NotImplementedError, match="only spikes"):
        cells.recorder.count("v")


def test_record_none_stops_recording(sim: Any) -> None:
    cells = _cells(sim)
    cells.record(["spikes", "v"])
    sim.run(10.0)
    sim.reset()
    cells.record(None)
    cells[1:2].record("v")
    sim.run(10.0)
    old, new = cells.get_data().segments
    assert old.analogsignals[0].shape == (101, 4)
    assert new.analogsignals[0].shape == (101, 1)
    assert len(new.spiketrains) == 0


def test_what_cannot_be_recorded_is_refused_before_anything_changes(sim: Any) -> None:
    cells = _cells(sim)
    with pytest.raises(RecordingError, match="Cannot record w from cell type IF_cond_exp"):
        cells.record(["v", "w"])
    with pytest.raises(NotImplementedError, match="no locations"):
        cells.record("v", locations="soma")
    assert not any(cells.recorder.recorded.values())
    sim.run(1.0)
    assert len(cells.get_data().segments[0].analogsignals) == 0


def test_data_before_the_first_run_is_empty(sim: Any) -> None:
    cells = _cells(sim)
    cells.record(["spikes", "v"])
    (segment,) = cells.get_data().segments
    assert len(segment.spiketrains) == 4
    assert all(len(train) == 0 for train in segment.spiketrains)
    assert len(segment.analogsignals) == 0


def test_blocks_can_be_written_and_pickled(sim: Any, tmp_path: Path) -> None:
    cells = _cells(sim)
    cells.record(["spikes", "v"])
    sim.run(20.0)
    path = tmp_path / "cells.pkl"
    cells.write_data(str(path), annotations={"trial": 1})
    (block,) = neo.io.PickleIO(str(path)).read()
    assert block.annotations["trial"] == 1
    copy = pickle.loads(pickle.dumps(cells.get_data()))
    for read in (block, copy):
        here = cells.get_data().segments[0]
        assert np.array_equal(read.segments[0].analogsignals[0], here.analogsignals[0])
        for a, b in zip(read.segments[0].spiketrains, here.spiketrains, strict=True):
            assert np.array_equal(a.magnitude, b.magnitude)
