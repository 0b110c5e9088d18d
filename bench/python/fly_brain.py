"""Measure the fly's brain: seconds until it is ready, peak memory, and seconds for a second of model time.

    python bench/python/fly_brain.py                                           # a surrogate of full size
    python bench/python/fly_brain.py Connectivity_783.parquet Completeness_783.csv

Files are read as a user's download would be; the surrogate is written to a temporary folder first, by another process, so
that drawing it does not count. Linux only: the peak is that of /proc.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DRAW = "from spikelet.models.connectome import Connectome; import sys; Connectome.surrogate().write(*sys.argv[1:])"


def peak() -> int:
    """Return the largest resident memory of this process so far [MB]."""
    (line,) = (
        s for s in Path("/proc/self/status").read_text().splitlines() if s.startswith("VmHWM")
    )
    return int(line.split()[1]) // 1024


def measure(paths: list[str], threads: int, dtype: str, runs: int) -> None:
    """Build, run and print."""
    start = time.perf_counter(), time.process_time()
    import spikelet as sl  # noqa: PLC0415  # counts, as for a user

    brain = sl.models.fly_brain(*paths, threads=threads, dtype=dtype)  # type: ignore[arg-type]  # argparse gives strings
    brain.activate(range(21))
    brain.network.prepare()
    wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
    print(f"{brain}, {dtype}, {threads} threads")
    print(f"ready: {wall:.2f} s ({cpu:.2f} s of processor time), with the import; peak {peak()} MB")
    for k in range(runs):
        start = time.perf_counter(), time.process_time()
        activity = brain.run(1000.0, first=k)
        wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
        print(f"1 s of model time: {wall:.3f} s ({cpu:.3f} s of processor time), {activity}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="connectivity and list of neurons")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    if len(args.paths) not in (0, 2):
        parser.error("needs both files, or none")
    with tempfile.TemporaryDirectory() as folder:
        paths = args.paths or [f"{folder}/connectivity.parquet", f"{folder}/neurons.csv"]
        if not args.paths:
            subprocess.run([sys.executable, "-c", DRAW, *paths], check=True)
        measure(paths, args.threads, args.dtype, args.runs)


if __name__ == "__main__":
    main()
