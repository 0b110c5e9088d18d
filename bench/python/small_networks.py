r"""What small networks, inputs and recordings cost: a table for docs/performance.md.

Each figure is the least of several repetitions, taken in turn where two are compared. Rows can be chosen; close other programs first.

    python bench/python/small_networks.py --json bench/results/small_networks.json
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from measure import clock, peak_above

import spikelet as sl
from spikelet.cli import bench_harness as harness

Rows = Iterator[tuple[str, str]]
CORES = int(os.environ.get("OMP_NUM_THREADS", "2"))


def least(*calls: Callable[[], object], repeat: int = 5, times: int = 1, threads: int = 1) -> list[float]:  # fmt: skip
    """Return the least time of each call [s], of repetitions in turn; with one thread, CPU time."""
    found, now = [np.inf] * len(calls), clock(threads)
    for _ in range(repeat):
        for k, call in enumerate(calls):
            start = now()
            for _ in range(times):
                call()
            found[k] = min(found[k], (now() - start) / times)
    return found


def described(
    n: int, *, threads: int | None = None, seed: int = 1, outdegree: int = 10, weight: float = 20.0, delay: float = 1.5
) -> tuple[sl.Network, sl.Population]:  # fmt: skip
    """Return a driven network of n neurons before it runs."""
    net = sl.Network(dt=0.1, seed=seed, threads=threads)
    cells = net.population(n, sl.LIF())
    net.connect(cells, cells, sl.FixedOutdegree(outdegree), weight=weight, delay=delay)
    net.inject(cells, sl.PoissonInput(rate=8000.0, weight=35.0))
    return net, cells


def recorded(n: int, **options: Any) -> sl.Network:
    """Return such a network with a recorder of spikes."""
    net, cells = described(n, **options)
    net.record(cells, "spikes")
    return net


def calls() -> Rows:
    """Measure a run of one step, and a change of a parameter."""
    net, cells = described(1000, threads=1)
    net.record(cells, "spikes")
    net.run(1.0)
    (run,) = least(lambda: net.run(0.1), repeat=20, times=1000)
    yield "`run(0.1)` of 1000 neurons", f"{run * 1e6:.1f} us"
    thresholds = iter(np.linspace(-55.0, -54.0, 100_000).tolist())

    def change() -> None:
        cells.V_th = next(thresholds)

    (change_s,) = least(change, repeat=20, times=500)
    yield "`population.V_th = x`", f"{change_s * 1e6:.1f} us"


def threads() -> Rows:
    """Compare two threads with one."""
    for n, outdegree, delay, duration in ((1000, 10, 1.5, 500.0), (1000, 10, 0.1, 500.0), (20_000, 80, 0.1, 50.0)):  # fmt: skip
        nets = [described(n, threads=k, outdegree=outdegree, weight=5.0, delay=delay)[0] for k in (1, 2)]  # fmt: skip
        for net in nets:
            net.run(10.0)
        one, two = least(*(lambda net=net, d=duration: net.run(d) for net in nets), repeat=9, threads=2)  # fmt: skip
        step = one * 1e6 / (duration / 0.1)
        yield (
            f"{n} neurons of in-degree {outdegree}, delay {delay:g} ms: two threads against one",
            f"{one / two:.2f} times ({step:.2f} us a step with one)",
        )


def short_runs() -> Rows:
    """Compare two threads with one where each run is short."""
    for n, duration in ((300, 0.1), (1000, 0.1), (3000, 0.1), (20_000, 0.1), (300, 1.0), (1000, 1.0), (20_000, 1.0)):  # fmt: skip
        nets = [recorded(n, threads=number) for number in (1, 2)]  # fmt: skip
        for net in nets:
            net.run(101.0)
            start = time.perf_counter()
            while time.perf_counter() < start + 0.3:  # until the faster number is known
                net.run(duration)
        calls = max(int(3e4 / n / duration), 100)
        runs = (lambda net=net, d=duration: net.run(d) for net in nets)
        one, two = least(*runs, repeat=15, times=calls, threads=2)
        yield (
            f"{n} neurons, in a loop of `run({duration:g})`: two threads against one",
            f"{one / two:.2f} times ({one * 1e6:.1f} us a run with one)",
        )


def in_turn(nets: Iterable[sl.Network], duration: float) -> None:
    """Run networks one after another."""
    for net in nets:
        net.run(duration)


def ensembles() -> Rows:
    """Compare many networks at once with one after another; with OMP_NUM_THREADS=1, in CPU time."""
    for n, duration in ((20, 10.0), (100, 10.0), (1000, 20.0), (20, 100.0), (100, 100.0), (100, 1000.0)):  # fmt: skip
        nets, others = ([recorded(n, seed=seed) for seed in range(1000)] for _ in range(2))
        for each in (nets, others):  # until they are as active as they will be
            sl.run_all(each, 51.0)
        in_turn(nets, duration)
        sl.run_all(others, duration)
        require_equal_spikes(nets, others)
        one, all_ = least(
            lambda nets=nets, d=duration: in_turn(nets, d), lambda nets=others, d=duration: sl.run_all(nets, d),
            repeat=3, threads=CORES,
        )  # fmt: skip
        steps = 1000 * duration / 0.1
        yield (
            f"1000 networks of {n} neurons, {duration:g} ms: `run_all` against one after another",
            f"{one / all_:.2f} times ({one * 1e9 / steps:.0f} and {all_ * 1e9 / steps:.0f} ns a step of a network)",
        )


def grouped() -> Rows:
    """Measure a step of 100 neurons in networks of several such groups: what sharing a step loop, rows and arrays would save."""
    nets = {}
    for groups, n in ((1, 100), (16, 100), (1, 1600)):
        for fires in (True, False):
            net = sl.Network(dt=0.1, seed=1, threads=1)
            recorders = []
            for _ in range(groups):
                cells = net.population(n, sl.LIF(V_th=-55.0 if fires else 1e3))
                net.connect(cells, cells, sl.FixedOutdegree(10), weight=20.0, delay=1.5)
                net.inject(cells, sl.PoissonInput(rate=8000.0, weight=35.0))
                recorders.append(net.record(cells, "spikes"))
            net.run(100.0)
            nets[groups, n, fires] = net, recorders
    duration = 500.0
    taken = least(*(lambda net=net: net.run(duration) for net, _ in nets.values()))
    for ((groups, n, _), (net, recorders)), seconds in zip(nets.items(), taken, strict=True):
        rate = sum(map(len, recorders)) / (groups * n) / net.t * 1e3
        yield (
            f"{groups} population{'s'[: groups - 1]} of {n} neurons that fire at {rate:.0f} Hz, for each 100 neurons",
            f"{seconds * 1e9 / (duration / 0.1) / (groups * n / 100):.0f} ns a step",
        )


def require_equal_spikes(nets: list[sl.Network], others: list[sl.Network]) -> None:
    """Raise ValueError unless networks have recorded the same spikes as others, and some."""
    for net, other in zip(nets, others, strict=True):
        (stamps, ids), theirs = net.recorders[0].in_steps(), other.recorders[0].in_steps()
        if not (len(ids) and np.array_equal(stamps, theirs[0]) and np.array_equal(ids, theirs[1])):
            msg = f"the spikes of {net!r} are not those of the same network in `run_all`"
            raise ValueError(msg)


def experiments() -> Rows:
    """Compare whole experiments, construction and layout included: each network by itself, and many at once."""
    for n, duration in ((100, 10.0), (100, 100.0), (1000, 100.0)):

        def made(n: int = n) -> Iterator[sl.Network]:
            return (recorded(n, seed=seed) for seed in range(1000))

        one, all_ = least(
            lambda made=made, d=duration: in_turn(made(), d), lambda made=made, d=duration: sl.run_all(list(made()), d),
            repeat=3, threads=CORES,
        )  # fmt: skip
        yield (
            f"1000 networks of {n} neurons, {duration:g} ms, with their construction: `run_all` against one after another",
            f"{one / all_:.2f} times ({one * 1e3:.0f} and {all_ * 1e3:.0f} us a network)",
        )


def construction() -> Rows:
    """Measure what a network of an ensemble costs before it runs: its construction in Python, and its layout."""
    for n in (100, 1000):
        built, laid_out = np.inf, np.inf
        for _ in range(3):
            start = time.process_time()
            nets = [recorded(n, threads=1, seed=seed) for seed in range(1000)]
            built = min(built, time.process_time() - start)
            start = time.process_time()
            sl.run_all(nets, 0.1, threads=1)
            laid_out = min(laid_out, time.process_time() - start)
            del nets
        yield (
            f"one of 1000 networks of {n} neurons: construction, and the first step with its layout",
            f"{built * 1e3:.0f} and {laid_out * 1e3:.0f} us",
        )


def inputs() -> Rows:
    """Measure Poisson input with a rate for each neuron."""
    n, duration = 40_000, 20.0
    plain = sl.Network(dt=0.1, seed=1, threads=1)
    plain.population(n, sl.LIF())
    for mean in (0.01, 0.1, 1.0, 4.0):
        net = sl.Network(dt=0.1, seed=1, threads=1)
        cells = net.population(n, sl.LIF())
        rates = np.linspace(0.5, 1.5, n) * mean * 1e4
        net.inject(cells, sl.PoissonInput(rate=rates, weight=1e-3))
        with_, without = least(lambda net=net: net.run(duration), lambda: plain.run(duration))
        yield (
            f"`PoissonInput`, a rate for each of {n} neurons, {mean:g} events a step",
            f"{(with_ - without) * 1e9 / (n * duration / 0.1):.2f} ns a draw",
        )


def states() -> Rows:
    """Compare a recording of all states at every step with a copy."""
    for dtype in ("float32", "float64"):
        n, duration = 100_000, 40.0
        for what, options in (("V_m", {}), ("I_syn_ex", {}), ("V_m", {"when": "before_reset"}), ("V_m", {"every": 1.0})):  # fmt: skip
            nets = []
            for recorded in (False, True):
                net = sl.Network(dt=0.1, seed=1, threads=1, dtype=dtype)
                cells = net.population(n, sl.LIF(I_e=300.0))
                if recorded:
                    recorder = net.record(cells, what, **options)
                net.run(duration)
                nets.append(net)
            taken = [np.inf, np.inf]
            for _ in range(5):
                recorder.clear()
                runs = (lambda net=net, d=duration: net.run(d) for net in nets)
                taken = np.minimum(taken, least(*runs, repeat=1))
            size = n * np.dtype(dtype).itemsize * len(recorder)
            (copied,) = least(np.ones(size // 8).copy)
            named = "".join(f", {key} {value}" for key, value in options.items())
            yield (
                f"recording {what} of {n} neurons, {dtype}{named}",
                f"{size / (taken[1] - taken[0]) / 1e9:.1f} GB/s (a copy of as much: {size / copied / 1e9:.1f})",
            )


def spikes() -> Rows:
    """Measure the memory of a recording of spikes, and of reading it."""
    for number in (1, 2):
        net = sl.Network(dt=0.1, seed=1, threads=number)
        cells = net.population(100_000, sl.LIF(I_e=3000.0, t_ref=0.5))
        net.run(1.0)
        recorder = net.record(cells, "spikes")
        recorded = peak_above(lambda: net.run(500.0))  # noqa: B023 - called at once
        read = peak_above(lambda: recorder.in_steps())  # noqa: B023, PLW0108
        times = peak_above(lambda: recorder.times)  # noqa: B023
        count = len(recorder) / 1e6
        text = f"{read / count:.1f} more while they are merged, {times / count:.1f} for `times`"
        yield (
            f"{count:.0f} million spikes, {number} thread{'s'[: number - 1]}: memory",
            f"{recorded / count:.1f} bytes a spike; {text}",
        )


PARTS: dict[str, Callable[[], Rows]] = {
    part.__name__: part
    for part in (calls, threads, short_runs, construction, ensembles, experiments, grouped, inputs, states, spikes)
}  # fmt: skip


def main() -> None:
    """Measure, print and store the table."""
    parser = harness.parser(__doc__)
    text = f"of {', '.join(PARTS)} (default: all)"
    parser.add_argument("parts", nargs="*", metavar="PART", help=text)
    args, origin, rows = parser.parse_args(), harness.about(), []
    if unknown := [part for part in args.parts if part not in PARTS]:
        parser.error(f"PART must be of {', '.join(PARTS)}, got {unknown[0]}")
    for part in args.parts or PARTS:
        for row in PARTS[part]():
            print(": ".join(row), flush=True)
            rows.append(row)
    harness.show(
        args, origin, [], {"fixed costs": harness.markdown(("what", "cost"), rows)}, rows=rows
    )


if __name__ == "__main__":
    main()
