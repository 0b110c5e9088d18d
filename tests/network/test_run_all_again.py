"""Runs of an ensemble, again and again: whatever happens to a network in between shows as after runs by itself."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from tests.conftest import train
from tests.support.running import Stop, in_thread

import spikelet as sl

COUNT = 12


class Made(NamedTuple):
    """A network with one of each part that may change between runs."""

    net: sl.Network
    cells: sl.Population
    others: sl.Population
    noise: sl.Population
    given: sl.Population
    projection: sl.Projection
    drives: list[Any]
    recorders: list[Any]


def made(seed: int, dtype: Any = "float32") -> Made:
    own = np.random.default_rng(seed)
    net = sl.Network(dt=0.1, seed=seed, threads=1, dtype=dtype)
    n = int(own.integers(3, 140))
    cells = net.population(n, sl.LIF(V_th=own.uniform(-56.0, -54.0, n)), name="E")
    others = net.population(70, sl.LIFAlpha(theta_plus=0.5, tau_theta=40.0), name="A")
    noise = net.population(20, sl.PoissonSource(rate=20.0), name="noise")
    times, ids = np.sort(own.integers(0, 3000, 300)) / 10, own.integers(0, 10, 300)
    given = net.population(10, sl.SpikeSource(times, ids), name="given")
    projection = net.connect(cells, others, sl.FixedProbability(0.2), weight=sl.Normal(30.0, 5.0), delay=sl.Uniform(0.1, 3.0))  # fmt: skip
    net.connect(others, cells, sl.FixedIndegree(3), weight=-20.0, delay=1.0)
    net.connect(noise, cells, sl.FixedIndegree(3), weight=50.0, delay=0.5)
    net.connect(given, others, sl.FixedIndegree(2), weight=90.0, delay=2.0)
    drives = [
        net.inject(cells, sl.PoissonInput(rate=8000.0, weight=35.0)),
        net.inject(others[: 1 + seed], sl.NoiseInput(mean=400.0, std=100.0, every=0.7)),
    ]
    recorders = [net.record(cells, "spikes"), net.record(others[::2], "spikes"), net.record(noise, "spikes"), net.record(cells[:2], "V_m", every=0.5)]  # fmt: skip
    return Made(net, cells, others, noise, given, projection, drives, recorders)


def contents(of: Made) -> list[Any]:
    """Return all that a network has done and is about to do."""
    sim, found = of.net.engine.sim, [of.net.t]
    for recorder in of.recorders:
        spikes = isinstance(recorder, sl.SpikeRecorder)
        found += (
            [train(recorder)]
            if spikes
            else [recorder.times.tolist(), np.array(recorder.values).tobytes()]
        )
    for k, population in enumerate((of.cells, of.others)):
        found += [population.V_m[:].tobytes(), np.asarray(sim.held(k)).tobytes()]
        found += [np.asarray(sim.raw_state(k, s)).tobytes() for s in range(len(population.states))]
    stamps, gids = sim.in_flight()
    found += [list(stamps), list(gids), of.projection.weights.tobytes()]
    return found


def require_same(found: list[Made], expected: list[Made]) -> None:
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        for number, (x, y) in enumerate(zip(contents(a), contents(b), strict=True)):
            assert x == y, f"network {k}, part {number}"


def together(all_: list[Made], duration: float) -> None:
    sl.run_all([each.net for each in all_], duration, threads=1)


def apart(all_: list[Made], duration: float) -> None:
    for each in all_:
        each.net.run(duration)


def reads(of: Made) -> None:
    """Read everything; what was read before a run does not change by it."""
    contents(of)
    repr(of.net), str(of.cells), of.net.inputs, of.projection.delays, of.net.t


def records_more(of: Made) -> None:
    of.recorders.append(of.net.record(of.others[3:9], "spikes"))
    of.recorders.append(of.net.record(of.given, "spikes"))


def pauses(of: Made) -> None:
    of.recorders[0].pause()
    of.recorders[3].pause()


def resumes(of: Made) -> None:
    pauses(of)
    for recorder in of.recorders:
        recorder.resume()


def clears(of: Made) -> None:
    for recorder in of.recorders:
        recorder.clear()


def sets_weights(of: Made) -> None:
    of.projection.weights = 0.5 * of.projection.weights


def connects(of: Made) -> None:
    of.net.connect(of.others, of.others, sl.FixedIndegree(2), weight=10.0, delay=0.7)


def injects(of: Made) -> None:
    of.drives.append(of.net.inject(of.others, sl.PoissonInput(rate=2000.0, weight=20.0)))
    of.drives.append(
        of.net.inject(of.cells, sl.StepCurrent(of.net.t + np.array([0.5, 3.0]), [50.0, 150.0]))
    )


def fails_to_change(of: Made) -> None:
    with pytest.raises(ValueError, match="tau_m"):
        of.cells.set(V_th=-50.0, tau_m=-1.0)
    with pytest.raises(ValueError, match=r"entry|shape|size"):
        of.cells.V_m = np.zeros(500)


ACCESSES: dict[str, Callable[[Made], Any]] = {
    "nothing": lambda _: None,
    "reads": reads,
    "reads from another thread": lambda of: in_thread(lambda: reads(of))[0].join(),
    "states": lambda of: setattr(of.cells, "V_m", -60.0),
    "states of some": lambda of: setattr(of.others[2:5], "V_m", -65.0),
    "parameters": lambda of: of.cells.set(V_th=-55.5, tau_m=12.0),
    "a rest potential": lambda of: of.others.set(E_L=-66.0, V_reset=-66.0),
    "a refractory time": lambda of: of.cells.set(t_ref=4.0),
    "fails to change": fails_to_change,
    "rates": lambda of: of.noise.set(rate=70.0),
    "given spikes": lambda of: of.given.set(times=of.net.t + np.array([1.0, 2.5]), ids=[3, 4]),
    "weights": sets_weights,
    "an input": lambda of: of.drives[0].set(weight=50.0),
    "another input": lambda of: of.drives[1].set(mean=600.0, every=0.3),
    "inputs that come": injects,
    "inputs that go": lambda of: [drive.remove() for drive in of.drives],
    "synapses that come": connects,
    "recorders that come": records_more,
    "recorders that pause": pauses,
    "recorders that go on": resumes,
    "recorders that are cleared": clears,
    "a run by itself": lambda of: of.net.run(0.3),
    "a run of no steps": lambda of: of.net.run(0.0),
    "a layout": lambda of: of.net.prepare(),
    "a reset": lambda of: of.net.reset(),
}


LAID_OUT = ("weights", "recorders that pause", "synapses that come", "a run by itself", "a run of no steps", "a layout", "a reset")  # fmt: skip
"""After which some network runs by itself, at least once."""


@pytest.mark.parametrize("access", ACCESSES)
@pytest.mark.parametrize("which", ["one", "all"])
def test_an_access_between_runs(access: str, which: str) -> None:
    touched = slice(None) if which == "all" else slice(2, 3)
    found, expected = ([made(seed) for seed in range(COUNT)] for _ in range(2))
    for advance, all_ in ((together, found), (apart, expected)):
        advance(all_, 120.0)
        assert sum(len(of.recorders[0]) for of in all_) > 100
        for _ in range(2):
            advance(all_, 4.0)
            for each in all_[touched]:
                ACCESSES[access](each)
            advance(all_, 4.0)
            advance(all_, 5.0)
    require_same(found, expected)
    if access not in LAID_OUT:
        assert all(of.net.engine.sim.layouts == 0 for of in found)  # they ran as one
    for all_ in (found, expected):  # each goes on by itself
        apart(all_, 6.0)
    require_same(found, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_short_runs(dtype: str) -> None:
    found, expected = ([made(seed, dtype) for seed in range(COUNT)] for _ in range(2))
    together(found, 100.0)
    for _ in range(30):
        together(found, 3.0)
    apart(expected, 190.0)
    require_same(found, expected)
    assert all(of.net.engine.sim.layouts == 0 for of in found)


def test_what_was_read_stays_as_it_was() -> None:
    found = [made(seed) for seed in range(COUNT)]
    together(found, 120.0)
    V, (times, ids) = found[1].cells.V_m[:], (found[1].recorders[0].times, found[1].recorders[0].ids)  # fmt: skip
    before = V.copy(), times.copy(), ids.copy()
    together(found, 5.0)
    assert not np.array_equal(V, found[1].cells.V_m[:])
    for now, then in zip((V, times, ids), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_other_groups_and_another_order() -> None:
    """A network runs as one with some, with others, by itself, and with the first ones again."""
    found, expected = ([made(seed) for seed in range(COUNT)] for _ in range(2))
    together(found, 120.0)
    apart(expected, 120.0)
    groups = [range(12), range(0, 12, 2), range(1, 12, 2), range(11, -1, -1), range(12), (1, 2), range(3, 12), range(12)]  # fmt: skip
    for numbers in groups:
        for advance, all_ in ((together, found), (apart, expected)):
            advance([all_[k] for k in numbers], 120.0)
    require_same(found, expected)


def test_a_partner_is_gone() -> None:
    found, expected = ([made(seed) for seed in range(COUNT)] for _ in range(2))
    for advance, all_ in ((together, found), (apart, expected)):
        advance(all_, 120.0)
        advance(all_, 4.0)
        del all_[3], all_[0]
        gc.collect()
        advance(all_, 4.0)
        all_[1] = made(17)  # perhaps where another one was
        all_[1].net.run(128.0)
        advance(all_, 4.0)
        advance(all_, 120.0)
        advance(all_, 4.0)
    require_same(found, expected)


def test_saved_and_loaded_between_runs(tmp_path: Path) -> None:
    found, expected = ([made(seed) for seed in range(COUNT)] for _ in range(2))
    together(found, 120.0)
    together(found, 4.0)
    for k, of in enumerate(found):
        of.net.save(tmp_path / f"{k}.npz")
    together(found, 4.0)
    copies = [sl.Network.load(tmp_path / f"{k}.npz") for k in range(COUNT)]
    sl.run_all(copies, 4.0, threads=1)
    apart(expected, 128.0)
    require_same(found, expected)
    for of, copy in zip(expected, copies, strict=True):
        np.testing.assert_array_equal(copy.populations[0].V_m[:], of.cells.V_m[:])


def test_recording_to_a_file_begins_between_runs(tmp_path: Path) -> None:
    found, expected = ([made(seed) for seed in range(COUNT)] for _ in range(2))
    together(found, 120.0)
    of = found[2]
    recorder = of.net.record(of.cells, "spikes", to=tmp_path / "spikes.rec")
    twin = expected[2].net.record(expected[2].cells, "spikes", start=120.0)
    together(found, 4.0)
    together(found, 4.0)
    apart(expected, 128.0)
    require_same(found, expected)
    assert train(recorder) == train(twin)
    assert len(twin) > 0


def test_an_error_and_an_interrupt_in_the_middle() -> None:
    found, expected = ([made(seed) for seed in range(COUNT)] for _ in range(2))
    together(found, 120.0)
    together(found, 4.0)
    nets = [of.net for of in found]

    def stop(_: int) -> None:
        raise Stop

    with pytest.raises(Stop):  # once the first ones are through
        sl.run_all(nets, [8.0] * 6 + [1e6] * 6, threads=1, progress=stop)
    reached = [net.t for net in nets]
    assert reached[0] == 132.0
    sl.run_all(nets, [max(reached) - t for t in reached], threads=1)
    together(found, 4.0)
    reached = [net.t for net in nets]
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            sl.run_all(nets, 1e6, threads=1)
    finally:
        timer.cancel()
        timer.join()
    assert max(net.t for net in nets) > max(reached)
    with pytest.raises(ValueError, match="duration"):
        sl.run_all(nets, 4.03, threads=1)
    end = round(max(net.t for net in nets), 1) + 10.0
    sl.run_all(nets, [end - net.t for net in nets], threads=1)
    together(found, 4.0)
    apart(expected, end + 4.0)
    require_same(found, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_parent_and_child_both_go_on_after_a_fork() -> None:
    found, expected = ([made(seed) for seed in range(COUNT)] for _ in range(2))
    together(found, 120.0)
    apart(expected, 128.0)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            together(found, 4.0)
            together(found, 4.0)
            require_same(found, expected)
            os.write(write, b"same")
        finally:
            os._exit(0)
    os.close(write)
    together(found, 4.0)
    together(found, 4.0)
    require_same(found, expected)
    with os.fdopen(read, "rb") as said:
        assert said.read() == b"same"
    os.waitpid(child, 0)


def test_readers_in_other_threads_see_the_end_of_a_run() -> None:
    """A reader is refused while its network runs; else it sees a network between two runs."""
    found = [made(seed) for seed in range(COUNT)]
    expected = made(3)
    together(found, 120.0)
    apart([expected], 120.0)
    known = {round(expected.net.t, 1): expected.cells.V_m[:].tobytes()}
    for _ in range(40):
        expected.net.run(3.0)
        known[round(expected.net.t, 1)] = expected.cells.V_m[:].tobytes()
    over, seen = threading.Event(), []

    def look() -> None:
        while not over.is_set():
            try:
                before, V, after = found[3].net.t, found[3].cells.V_m[:], found[3].net.t
            except RuntimeError:  # it is running
                continue
            if before == after:
                seen.append((round(before, 1), V.tobytes()))

    thread, errors = in_thread(look)
    for _ in range(40):
        together(found, 3.0)
        deadline = time.monotonic() + 60.0
        while (not seen or seen[-1][0] != round(found[3].net.t, 1)) and not errors:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    over.set()
    thread.join()
    assert not errors
    assert len({t for t, _ in seen}) >= 40
    assert all(known[t] == V for t, V in seen)
    assert found[3].cells.V_m[:].tobytes() == expected.cells.V_m[:].tobytes()
