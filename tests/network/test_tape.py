"""What recorders hold: copies, cleared on request, without effect on the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.conftest import busy_network, to_steps, train

import spikelet as sl


def test_clear_forgets_what_was_recorded() -> None:
    net, cells, spikes, plastic = busy_network()
    v, w = net.record(cells, "V_m"), net.record(plastic, "weights", every=1.0)
    net.run(20.0)
    assert len(spikes.times) > 10
    for recorder in (spikes, v, w):
        recorder.clear()
        assert len(recorder.times) == 0
    net.run(10.0)
    assert spikes.times.min() > 20.0
    np.testing.assert_allclose(v.times, np.arange(20.1, 30.05, 0.1))
    assert v.values.shape == (100, 90)
    assert w.values.shape == (10, len(plastic))


@pytest.mark.parametrize("pieces", [[9.7], [0.1, 0.2, 0.0, 3.3, 0.7, 5.4]])
@pytest.mark.parametrize("every", [None, 0.1, 0.3, 1.0, 4.0, 20.0])
def test_samples_lie_at_multiples_of_every(every: float | None, pieces: list[float]) -> None:
    net, cells, _, plastic = busy_network()
    part = cells[[80, 2, 41]]
    sparse, dense = net.record(part, "V_m", every=every), net.record(cells, "V_m")
    weights = net.record(plastic, "weights", every=every or 0.1)
    for piece in pieces:
        net.run(piece)
    k = round((every or 0.1) / 0.1)
    steps = np.arange(k, 98, k)
    np.testing.assert_array_equal(to_steps(sparse.times), steps)
    np.testing.assert_array_equal(sparse.values, dense.values[steps - 1][:, [80, 2, 41]])
    np.testing.assert_array_equal(to_steps(weights.times), steps)
    assert sparse.values.shape == (len(steps), 3)


@pytest.mark.parametrize("every", [1, 7])
def test_the_core_gives_the_samples_of_an_interval_only(every: int) -> None:
    net, cells, _, plastic = busy_network()
    v = net.record(cells[[80, 2]], "V_m", every=0.1 * every)
    w = net.record(plastic, "weights", every=0.1 * every)
    net.run(5.0)
    sim = net.engine.sim
    for recorder, read in ((v, sim.recorded_states), (w, sim.recorded_weights)):
        steps, values = to_steps(recorder.times), recorder.values
        for start, stop in ((-1, 50), (3, 21), (20, 21), (7, 7), (30, 10), (49, 90), (90, 99)):
            stamps, found = read(0, start, stop)
            wanted = (steps > start) & (steps <= stop)
            np.testing.assert_array_equal(stamps, steps[wanted])
            np.testing.assert_array_equal(found, values[wanted])
            times, between = recorder.between(max(start, 0) * net.dt, stop * net.dt)
            np.testing.assert_array_equal(to_steps(times), steps[wanted])
            np.testing.assert_array_equal(between, values[wanted])


def test_what_is_read_is_a_copy() -> None:
    net, cells, spikes, plastic = busy_network()
    v, w = net.record(cells, "V_m"), net.record(plastic, "weights", every=1.0)
    net.run(10.0)
    for recorder, name in ((spikes, "times"), (spikes, "ids"), (v, "values"), (w, "values")):
        before = getattr(recorder, name).copy()
        getattr(recorder, name)[:] = 7
        np.testing.assert_array_equal(getattr(recorder, name), before)


def test_the_number_of_recorders_changes_no_bit() -> None:
    net, cells, spikes, plastic = busy_network(dtype="float32")
    net.run(50.0)
    other, twins, others, twin = busy_network(dtype="float32")
    for state in ("V_m", "I_syn_ex", "theta"):
        other.record(twins[::3], state, every=0.4)
    other.record(twin, "weights", every=0.3)
    other.record(twins, "spikes")
    other.run(50.0)
    assert train(others) == train(spikes)
    np.testing.assert_array_equal(twins.V_m[:], cells.V_m[:])
    np.testing.assert_array_equal(twin.weights, plastic.weights)


def test_what_a_loaded_network_kept_is_read_without_copies_but_given_as_copies(
    tmp_path: Path,
) -> None:
    net, cells, _, plastic = busy_network()
    net.record(cells, "V_m")
    net.record(plastic, "weights", every=1.0)
    net.run(10.0)
    net.save(tmp_path / "net", recorders=True)
    loaded = sl.Network.load(tmp_path / "net")
    for recorder in loaded.recorders:
        ((stamps, data),) = recorder.tape.blocks()
        kept = recorder.tape.earlier[0]
        assert np.shares_memory(data, kept[1])
        assert recorder.tape.stamps() is kept[0]
        assert len(stamps) > 0
        before = data.copy()
        for read in (getattr(recorder, "values", None), recorder.between()[1]):
            if read is not None:
                read[:] = 7
        np.testing.assert_array_equal(recorder.tape.earlier[0][1], before)
    loaded.run(5.0)
    for recorder, twin in zip(loaded.recorders, net.recorders, strict=True):
        assert len(list(recorder.tape.blocks())) == 2
        assert [len(x) for x, _ in recorder.tape.blocks(-1, 100)] == [twin.tape.count()]
        assert [len(x) for x, _ in recorder.tape.blocks(10**6)] == [0]
