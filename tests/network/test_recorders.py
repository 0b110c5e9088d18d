"""Recorders: what is recorded, when, and in which order."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import MODELS, STRONG, busy_network, make, source, train

import spikelet as sl
from spikelet.recording.reading import SpikeRecording

# Spikes


@pytest.mark.parametrize("threads", [1, 3])
def test_spikes_are_sorted_by_time_then_id(threads: int) -> None:
    net = make(threads=threads)
    rng = np.random.default_rng(0)
    stamps, ids = np.sort(rng.integers(0, 50, 600)), rng.integers(0, 200, 600)
    spikes = net.record(net.population(200, sl.SpikeSource(stamps * 0.1, ids, snap=True)), "spikes")
    for _ in range(5):
        net.run(1.0)
    assert train(spikes) == sorted(zip(stamps.tolist(), ids.tolist(), strict=True))
    assert spikes.times.dtype == np.float64
    assert spikes.ids.dtype == np.int64
    # A time is the float nearest to a multiple of 0.1.
    np.testing.assert_array_equal(spikes.times, [float(f"{s / 10:.1f}") for s in np.sort(stamps)])


def test_spikes_of_a_part() -> None:
    net, cells, whole, _ = busy_network()
    part = net.record(cells[[70, 3, 12]], "spikes")
    one = net.record(cells[64], "spikes")
    net.run(80.0)
    everything = train(whole)
    assert train(part) == [e for e in everything if e[1] in (3, 12, 70)]
    assert train(one) == [e for e in everything if e[1] == 64]
    np.testing.assert_array_equal(part.counts(), whole.counts()[[70, 3, 12]])
    assert part.counts().min() > 0


def test_counts_and_rates() -> None:
    net = make()
    stamps = [0, 0, 5, 10, 10, 15, 20]
    spikes = net.record(source(net, stamps, [0, 1, 1, 1, 2, 1, 0]), "spikes")
    net.run(4.0)
    np.testing.assert_array_equal(spikes.counts(), [2, 4, 1])
    np.testing.assert_array_equal(spikes.counts(0.0, 1.0), [1, 3, 1])
    np.testing.assert_array_equal(spikes.counts(0.5, 1.5), [0, 2, 1])  # start < time <= stop
    np.testing.assert_array_equal(spikes.counts(1.0), [1, 1, 0])
    np.testing.assert_array_equal(spikes.counts(3.0, 4.0), [0, 0, 0])
    np.testing.assert_allclose(spikes.rates(), [500.0, 1000.0, 250.0])
    np.testing.assert_allclose(spikes.rates(0.5, 2.5), [500.0, 1000.0, 500.0])
    assert "7 spikes" in repr(spikes)


@pytest.mark.parametrize("dt", [0.1, 0.05, 0.4, 0.07])
def test_ends_of_intervals_may_miss_the_grid_by_rounding(dt: float) -> None:
    """0.3 - 0.1 is 0.19999999999999998: a loop that reads each step would count the spike at 0.2 twice."""
    net = sl.Network(dt=dt, threads=1)
    steps = np.arange(1, 301)
    spikes = net.record(
        net.population(1, sl.SpikeSource(steps * dt, 0 * steps, snap=True)), "spikes"
    )
    potential = net.record(net.population(1, sl.LIF()), "V_m")
    net.run(300 * dt)
    ends = np.cumsum(np.full(300, dt))  # 0.1 + ... + 0.1
    assert (ends != spikes.times).any()
    assert (spikes.times[1:] - dt != spikes.times[:-1]).any()
    value = spikes.spikes
    for start, stop, expected in [
        *zip(spikes.times - dt, spikes.times, steps, strict=True),
        *zip(ends[:-1], ends[1:], steps[1:], strict=True),
    ]:
        for recorder in (spikes, potential):
            assert np.rint(recorder.between(start, stop)[0] / dt).tolist() == [expected]
        assert spikes.counts(start, stop).tolist() == value.counts(start, stop).tolist() == [1]
        assert len(value.between(start, stop)) == 1
        rate = sl.statistics.rates(value, start, stop)[0]
        np.testing.assert_allclose([rate, spikes.rates(start, stop)[0]], 1e3 / dt, rtol=1e-9)


def test_rates_are_of_the_time_that_was_recorded() -> None:
    net = make()
    spikes = net.record(source(net, [5, 10], [0, 0]), "spikes")
    net.run(4.0)
    np.testing.assert_array_equal(spikes.rates(0.0, 1e9), spikes.rates())  # the run ended at 4 ms
    np.testing.assert_array_equal(spikes.rates(1.0, 40.0), spikes.rates(1.0, 4.0))
    with pytest.raises(ValueError, match=r"^rates: stop must not be before start = 3 ms, got 2\.0"):
        spikes.rates(3.0, 2.0)


def test_rates_take_quantities() -> None:
    pq = pytest.importorskip("quantities")
    net = make()
    spikes = net.record(source(net, [5, 10], [0, 0]), "spikes")
    net.run(4.0)
    np.testing.assert_array_equal(spikes.rates(0 * pq.s, 2e-3 * pq.s), spikes.rates(0.0, 2.0))
    np.testing.assert_array_equal(spikes.rates(stop=2e-3 * pq.s), spikes.rates(stop=2.0))


def test_rates_before_a_run_are_zero() -> None:
    net = make()
    spikes = net.record(net.population(3, sl.LIF()), "spikes")
    np.testing.assert_array_equal(spikes.rates(), np.zeros(3))
    assert len(spikes.times) == len(spikes.ids) == 0


# States


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("model", MODELS)
def test_samples_are_the_states_at_the_ends_of_steps(model: Any, dtype: str, threads: int) -> None:
    net, cells, _, _ = busy_network(model, dtype=dtype, threads=threads, theta=True)
    states = cells.model.states
    recorders = [net.record(cells, state) for state in states]
    other, twins, _, _ = busy_network(model, dtype=dtype, theta=True)
    net.run(6.0)
    read: dict[str, list[Any]] = {state: [] for state in states}
    for _ in range(60):
        other.run(0.1)
        for state in states:
            read[state].append(np.asarray(getattr(twins, state)))
    for state, recorder in zip(states, recorders, strict=True):
        assert recorder.values.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(recorder.values, read[state])
        assert np.ptp(recorder.values) > 0


def test_theta_of_a_model_that_does_not_adapt_is_zero() -> None:
    net = make()
    cells = net.population(3, sl.LIF(I_e=900.0))
    theta = net.record(cells, "theta")
    net.run(20.0)
    np.testing.assert_array_equal(theta.values, np.zeros((200, 3)))


# Weights


@pytest.mark.parametrize("threads", [1, 3])
def test_recorded_weights_are_those_that_are_read(threads: int) -> None:
    net, _, _, plastic = busy_network(threads=threads)
    recorder = net.record(plastic, "weights", every=0.7)
    other, _, _, twin = busy_network()
    net.run(30.0)
    read = []
    for _ in range(42):
        other.run(0.7)
        read.append(twin.weights)
    np.testing.assert_array_equal(recorder.values, read)
    assert len(np.unique(recorder.values)) > 1000
    assert "42 samples" in repr(recorder)


def test_static_weights_can_be_recorded() -> None:
    net = make()
    cells = net.population(2, sl.LIF())
    p = net.connect(cells, cells, sl.AllToAll(), weight=[1.0, 2.0, 3.0, -4.0])
    recorder = net.record(p, "weights", every=1.0)
    net.run(1.0)
    p.weights = 5.0
    net.run(1.0)
    np.testing.assert_array_equal(recorder.values, [[1.0, 2.0, 3.0, -4.0], [5.0] * 4])


# Several states, when they are recorded, and before the reset


def test_a_list_of_states_is_one_recorder() -> None:
    net, cells, _, _ = busy_network()
    both = net.record(cells[[5, 2]], ["V_m", "I_syn_ex"], every=0.5)
    single = [net.record(cells[[5, 2]], name, every=0.5) for name in ("V_m", "I_syn_ex")]
    net.run(20.0)
    v, i = both.values
    np.testing.assert_array_equal(v, single[0].values)
    np.testing.assert_array_equal(i, single[1].values)
    np.testing.assert_array_equal(both["I_syn_ex"].values, i)
    np.testing.assert_array_equal(both.times, single[0].times)
    np.testing.assert_array_equal(both.between(5.0, 10.0)[1], [x[10:20] for x in both.values])
    assert (len(both), both.names, list(both)) == (40, ("V_m", "I_syn_ex"), ["V_m", "I_syn_ex"])
    with pytest.raises(KeyError, match="there are: V_m, I_syn_ex"):
        both["theta"]
    both.pause()
    net.run(5.0)
    both.resume()
    assert len(both) == 40 < len(single[0])
    both.clear()
    assert len(both) == 0


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("cuts", [[60.0], [0.1, 20.0, 7.7, 32.2]])
def test_start_and_stop(cuts: list[float], threads: int) -> None:
    net, cells, everything, plastic = busy_network(threads=threads)
    when: Any = {"start": 10.0, "stop": 25.0}
    always = [net.record(cells[:70], "V_m", every=0.3), net.record(plastic, "weights", every=4.0)]
    spikes, v = (
        net.record(cells, "spikes", **when),
        net.record(cells[:70], "V_m", every=0.3, **when),
    )
    w = net.record(plastic, "weights", every=4.0, **when)
    for length in cuts:
        net.run(length)
    inside = (everything.times > 10.0) & (everything.times <= 25.0)
    np.testing.assert_array_equal(spikes.times, everything.times[inside])
    np.testing.assert_array_equal(spikes.ids, everything.ids[inside])
    for part, whole in zip((v, w), always, strict=True):
        inside = (whole.times > 10.0 + 1e-9) & (whole.times <= 25.0 + 1e-9)
        np.testing.assert_array_equal(part.times, whole.times[inside])
        np.testing.assert_array_equal(part.values, whole.values[inside])
    np.testing.assert_allclose(spikes.rates(), spikes.counts() / 0.015)
    np.testing.assert_allclose(sl.statistics.rates(spikes), spikes.counts() / 0.015)
    assert (spikes.start, spikes.stop, everything.start, everything.stop) == (
        10.0,
        25.0,
        0.0,
        np.inf,
    )


def test_spikes_at_time_0_count_from_the_start() -> None:
    net = make()
    sources = source(net, [0, 0, 3], [0, 1, 1])
    first, later = (
        net.record(sources, "spikes", start=0.0),
        net.record(sources, "spikes", start=0.1),
    )
    net.run(1.0)
    assert train(first) == [(0, 0), (0, 1), (3, 1)]
    assert train(later) == [(3, 1)]


def test_pause_and_resume() -> None:
    net, cells, everything, _ = busy_network()
    spikes, v = net.record(cells, "spikes"), net.record(cells[:3], "V_m", every=1.0)
    net.run(20.0)
    for recorder in (spikes, v):
        recorder.pause()
        assert recorder.paused
    net.run(20.0)
    spikes.resume()
    v.resume()
    v.resume()
    net.run(20.0)
    kept = (everything.times <= 20.0) | (everything.times > 40.0)
    np.testing.assert_array_equal(spikes.times, everything.times[kept])
    assert v.times.tolist() == [*range(1, 21), *range(41, 61)]
    assert spikes.rates().sum() < everything.rates().sum()  # over all of the time


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_potential_before_the_reset(model: type, threads: int) -> None:
    """It is that of a twin without threshold, which got the same input since the reset."""
    net = make(threads=threads)
    cells = net.population(70, model(t_ref=0.5, V_reset=-65.0), name="cells")
    cells.V_m = np.linspace(-70.0, -56.0, 70)
    net.inject(cells, sl.PoissonInput(4000.0, STRONG[model.__name__]))
    before = net.record(cells, "V_m", when="before_reset")
    after, spikes = net.record(cells, "V_m"), net.record(cells, "spikes")
    every = net.record(cells[::3], "V_m", when="before_reset", every=0.7)
    for length in (0.1, 12.3, 17.6):
        net.run(length)
    fired = np.zeros(before.values.shape, bool)
    fired[np.rint(spikes.times / 0.1).astype(int) - 1, spikes.ids] = True
    assert fired.sum() > 100
    assert (before.values[fired] >= -55.0).all()
    assert (after.values[fired] == -65.0).all()
    np.testing.assert_array_equal(before.values[~fired], after.values[~fired])
    np.testing.assert_array_equal(every.values, before.values[6::7, ::3])
    assert before.when == "before_reset"


def test_the_potential_before_the_reset_is_what_was_integrated() -> None:
    net = make()
    cell = net.population(1, sl.LIF(I_e=500.0, t_ref=0.0), name="cell")
    free = net.population(1, sl.LIF(I_e=500.0, V_th=1e6), name="free")
    peak, course = net.record(cell, "V_m", when="before_reset"), net.record(free, "V_m")
    spikes = net.record(cell, "spikes")
    net.run(20.0)
    first = round(spikes.times[0] / 0.1)
    np.testing.assert_array_equal(
        peak.values[:first], course.values[:first]
    )  # the spike is the last of them
    assert peak.values[first - 1, 0] > -55.0


def test_lif_nmda_spikes_at_the_potential_that_it_reached() -> None:
    """Magnesium opens a gate between 0 and 1: no upstroke that must be cut."""
    net = make()
    cell = net.population(1, sl.LIFNMDA(I_e=2000.0), name="cell")
    free = net.population(1, sl.LIFNMDA(I_e=2000.0, V_th=1e6), name="free")
    both = cell + free
    net.inject(both, sl.PoissonInput(0.0, 1.0, receptor="NMDA"))
    both.s_NMDA = 30.0
    peak, course = net.record(cell, "V_m", when="before_reset"), net.record(free, "V_m")
    spikes = net.record(cell, "spikes")
    net.run(20.0)
    first = round(spikes.times[0] / 0.1)
    np.testing.assert_array_equal(peak.values[:first], course.values[:first])
    assert peak.values[first - 1, 0] > -55.0


def test_the_first_state_of_equations_before_the_reset() -> None:
    kind = sl.Equations("dv/dt = 1\ndw/dt = 0", threshold="v >= 0.95", reset="v = 0; w += 1")
    net = make()
    cell = net.population(1, kind())
    peaks, w = net.record(cell, "v", when="before_reset", every=0.5), net.record(cell, "w")
    with pytest.raises(
        ValueError, match="for w; before the reset there is the first state only, v"
    ):
        net.record(cell, "w", when="before_reset")
    net.run(3.0)
    np.testing.assert_allclose(peaks.values[:, 0], [0.5, 1.0, 0.5, 1.0, 0.5, 1.0])
    assert w.values[-1, 0] == 3.0


def test_a_potential_that_is_not_the_first_state_has_no_value_before_the_reset() -> None:
    kind = sl.Equations("dw/dt = 0\ndV_m/dt = 1", threshold="V_m >= 1", reset="V_m = 0")
    net = make()
    with pytest.raises(
        ValueError, match="for V_m; before the reset there is the first state only, w"
    ):
        net.record(net.population(1, kind()), "V_m", when="before_reset")


def test_recorders_say_what_is_wrong(small: tuple[sl.Network, Any]) -> None:
    net, cells = small
    for given, error, text in (
        ({"what": ["V_m", "x"]}, ValueError, "must be one of: spikes, V_m"),
        ({"what": ["V_m", "V_m"]}, ValueError, "each once"),
        ({"what": ["spikes", "V_m"]}, ValueError, "record spikes and weights separately"),
        ({"what": []}, TypeError, "a list of names of states"),
        ({"what": 3}, TypeError, "a list of names of states"),
        ({"what": "V_m", "start": 5.0, "stop": 5.0}, ValueError, "stop must be after start = 5 ms"),
        ({"what": "V_m", "start": -1.0}, ValueError, "start must be >= 0"),
        ({"what": "spikes", "start": 0.05}, ValueError, "start must be a multiple of dt"),
        ({"what": "theta", "when": "before_reset"}, ValueError, "the first state only, V_m"),
        ({"what": "spikes", "when": "before_reset"}, ValueError, "the first state only, V_m"),
        ({"what": "V_m", "when": "later"}, ValueError, '"after_reset" or "before_reset"'),
    ):
        with pytest.raises(error, match=text):
            net.record(cells, **given)  # type: ignore[call-overload]
    assert net.recorders == ()


@pytest.mark.parametrize("what", ["V_m", "spikes", ["V_m", "I_syn_ex"]])
def test_a_stop_in_the_past_is_refused(small: tuple[sl.Network, Any], what: Any) -> None:
    """It recorded nothing, without a word."""
    net, cells = small
    net.run(5.0)
    for stop in (1.0, 5.0):
        with pytest.raises(
            ValueError, match=rf"stop must be after the present time, 5 ms .*reset.*got {stop}"
        ):
            net.record(cells, what, stop=stop)
    assert net.recorders == ()
    recorder: Any = net.record(cells, "V_m", start=2.0, stop=5.5)
    net.run(5.0)
    assert recorder.times[-1] == 5.5


def test_length_and_truth(small: tuple[sl.Network, Any]) -> None:
    net, cells = small
    spikes, v = net.record(cells, "spikes"), net.record(cells, "V_m", every=1.0)
    assert (len(spikes), len(v), bool(spikes), bool(v)) == (0, 0, True, True)
    net.run(30.0)
    assert (len(spikes), len(v)) == (len(spikes.times), 30)


def test_when_recorders_record_is_saved(tmp_path: Path, small: tuple[sl.Network, Any]) -> None:
    net, cells = small
    net.record(cells, "spikes", start=5.0, stop=40.0)
    net.record(cells[1:], "V_m", when="before_reset", every=0.5)
    net.record(cells, "V_m").pause()
    net.record(cells, "spikes", to=tmp_path / "rec.rec", start=5.0)
    net.record(cells, "V_m", to=tmp_path / "rec.rec", when="before_reset")
    net.run(20.0)
    net.save(tmp_path / "net.npz", recorders=True)
    loaded = sl.Network.load(tmp_path / "net.npz")
    first, peaks, paused, on_disk, more = loaded.recorders
    assert isinstance(first, sl.SpikeRecorder)
    assert isinstance(peaks, sl.StateRecorder)
    assert isinstance(more, sl.StateRecorder)
    assert (first.start, first.stop, paused.paused, on_disk.start) == (5.0, 40.0, True, 5.0)
    assert peaks.when == more.when == "before_reset"
    loaded.run(25.0)
    assert len(paused) == 0
    assert first.times.max() <= 40.0
    np.testing.assert_array_equal(more.values[4::5, 1:], peaks.values)
    disk = sl.read_recording(tmp_path / "rec.rec", "cells.spikes")
    assert isinstance(disk, SpikeRecording)
    np.testing.assert_allclose(disk.rates(), disk.counts() / 0.04)
    assert sl.recording_names(tmp_path / "rec.rec") == ["cells.spikes", "cells.V_m.before_reset"]


def test_the_potential_before_the_reset_of_a_model_from_text() -> None:
    model = sl.Equations(
        "tau_m*dV_m/dt = E_L - V_m + R*I_e", threshold="V_m >= V_th", reset="V_m = V_reset",
        parameters={"tau_m": (10.0, "ms"), "E_L": (-70.0, "mV"), "R": 0.04, "I_e": (500.0, "pA"),
                    "V_th": (-55.0, "mV"), "V_reset": (-70.0, "mV")},
        name="Plain",
    )  # fmt: skip
    net = make()
    pair = net.population(70, model()) + net.population(70, sl.LIF(I_e=500.0, t_ref=0.0))
    pair.V_m = np.tile(np.linspace(-70.0, -56.0, 70), 2)
    peaks, spikes = net.record(pair, "V_m", when="before_reset"), net.record(pair, "spikes")
    net.run(30.0)
    assert len(spikes) > 200
    assert peaks.values.max() > -55.0
    np.testing.assert_allclose(peaks.values[:, :70], peaks.values[:, 70:], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "kind", [sl.LIFCond, sl.LIFCondAlpha, sl.LIFCondSFA], ids=lambda kind: kind.__name__
)
def test_conductances_have_no_upstroke(kind: Any) -> None:
    """A neuron spikes at what was integrated, not at its threshold: the potential of a twin without one."""
    net = make(dtype="float64")
    cell = net.population(20, kind(I_e=900.0, t_ref=0.0), name="cell")
    free = net.population(20, kind(I_e=900.0, V_th=1e6), name="free")
    for cells in (cell, free):
        cells.V_m = np.linspace(-70.0, -60.0, 20)
        state = "dg_ex" if "dg_ex" in cells.states else "g_ex"
        setattr(cells, state, np.linspace(5.0, 30.0, 20))
    peak, course = net.record(cell, "V_m", when="before_reset"), net.record(free, "V_m")
    spikes = net.record(cell, "spikes")
    net.run(10.0)
    firsts = [np.rint(spikes.times[spikes.ids == k][0] / 0.1).astype(int) for k in range(20)]
    for k, first in enumerate(firsts):
        np.testing.assert_array_equal(peak.values[:first, k], course.values[:first, k])
    at_spike = peak.values[np.array(firsts) - 1, np.arange(20)]
    assert np.mean(at_spike - cell.V_th) > 0.05


def test_a_reset_reads_the_potential_that_was_integrated() -> None:
    """Unless it is an upstroke, which ends at its threshold."""
    text = "dv/dt = {}*g + 0.5\ndg/dt = -g/5\ndreached/dt = 0"
    how = {"threshold": "v > 1", "reset": "reached = v; v = 0"}
    reached = {}
    for name, rate in (("linear", "(2 - v)"), ("upstroke", "(2 - v + 0.1*v**3)")):
        model = sl.Equations(text.format(rate), **how)
        net = sl.Network(dt=0.1, dtype="float64")
        cell = net.population(1, model(), name=name)
        cell.g = 1.0
        spikes = net.record(cell, "spikes")
        v = net.record(cell, "v", when="before_reset")
        net.run(0.8)
        assert len(spikes) == 1
        reached[name] = float(cell.reached[0])
        assert reached[name] == v.values[round(spikes.times[0] / 0.1) - 1, 0]
    assert reached["upstroke"] == 1.0
    # v' = (2 - v) e^(-t/5) + 0.5, by Runge and Kutta in small steps
    v, h, t = 0.0, 1e-4, 0.0
    while t < spikes.times[0] - 0.5 * h:
        slope = [0.0] * 4
        for k, part in enumerate((0.0, 0.5, 0.5, 1.0)):
            at = v + part * h * slope[k - 1] if k else v
            slope[k] = (2.0 - at) * np.exp(-(t + part * h) / 5.0) + 0.5
        v, t = v + h / 6.0 * (slope[0] + 2 * slope[1] + 2 * slope[2] + slope[3]), t + h
    assert abs(reached["linear"] - v) < 1e-6
    assert v > 1.005


def test_a_recorder_made_later_has_observed_since_then(tmp_path: Path) -> None:
    """What was before it counts neither in rates nor in Neo's t_start."""
    net = sl.Network(dt=0.1)
    cells = net.population(3, sl.LIF(I_e=900.0), name="E")
    whole = net.record(cells, "spikes")
    net.run(100.0)
    late = net.record(cells, "spikes")
    union = net.record(cells[:2] + cells[2:], "spikes")
    on_disk = net.record(cells, "spikes", to=tmp_path / "late.rec")
    limited = net.record(cells, "spikes", start=120.0)
    net.run(50.0)
    expected = whole.spikes.between(100.0, 150.0)
    assert len(expected) > 0
    for recorder in (late, union, on_disk, pickle.loads(pickle.dumps(late))):
        assert recorder.start == 100.0
        assert recorder.spikes == expected
        np.testing.assert_array_equal(recorder.rates(), expected.rates())
        np.testing.assert_array_equal(sl.statistics.rates(recorder), expected.rates())
    assert sl.read_recording(tmp_path / "late.rec").spikes == expected
    assert limited.spikes == whole.spikes.between(120.0, 150.0)
    net.save(tmp_path / "net.npz", recorders=True)
    assert sl.Network.load(tmp_path / "net.npz").recorders[1].spikes == expected
    late.clear()
    net.run(10.0)
    assert late.spikes == whole.spikes.between(150.0, 160.0)
    for at in (0.0, 200.0):
        net.reset(at=at)
        net.run(30.0)
        for recorder in (whole, late, on_disk):
            assert (recorder.spikes.start, recorder.spikes.stop) == (at, at + 30.0)
            assert recorder.spikes == whole.spikes
