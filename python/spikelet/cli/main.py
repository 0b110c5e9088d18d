"""The command line: ``spikelet demo``, ``spikelet run``, ``spikelet bench``, ``spikelet info``."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import spikelet as sl

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments to use instead of those of the command line.

    Returns
    -------
    int
        Exit code: 0, 1 if something failed, 2 if an argument is wrong, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except (OSError, ValueError) as error:
        return _complain(error, 2)
    except ImportError as error:
        return _complain(error, 1)
    except KeyboardInterrupt:
        return _complain("stopped", 130)


def _complain(error: object, code: int) -> int:
    print(f"spikelet: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spikelet", description="Spiking neural networks on the CPU you have."
    )
    parser.add_argument("--version", action="version", version=f"spikelet {sl.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    info = commands.add_parser("info", help="show versions, SIMD level and threads")
    info.set_defaults(command=_info)

    text = "A spiking network learns to recognise handwritten digits without labels."
    demo = commands.add_parser(
        "demo", help="train a network on handwritten digits", description=text
    )
    demo.set_defaults(command=_demo)
    demo.add_argument(
        "--data", type=Path, metavar="DIR",
        help="folder with MNIST's IDX files (default: use scikit-learn's 8x8 digits)",
    )  # fmt: skip
    demo.add_argument(
        "--out", type=Path, metavar="FIGURE", default=Path("spikelet-demo.png"),
        help="figure to write (default: %(default)s)",
    )  # fmt: skip
    demo.add_argument("--seed", type=_count(0), default=0, help="random seed (default: 0)")
    demo.add_argument(
        "--neurons", type=_count(2), help="number of neurons (default: 100; with --data 400)"
    )
    demo.add_argument(
        "--images", type=_count(10),
        help="number of training images (default: all; with --data 10000)",
    )  # fmt: skip
    demo.add_argument(
        "--threads", type=_count(1), default=1,
        help="number of threads; does not change the result, and does not speed up a small network (default: 1)",
    )  # fmt: skip

    text = "Run a function over a grid of parameters and seeds that a TOML file describes."
    run = commands.add_parser(
        "run", help="run a sweep that a TOML file describes", description=text
    )
    run.set_defaults(command=_run)
    run.add_argument("file", type=Path, metavar="FILE.toml", help="description of the sweep")
    run.add_argument("--resume", action="store_true", help="resume from an existing store")
    run.add_argument(
        "--retry-failed", action="store_true", help="with --resume: repeat failed runs"
    )
    run.add_argument("--executor", help="joblib, dask or serial, instead of the file's")
    run.add_argument("--workers", type=_count(1), help="number of processes (default: all cores)")
    run.add_argument("--dry-run", action="store_true", help="list the runs without running them")

    text = "Measure the speed of known networks and compare it with a reference; takes about 20 seconds."
    bench = commands.add_parser("bench", help="measure the speed of this machine", description=text)
    bench.set_defaults(command=_bench)
    bench.add_argument(
        "--quick", action="store_true", help="a tenth of the simulated time; results are rough"
    )
    bench.add_argument(
        "--threads", type=_count(1), help="threads of multi-threaded runs (default: all)"
    )
    bench.add_argument(
        "--networks", nargs="+", metavar="NAME",
        help="run only these of cuba, coba, brunel, plastic_brunel, microcircuit",
    )  # fmt: skip
    bench.add_argument("--json", type=Path, metavar="FILE", help="write the results to this file")
    bench.add_argument(
        "--update-reference", action="store_true",
        help="for maintainers: replace the stored reference by the results",
    )  # fmt: skip
    return parser


class _count:
    """Parser of a whole number that is at least `low`."""

    def __init__(self, low: int) -> None:
        self.low = low

    def __call__(self, text: str) -> int:
        if not text.isdecimal() or int(text) < self.low:
            raise argparse.ArgumentTypeError(f"must be a whole number >= {self.low}, got {text!r}")
        return int(text)


def _info(_: argparse.Namespace) -> int:
    print(f"spikelet  {sl.__version__}")
    print(f"SIMD      {sl.simd_level()} (available: {', '.join(sl.available_simd_levels())})")
    print(f"threads   at most {sl.Network().threads} by default")
    print(f"Python    {platform.python_version()}, numpy {np.__version__}, {platform.platform()}")
    return 0


def _demo(options: argparse.Namespace) -> int:
    from spikelet.cli import demo  # noqa: PLC0415  # only where it is used

    demo.run(
        data=options.data,
        out=options.out,
        seed=options.seed,
        n_neurons=options.neurons,
        n_images=options.images,
        threads=options.threads,
    )
    return 0


def _run(options: argparse.Namespace) -> int:
    from spikelet.experiments import description, tables  # noqa: PLC0415  # only where it is used

    given = {"executor": options.executor, "workers": options.workers}
    try:
        asked = description.read(options.file)
        asked.options.update({name: value for name, value in given.items() if value is not None})
        runs = asked.runs()
    except TypeError as error:  # a wrong type in a file is a wrong value
        raise ValueError(str(error)) from None
    if options.dry_run:
        for run in runs:
            values = ", ".join(f"{name} = {value!r}" for name, value in run.parameters.items())
            print(f"{run.key[:8]}  {values}, seed = {run.seed}")
        print(f"{len(runs)} runs; store: {asked.options['store']}")
        return 0
    result = asked.sweep(
        resume=options.resume, retry_failed=options.retry_failed, progress=sys.stderr.isatty()
    )
    print(tables.head(result.table))
    print(f"{result}\nStore: {asked.options['store']}")
    if asked.save is not None:
        print(f"Results: {asked.save}")
    return 0 if result.complete else 1


def _bench(options: argparse.Namespace) -> int:
    from spikelet.cli import bench  # noqa: PLC0415  # only where it is used

    right = bench.run(
        quick=options.quick,
        threads=options.threads,
        networks=options.networks,
        json_file=options.json,
        update_reference=options.update_reference,
    )
    return 0 if right else 1
