"""Run the published protocols on the cortical microcircuit: accuracy over seeds, and the time of ten runs.

Accuracy (van Albada et al. 2018): for each population, the distributions of rates, CVs of intervals and
correlations over neurons are compared by their Kolmogorov-Smirnov distance, between a candidate and the
reference and between seeds of the reference, float64, whose spikes are NEST's. Time (Senk et al. 2026): 10 seeds
of 10 s, mean and standard deviation of the real-time factor.

Each run leaves its spikes and times in a folder, and a run that is there is not repeated: stop it and
start it again at will. All cases get a seed before any gets the next one.

    python bench/python/microcircuit_protocol.py FOLDER --seeds 10 --seconds 60
    python bench/python/microcircuit_protocol.py FOLDER --seeds 10 --seconds 60 --report --figure accuracy.png
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from microcircuit import describe
from microcircuit_report import report

from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record, about, call, kept

WORKER = Path(__file__).with_name("worker.py")
CASES = {
    "float64": ("float64", "float", "poisson"),
    "float32": ("float32", "float", "poisson"),
    "int16": ("float32", "int16", "poisson"),
    "dc": ("float32", "int16", "dc"),
}
"""Data type, weights and input. With "int16", neurons have one synaptic current; "dc" is another
model, which is timed only."""


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = harness.parser(__doc__, zero=["presim"])
    add = parser.add_argument
    add("folder", type=Path, help="folder of the runs")
    add("--cases", nargs="+", choices=CASES, default=["float64", "float32", "int16"],
        help="the first is the reference (default: float64 float32 int16)")  # fmt: skip
    add("--scale", type=float, default=1.0, help="factor on the numbers of neurons (default: 1)")
    add("--seeds", type=int, default=10, help="runs of each case (default: 10)")
    add("--seconds", type=float, default=60.0, help="recorded model time (default: 60)")
    add("--presim", type=float, default=1000.0, metavar="MS",
        help="model time before that (default: 1000)")  # fmt: skip
    add("--threads", type=int, default=1)
    add("--runs", type=int, metavar="N", help="stop after N new runs")
    add("--repeat-disturbed", action="store_true",
        help="repeat runs during which other programs were busy")  # fmt: skip
    add("--neurons", type=int, default=200, help="neurons to correlate (default: 200)")
    add("--report", action="store_true", help="run nothing: report on the runs that are there")
    add("--figure", type=Path, metavar="PATH", help="draw the distributions and distances")
    args: argparse.Namespace = parser.parse_args()
    if args.neurons < 2:
        parser.error("--neurons must be 2 or more")
    return args


def place(args: argparse.Namespace, case: str, seed: int) -> Path:
    """Return the file of a run's spikes; its record lies beside it."""
    return args.folder / f"{case}-{seed}.npz"


def done(args: argparse.Namespace, case: str, seed: int) -> bool:
    """Return whether a run is in the folder; stop if it has other settings."""
    if not place(args, case, seed).exists():
        return False
    path = place(args, case, seed).with_suffix(".json")
    record = kept(path, undisturbed=args.repeat_disturbed)
    if record is None:
        return False
    wanted = {"duration": args.seconds * 1e3, "presim": args.presim, "threads": args.threads}
    found = {name: record[name] for name in wanted} | {"scale": record["circuit"]["scale"]}
    if found != wanted | {"scale": args.scale}:
        sys.exit(f"{path} is of another protocol: {found}; take another folder")
    return True


def simulate(args: argparse.Namespace, case: str, seed: int) -> Record:
    """Run a case with one seed, and keep its spikes and its record."""
    dtype, weights, external = CASES[case]
    spikes = place(args, case, seed)
    description = spikes.with_suffix(".circuit.json")
    circuit = describe(args.scale, args.scale, external, 0.1)
    description.write_text(json.dumps(circuit))
    part = spikes.with_suffix(".part.npz")
    settings = {
        "dtype": dtype,
        "weights": weights,
        "threads": args.threads,
        "seed": seed,
        "presim": args.presim,
        "duration": args.seconds * 1e3,
    }
    given = settings | {"circuit": description, "spikes": part}
    function = "microcircuit.on_spikelet"
    record = call(sys.executable, WORKER, function, given, threads=args.threads)
    if "wall_s" not in record:
        sys.exit(f"{case} seed {seed}: {record}")
    record |= settings | {"case": case, "circuit": circuit, "machine": about()}
    path = spikes.with_suffix(".json")
    earlier = kept(path)  # its spikes are the same
    if earlier is None or record["others_cpu"] < earlier["others_cpu"]:
        path.write_text(json.dumps(record, indent=1) + "\n")
    part.rename(spikes)
    description.unlink()
    return record


def main() -> None:
    args, origin = arguments(), about()
    args.folder.mkdir(parents=True, exist_ok=True)
    wanted = [(seed, case) for seed in range(1, args.seeds + 1) for case in args.cases]
    new: list[Record] = []
    for seed, case in wanted:
        if done(args, case, seed) or args.report or len(new) == args.runs:
            continue
        new.append(simulate(args, case, seed))
        print(f"{case} seed {seed}: real-time factor {new[-1]['rtf']:.3g}", flush=True)
    texts = report(args.folder, args.cases, args.seeds, args.neurons, args.figure)
    harness.show(args, origin, new, texts)
    if args.figure and "means" in texts:
        print(f"\nfigure: {args.figure}")


if __name__ == "__main__":
    main()
