"""Measure the overhead of a sweep over its runs: many small networks, stored one by one.

    python bench/python/sweep_overhead.py                     # 1000 runs of 1000 neurons, 1 s each
    python bench/python/sweep_overhead.py --runs 200 --repeat 3

For each executor, the program prints the wall time of `spikelet.sweep`, the sum of the seconds spent
in the function, and the overhead, wall * workers / sum - 1. The overhead includes the start of the
workers, which is also measured separately, with a sweep over trivial runs. On a busy machine wall
times mean little, so the program also prints the load, and the processor time of the sweep with all
its processes compared with that of a plain loop.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import spikelet as sl


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


def fsync_ms(folder: Path) -> float:
    """Return the median time to write and fsync a file of 100 kB [ms]."""
    times = []
    for k in range(21):
        start = time.perf_counter()
        with (folder / str(k)).open("wb") as file:
            file.write(bytes(100_000))
            file.flush()
            os.fsync(file.fileno())
        times.append(time.perf_counter() - start)
    return 1e3 * sorted(times)[len(times) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1000, metavar="N")
    parser.add_argument(
        "--duration", type=float, default=1000.0, metavar="MS", help="model time per run"
    )
    parser.add_argument("--keep", choices=("spikes", "rate"), default="spikes")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--repeat", type=int, default=1, metavar="N")
    parser.add_argument("--executors", nargs="+", default=["joblib"], metavar="NAME")
    parser.add_argument("--folder", type=Path, help="folder for stores (default: a temporary one)")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # also for the networks of the plain loop
    points = [
        {
            "drive": 5000.0 + 10.0 * (k % 100),
            "inhibition": 4.0 + k / args.runs,
            "duration": args.duration,
            "keep": args.keep,
        }
        for k in range(args.runs)
    ]
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        print(f"fsync of 100 kB: {fsync_ms(folder):.2f} ms")
        for repeat in range(args.repeat):
            tables = []
            start, cpu = time.perf_counter(), processor()
            for k, point in enumerate(points):
                network(**point, seed=k)
            wall, plain = time.perf_counter() - start, processor() - cpu
            print(
                f"plain loop       wall {wall:7.2f} s   processor {plain:7.2f} s   "
                f"{1e3 * plain / len(points):.1f} ms per run"
            )
            for executor in args.executors:
                workers = 1 if executor == "serial" else args.workers
                given: dict[str, Any] = {"executor": executor, "workers": workers}
                start = time.perf_counter()
                sl.sweep(nothing, {"k": range(2 * workers)}, **given)
                begin = time.perf_counter() - start
                time.sleep(1.0)  # until its workers have ended
                load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
                start, cpu = time.perf_counter(), processor()
                result = sl.sweep(
                    network, points, store=folder / f"{executor}{repeat}", threads=1, **given
                )
                wall = time.perf_counter() - start
                time.sleep(1.0)
                cpu = processor() - cpu
                inside = float(sum(result.timing["seconds"]))
                size = sum(f.stat().st_size for f in (folder / f"{executor}{repeat}").rglob("*"))
                print(
                    f"{executor:<8} stored  wall {wall:7.2f} s   sum of runs {inside:7.2f} s   "
                    f"overhead {100 * (wall * workers / inside - 1):5.1f} %   "
                    f"start of workers {begin:.2f} s, without it "
                    f"{100 * ((wall - begin) * workers / inside - 1):5.1f} %   "
                    f"processor {cpu:7.2f} s ({100 * (cpu / plain - 1):.1f} % over the loop)   "
                    f"{size / len(points) / 1e3:.0f} kB per run   load {load:.1f}",
                    flush=True,
                )
                tables.append(result.table)
            if any(not table.equals(tables[0]) for table in tables):
                msg = "the executors' tables differ"
                raise SystemExit(msg)


if __name__ == "__main__":
    main()
