"""Measure the overhead of a sweep over its runs: many small networks, stored one by one.

    python bench/python/sweep_overhead.py                     # 1000 runs of 1000 neurons, 1 s each
    python bench/python/sweep_overhead.py --runs 200 --repeat 3

The overhead is the wall time of `spikelet.sweep` times its workers over the seconds spent in the function. It includes the
start of the workers, which a sweep over trivial runs measures by itself. On a busy machine wall times mean little: processor
time, of the sweep with all its processes, compares with that of a plain loop. Tables must be the same.
"""

from __future__ import annotations

import hashlib
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import spikelet as sl
from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record

WORKER = Path(__file__).with_name("worker.py")
PLAIN = "plain loop"


def network(
    drive: float, inhibition: float, duration: float, keep: str, seed: int
) -> dict[str, Any]:
    """Simulate 1000 balanced neurons; return their rate and, if requested, their spikes."""
    net = sl.Network(dt=0.1, seed=seed)
    model = sl.LIF(tau_m=20.0, C_m=200.0, E_L=-70.0, V_th=-50.0, V_reset=-60.0, t_ref=2.0)
    excitatory, inhibitory = net.population(800, model), net.population(200, model)
    for source, weight in ((excitatory, 20.0), (inhibitory, -20.0 * inhibition)):
        for target in (excitatory, inhibitory):
            net.connect(source, target, sl.FixedProbability(0.1), weight=weight, delay=1.5)
    for population in (excitatory, inhibitory):
        net.inject(population, sl.PoissonInput(rate=drive, weight=20.0))
    spikes = net.record(excitatory, "spikes")
    net.run(duration)
    rate = {"rate": float(spikes.rates().mean())}
    return rate if keep == "rate" else {**rate, "spikes": spikes}


def nothing(k: int, seed: int) -> int:
    """Return a number at once."""
    return k + seed % 2


def processor() -> float:
    """Return the processor time of this process and of its finished children [s]."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def run(
    *, executor: str, workers: int, runs: int, duration: float, keep: str, folder: str | None
) -> Record:
    """Run all points in a loop, or as a stored sweep."""
    points = [
        {"drive": 5000.0 + 10.0 * (k % 100), "inhibition": 4.0 + k / runs, "duration": duration, "keep": keep}
        for k in range(runs)
    ]  # fmt: skip
    if executor == PLAIN:
        start, cpu = time.perf_counter(), processor()
        for k, point in enumerate(points):
            network(**point, seed=k)
        return {"wall_s": time.perf_counter() - start, "cpu_s": processor() - cpu}
    workers = 1 if executor == "serial" else workers
    given: dict[str, Any] = {"executor": executor, "workers": workers}
    start = time.perf_counter()
    sl.sweep(nothing, {"k": range(2 * workers)}, **given)
    begin = time.perf_counter() - start
    time.sleep(1.0)  # until its workers have ended
    with tempfile.TemporaryDirectory(dir=folder) as name:
        start, cpu = time.perf_counter(), processor()
        result = sl.sweep(network, points, store=Path(name) / "store", threads=1, **given)
        wall = time.perf_counter() - start
        time.sleep(1.0)
        size = sum(f.stat().st_size for f in Path(name).rglob("*"))
    inside = float(sum(result.timing["seconds"]))
    return {
        "wall_s": wall, "cpu_s": processor() - cpu, "inside_s": inside, "begin_s": begin,
        "overhead": 100 * (wall * workers / inside - 1),
        "without_start": 100 * ((wall - begin) * workers / inside - 1), "kb": size / runs / 1e3,
        "table": hashlib.sha256(result.table.to_csv().encode()).hexdigest(),
    }  # fmt: skip


def main() -> None:
    """Run the loop and the sweeps in turn."""
    parser = harness.parser(__doc__)
    add = parser.add_argument
    add("--runs", type=int, default=1000, metavar="N")
    add("--duration", type=float, default=1000.0, metavar="MS", help="model time per run")
    add("--keep", choices=("spikes", "rate"), default="spikes")
    add("--workers", type=int, default=2, metavar="N")
    add("--repeat", type=int, default=1, metavar="N")
    add("--executors", nargs="+", default=["joblib"], metavar="NAME")
    add("--folder", type=Path, help="folder for stores (default: a temporary one)")
    args, origin = parser.parse_args(), harness.about()
    given = {key: getattr(args, key) for key in ("workers", "runs", "duration", "keep", "folder")}

    def once(executor: str, _: int) -> Record:
        return harness.call(
            sys.executable, WORKER, "sweep_overhead.run", given | {"executor": executor}
        )

    results = harness.take_turns(
        [PLAIN, *args.executors], range(args.repeat), once, "{wall_s:.2f} s"
    )
    if (
        len({record["table"] for runs in results.values() for record in runs if "table" in record})
        > 1
    ):
        raise SystemExit("the executors' tables differ")
    plain = harness.middle(results[PLAIN], "cpu_s") or float("nan")
    columns: dict[str, harness.Column] = {
        "executor": lambda case, _: case, "wall s": harness.spread("wall_s"), "sum of runs s": "inside_s .2f",
        "overhead %": "overhead .1f", "without the start %": "without_start .1f", "start s": "begin_s .2f", "CPU s": "cpu_s .2f",
        "over the loop %": lambda _, runs: f"{100 * ((harness.middle(runs, 'cpu_s') or plain) / plain - 1):.1f}",
        "kB per run": "kb .0f",
    }  # fmt: skip
    harness.show(args, origin, results, [harness.table(results, [], columns)])


if __name__ == "__main__":
    main()
