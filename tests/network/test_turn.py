"""While a network runs, other threads and its own callback are refused."""

from __future__ import annotations

import gc
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from tests.conftest import busy_network, make, spawn, train
from tests.support.recorded import PIECE, assert_same, recorded
from tests.support.running import Stop, in_thread

import spikelet as sl
from spikelet.network import run as running


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PIECE", PIECE)


def test_a_run_is_not_disturbed_between_its_pieces(tmp_path: Path) -> None:
    """Neither from another thread nor from its own callback, while the core is idle."""
    net, expected = recorded()
    net.run(100.0)
    other, found = recorded(tmp_path / "r.rec")
    idle: list[bool] = []
    refused: list[str] = []

    def disturb() -> None:
        for do in (
            lambda: other.run(10.0),
            other.reset,
            found[0].clear,
            lambda: found[0].times,
            lambda: other.save(tmp_path / "n"),
        ):
            try:
                do()
            except RuntimeError as error:
                refused.append(str(error).removeprefix("Network: it is running "))

    def callback(_: float) -> None:
        idle.append(not other.engine.sim.busy)
        thread = threading.Thread(target=disturb)
        thread.start()
        thread.join()
        disturb()

    other.run(100.0, progress=callback)
    assert any(idle)
    expected_refusals = ["in another thread"] * 5 + ["and has called this callback"] * 5
    assert [text.partition(";")[0] for text in refused] == expected_refusals * len(idle)
    assert other.t == 100.0
    for a, b in zip(found, expected, strict=True):
        assert_same(a, b)


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Keep finalisers of older objects out of a test: an exception in one cannot leave it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    ("call", "moments"),
    [
        (lambda net, _: net.run(1.0), 15),
        (lambda net, _: net.run(1.0, progress=lambda _: None), 20),
        (lambda net, other: sl.run_all([net, other], 1.0), 20),
    ],
    ids=["run", "with progress", "run_all"],
)
def test_ctrl_c_at_any_moment_leaves_the_network_free(
    call: Callable[[sl.Network, sl.Network], None], moments: int
) -> None:
    """Also when the error is kept, as notebooks do, and with it all frames that it went through."""
    kept = []

    def run(net: sl.Network, n: int) -> bool:
        """Interrupt where Python looks for signals for the nth time: at the start of a function, after a call."""
        count = itertools.count(1)

        def look(_: FrameType, event: str, what: Any) -> None:
            ours = event == "call" or (event == "c_return" and what is not sys.setprofile)
            if ours and next(count) == n:
                raise KeyboardInterrupt

        before = sys.getprofile()
        sys.setprofile(look)
        try:
            call(net, other)
        except KeyboardInterrupt as error:
            kept.append(error)
            return True
        finally:
            sys.setprofile(before)
        return False

    net, other = make(), make()
    net.population(1, sl.LIF())
    for n in itertools.count(1):
        if not run(net, n):
            break
        net.run(1.0)
        other.run(1.0)
    assert len(kept) > moments


def test_a_running_network_refuses_everything_else() -> None:
    net, cells, spikes, plastic = busy_network()
    v = net.record(cells, "V_m", every=100.0)
    go = threading.Event()

    def hold(t: float) -> None:
        if go.is_set():
            raise Stop

    thread, errors = in_thread(lambda: net.run(1e7, progress=hold))
    while not net.engine.sim.busy:
        time.sleep(0.001)
    calls: list[Callable[[], Any]] = [
        lambda: net.run(1.0), lambda: net.run(0.0), net.reset, lambda: net.save(os.devnull),
        lambda: net.population(1, sl.LIF()), lambda: net.connect(cells, cells, sl.AllToAll()),
        lambda: net.inject(cells, sl.NoiseInput()), lambda: net.record(cells, "V_m"),
        lambda: cells.V_m[:], lambda: cells.set(I_e=1.0), lambda: setattr(cells, "V_m", 0.0),
        lambda: plastic.weights, lambda: setattr(plastic, "weights", 1.0), plastic.to_scipy,
        lambda: plastic.pre_ids, lambda: spikes.times, lambda: v.values, spikes.clear, net.prepare,
    ]  # fmt: skip
    try:
        for call in calls:
            with pytest.raises(RuntimeError, match=r"running in another thread"):
                call()
        assert len(net.populations) == 3
        assert len(net.projections) == 3
    finally:
        go.set()
        thread.join()
    assert isinstance(errors[0], Stop)
    end = net.t
    other, twins, others, _ = busy_network()
    other.run(end)
    assert train(others) == train(spikes)
    np.testing.assert_array_equal(twins.V_m[:], cells.V_m[:])


def test_a_callback_that_reads_is_told_that_its_own_run_goes_on() -> None:
    net, cells, spikes, plastic = busy_network()
    told: list[str] = []

    def ask(t: float) -> None:
        for call in (
            lambda: cells.V_m[0],
            lambda: plastic.weights,
            lambda: spikes.times,
            net.reset,
        ):
            with pytest.raises(RuntimeError) as refused:
                call()
            told.append(str(refused.value))
        raise Stop

    with pytest.raises(Stop):
        net.run(1e7, progress=ask)
    assert len(told) == 4
    for message in told:
        assert message.endswith(
            "is running and has called this callback; wait until the run is over"
        )


def test_two_threads_that_start_at_once() -> None:
    """One may run; the other is refused, or comes later. In a process of its own: a race may crash."""
    code = """
import threading
import spikelet as sl
for k in range(40):
    net = sl.Network(threads=2, seed=k)
    cells = net.population(1000, sl.LIF(I_e=500.0))
    net.connect(cells, cells, sl.FixedIndegree(50))
    net.connect(cells, cells, sl.FixedIndegree(5), plasticity=sl.STDP())
    start, done = threading.Barrier(4), []
    def work():
        start.wait()
        try:
            net.run(2.0)
            done.append(1)
        except RuntimeError as error:
            assert "running in another thread" in str(error)
    team = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in team]
    [t.join() for t in team]
    assert done and abs(net.t - 2.0 * len(done)) < 1e-9, (done, net.t)
print("ok")
"""
    assert spawn(code).strip() == "ok"


def test_threads_that_build_at_once_neither_crash_nor_mix_up() -> None:
    """In a process of its own: the heap was corrupted, and some projections were the same ones."""
    code = """
import sys, threading
import numpy as np
import spikelet as sl
sys.setswitchinterval(1e-5)
net = sl.Network(threads=2, seed=1)
cells = net.population(300, sl.LIF(I_e=400.0))
start, refused = threading.Barrier(4), []
def work(k):
    start.wait()
    for n in range(30):
        while True:
            try:
                net.connect(cells, cells, sl.FixedIndegree(20), weight=sl.Uniform(0.0, 1.0))
                net.population(3, sl.LIF())
                break
            except RuntimeError as error:
                assert "Network: it is being changed in another thread" in str(error), error
                refused.append(1)
team = [threading.Thread(target=work, args=(k,)) for k in range(4)]
[t.start() for t in team]
[t.join() for t in team]
assert [p.index for p in net.projections] == list(range(len(net.projections)))
assert [p.index for p in net.populations] == list(range(len(net.populations)))
assert len(net.projections) >= 120 and len(net.populations) >= 121
distinct = {p.weights.tobytes() for p in net.projections}
assert len(distinct) == len(net.projections)
net.run(5.0)
print("ok")
"""
    assert spawn(code).strip() == "ok"


def test_texts_never_raise_while_another_thread_runs_and_connects() -> None:
    """As a notebook's variable inspector asks for them; in a process of its own: a race may crash."""
    code = """
import sys, threading
import spikelet as sl
sys.setswitchinterval(1e-5)
net = sl.Network(threads=2, seed=1)
cells = net.population(2000, sl.LIF(I_e=400.0))
net.connect(cells, cells, sl.FixedIndegree(20), plasticity=sl.STDP())
spikes = net.record(cells, "spikes")
v = net.record(cells[:5], "V_m")
w = net.record(net.projections[0], "weights", every=5.0)
over, seen, wrong = threading.Event(), set(), []
def inspect():
    while not over.is_set():
        for thing in (net, cells, cells.V_m, spikes, v, w, *net.projections):
            try:
                seen.add(repr(thing).rpartition(", ")[2])
                len(net.projections[0]), dir(thing), net.t
                hasattr(thing, "shape")
            except Exception as error:
                wrong.append(error)
thread = threading.Thread(target=inspect)
thread.start()
for k in range(12):
    net.connect(cells, cells, sl.FixedIndegree(5), weight=1.0)
    net.run(3.0)
over.set()
thread.join()
assert not wrong, wrong[0]
assert any("running" in text for text in seen), seen
print("ok")
"""
    assert spawn(code).strip() == "ok"


def test_a_network_that_failed_says_so_and_refuses_to_go_on() -> None:
    """Memory runs out within a run: the address space is limited in a process of its own."""
    code = """
import resource
import numpy as np, pytest
import spikelet as sl
net = sl.Network(threads=2, seed=1)
cells = net.population(20_000, sl.LIF(I_e=2000.0, t_ref=0.1))
spikes = net.record(cells, "spikes")
net.run(20.0)
before = len(spikes.times)
used = int(open("/proc/self/statm").read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20),) * 2)
with pytest.raises(MemoryError):
    net.run(1e5)
end = net.t
assert end >= 20.0
assert "failed" in repr(net), repr(net)
for call in (lambda: net.run(1.0), net.reset, lambda: cells.V_m[:], net.prepare,
             lambda: net.connect(cells, cells, sl.OneToOne()), lambda: net.save("/dev/null")):
    with pytest.raises(RuntimeError, match="build it again, or load a checkpoint"):
        call()
assert spikes.tape.count() >= before
print("ok")
"""
    assert spawn(code).strip() == "ok"


def test_a_forked_child_runs_like_its_parent() -> None:
    """After a run with threads in the parent; a network that runs during the fork is refused in the child."""
    code = """
import multiprocessing, os, threading, time, warnings
import numpy as np
import spikelet as sl
warnings.simplefilter("ignore")
def build():
    net = sl.Network(threads=2, seed=3)
    cells = net.population(20_000, sl.LIF(I_e=400.0))
    net.connect(cells, cells, sl.FixedIndegree(5), weight=20.0)
    return net, net.record(cells, "spikes")
def work(_):
    net, spikes = build()
    net.run(5.0)
    return spikes.times.tobytes() + spikes.ids.tobytes()
expected = work(0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map_async(work, range(3)).get(timeout=100) == [expected] * 3
net, _ = build()
go = threading.Event()
def hold(t):
    if go.is_set():
        raise KeyboardInterrupt
def run():
    try:
        net.run(1e7, progress=hold)
    except KeyboardInterrupt:
        pass
thread = threading.Thread(target=run)
thread.start()
while not net.engine.sim.busy:
    time.sleep(0.001)
child = os.fork()
if child == 0:
    import signal
    signal.alarm(60)
    code = 1
    try:
        repr(net)
        net.run(1.0)
    except RuntimeError as error:
        code = 0 if "forked" in str(error) else 2
    os._exit(code)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
go.set()
thread.join()
print("ok")
"""
    assert spawn(code).strip() == "ok"
