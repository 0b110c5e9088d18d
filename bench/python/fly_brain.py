"""Measure the fly's brain: seconds until it is ready, peak memory, and seconds for a second of model time.

    python bench/python/fly_brain.py                                           # a surrogate of full size
    python bench/python/fly_brain.py Connectivity_783.parquet Completeness_783.csv

Files are read as a user's download would be; the surrogate is written to a temporary folder first, by another process, so
that drawing it does not count.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import peak_rss_mb

Record = dict[str, Any]
WORKER = Path(__file__).with_name("worker.py")
DRAW = "from spikelet.models.connectome import Connectome; import sys; Connectome.surrogate().write(*sys.argv[1:])"


def run(*, paths: list[str], threads: int, dtype: Any, runs: int) -> Record:
    """Build the brain as a user would, import included, and run it."""
    start = time.perf_counter(), time.process_time()
    import spikelet as sl  # noqa: PLC0415  # counts, as for a user

    brain = sl.models.fly_brain(*paths, threads=threads, dtype=dtype)
    brain.activate(range(21))
    brain.network.prepare()
    found = {
        "ready_s": time.perf_counter() - start[0],
        "ready_cpu_s": time.process_time() - start[1],
    }
    found["peak_mb"] = peak_rss_mb()
    times = []
    for k in range(runs):
        start = time.perf_counter(), time.process_time()
        activity = brain.run(1000.0, first=k)
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    wall, cpu = (statistics.median(one) for one in zip(*times, strict=True))
    return found | {"wall_s": wall, "cpu_s": cpu, "brain": f"{brain}", "activity": f"{activity}"}


def main() -> None:
    from spikelet.cli import bench_harness as harness  # noqa: PLC0415  # not in the worker

    parser = harness.parser(__doc__, runs=5)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="connectivity and list of neurons")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    args, origin = parser.parse_args(), harness.about()
    if len(args.paths) not in (0, 2):
        parser.error("needs both files, or none")
    with tempfile.TemporaryDirectory() as folder:
        paths = args.paths or [f"{folder}/connectivity.parquet", f"{folder}/neurons.csv"]
        if not args.paths:
            subprocess.run([sys.executable, "-c", DRAW, *paths], check=True)
        given = {"paths": paths, "threads": args.threads, "dtype": args.dtype, "runs": args.runs}
        record = harness.call(sys.executable, WORKER, "fly_brain.run", given, threads=args.threads)
    columns: dict[str, harness.Column] = {
        "brain": lambda _, runs: runs[0]["brain"], "ready s": "ready_s .2f", "CPU s": "ready_cpu_s .2f",
        "peak MB": "peak_mb .0f", "1 s of model time s": "wall_s .3f", "its CPU s": "cpu_s .3f",
        "activity": lambda _, runs: runs[0]["activity"],
    }  # fmt: skip
    harness.show(
        args, origin, [record], [harness.table({"fly": [record]}, [], columns)], runs=[record]
    )


if __name__ == "__main__":
    main()
