"""The frame of all benchmarks: cases in turn, each in its own process, one table, and a JSON file with its origin.

``spikelet bench`` and the scripts of ``bench/python`` in the repository use it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

import spikelet as sl
from spikelet._util import files
from spikelet._util.about import processor
from spikelet._util.threads import default_threads

Record = dict[str, Any]
"""The figures of one run, or the reason for their absence as ``missing`` or ``failed``."""

CaseT = TypeVar("CaseT")
Column = str | Callable[[Any, list[Record]], str]
"""A key of the records and a format, such as ``"wall_s .2f"``, or a function of a case and its records."""

BUSY = 0.05
"""Share of the machine's CPU time above which use by other processes causes a warning."""


# Processes ------------------------------------------------------------------------------------------------------------


def run(
    command: Sequence[str],
    threads: int = 1,
    *,
    limit: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> Record:
    """Run a worker to its end, and return what its last line says as JSON, with the CPU time used by others.

    After `limit` seconds, the worker and its children are killed, and the run counts as failed.
    """
    before, began = _cpu_seconds(), perf_counter()
    try:
        child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads), **(environment or {})},
        )
    except OSError as error:
        return {"missing": str(error)}
    try:
        out, err = child.communicate(timeout=limit)
    except BaseException as error:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            return {"failed": f"no result in {limit:g} s"}
        raise
    if child.returncode:
        print(err, file=sys.stderr)
        return {"failed": (err.strip().splitlines() or [f"exit {child.returncode}"])[-1]}
    record: Record = json.loads(out.strip().splitlines()[-1])
    if "missing" in record:
        return record
    everyone, own = (after - start for after, start in zip(_cpu_seconds(), before, strict=True))
    capacity = (perf_counter() - began) * (os.cpu_count() or 1)
    return record | {"others_cpu": max(0.0, everyone - own) / capacity}


def call(
    python: str, worker: Path, function: str, settings: Mapping[str, Any], **how: Any
) -> Record:
    """Call ``module.function(**settings)`` in a process of its own, by another interpreter if need be.

    Parameters
    ----------
    python : str
        The interpreter; it does not need spikelet.
    worker : Path
        The script that makes the call: ``bench/python/worker.py``.
    function : str
        ``module.function``.
    settings : dict
        Its arguments, as JSON; paths become text.
    **how
        Options of `run`.
    """
    return run([python, str(worker), function, json.dumps(settings, default=str)], **how)


def take_turns(
    cases: Iterable[CaseT],
    runs: Iterable[int],
    once: Callable[[CaseT, int], Record],
    say: str,
    *,
    good: str = "wall_s",
) -> dict[CaseT, list[Record]]:
    """Run all cases in turn, repeatedly, and report each on stderr.

    Runs of different programs alternate, so that a disturbance of the machine hits all of them. A case that fails is not
    repeated.

    Parameters
    ----------
    cases : iterable
        What to run.
    runs : iterable of int
        Seeds, or numbers of the runs.
    once : callable
        Takes a case and a seed, and returns the record.
    say : str
        Format of a record's figures in the report, such as ``"{wall_s:.3f} s"``.
    good : str
        A key that the record of a successful run has.

    Returns
    -------
    dict
        The records of each case; for one that failed, only the failure.
    """
    results: dict[CaseT, list[Record]] = {case: [] for case in cases}
    for seed in runs:
        for case, done in results.items():
            if done and good not in done[-1]:
                continue
            record = once(case, seed)
            done[:] = [*done, record] if good in record else [record]
            text = say.format(**record) if good in record else why(record)
            print(f"{case}, run {seed}: {text}", file=sys.stderr, flush=True)
    return results


def kept(path: Path, *, undisturbed: bool = False) -> Record | None:
    """Return the record of an earlier run from its file, if there is one.

    With `undisturbed`, there is none if other processes were busy during the run.
    """
    if not path.exists():
        return None
    record: Record = json.loads(path.read_text(encoding="utf-8"))
    return None if undisturbed and record.get("others_cpu", 0.0) > BUSY else record


def keep(path: Path | None, once: Callable[[], Record], good: Callable[[Record], object]) -> Record:
    """Return the record of an earlier run from its file, if it is good, else run and store a good record."""
    record = kept(path) if path else None
    if record is None or not good(record):
        record = once()
        if path and good(record):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(record), encoding="utf-8")
    return record


def _cpu_seconds() -> tuple[float, float]:
    """Return the CPU time used so far by the whole machine and by our finished runs."""
    spent = os.times()
    own = spent.children_user + spent.children_system
    stat = Path("/proc/stat")
    if not stat.exists():
        return own, own
    user, nice, system = stat.read_text().split(maxsplit=4)[1:4]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK"), own


# Origin ---------------------------------------------------------------------------------------------------------------


def machine() -> dict[str, Any]:
    """Return what speed depends on: processor, available cores, operating system and SIMD level."""
    return {
        "cpu": processor(),
        "cores": default_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "simd": sl.simd_level(),
    }


def machine_line(host: Record) -> str:
    """Return the description of a machine as text."""
    cores = "1 core" if host["cores"] == 1 else f"{host['cores']} cores"
    return f"{host['cpu']}, {cores}, {host['system']}, SIMD {host['simd']}"


def about() -> Record:
    """Return the origin of figures: versions, date, command, machine and its load."""
    return {
        "spikelet": sl.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *map(_shown, sys.argv[1:])],
        "machine": machine(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0,
    }


def _shown(argument: str) -> str:
    """Return an argument, or what stands for a path of this machine."""
    return "PATH" if Path(argument).is_absolute() else argument


def headline(origin: Record) -> str:
    """Return one line that describes the machine and its load at the start."""
    return f"{origin['date']}, {machine_line(origin['machine'])}, load {origin['load']}"


def busy(runs: Iterable[Record]) -> str:
    """Return a warning if other processes disturbed a run, else an empty string."""
    others = max((run.get("others_cpu", 0.0) for run in runs), default=0.0)
    if others <= BUSY:
        return ""
    return (
        f"MACHINE BUSY: other processes used up to {others:.0%} of the CPU during a run; "
        "times are unreliable, especially with several threads"
    )


def versions(runs: Iterable[Record]) -> str:
    """Return the versions that the programs of some runs reported."""
    found: dict[str, str] = {}
    for record in runs:
        found |= record.get("versions", {})
    return ", ".join(f"{name} {version}" for name, version in found.items()) or "nothing ran"


# Command line and output ----------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """A parser whose numbers must be positive, or at least 0 where that is allowed."""

    zero: tuple[str, ...] = ()

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        found = super().parse_args(args, namespace)
        for name, value in vars(found).items():
            least = min(value, default=1) if isinstance(value, list | tuple) else value
            if not isinstance(least, int | float) or isinstance(least, bool):
                continue
            if least < 0 or (least == 0 and name not in self.zero):
                text = "at least 0" if name in self.zero else "positive"
                self.error(f"--{name.replace('_', '-')} must be {text}, got {least:g}")
        return found


def parser(description: str | None, *programs: str, **options: Any) -> argparse.ArgumentParser:
    """Return a parser with the options that benchmarks share; numbers must be positive.

    Parameters
    ----------
    description : str
        The docstring of the script.
    *programs : str
        Programs that may need an interpreter of their own: ``--NAME-python``.
    **options
        Defaults of ``runs`` and ``seed``; without a default, there is no such option. ``zero`` names numbers that may be 0,
        as the seed may.
    """
    found = _Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.zero = ("seed", *options.get("zero", ()))
    if "runs" in options:
        text = f"runs of each case, in turn (default: {options['runs']})"
        found.add_argument("--runs", type=int, default=options["runs"], help=text)
    if "seed" in options:
        found.add_argument("--seed", type=int, default=options["seed"], help="of the first run")
    for name in programs:
        text = f"interpreter that can import {name} (default: this one)"
        found.add_argument(f"--{name}-python", default=sys.executable, metavar="PATH", help=text)
    text = "write all runs and their origin to this file"
    found.add_argument("--json", type=Path, metavar="PATH", help=text)
    return found


def share_interpreter(args: argparse.Namespace, *programs: str, given: str | None = None) -> None:
    """Give programs whose interpreter is None the given one, or the first of another program, or this one."""
    names = [f"{program}_python" for program in programs]
    found = [given, *(getattr(args, name) for name in names), sys.executable]
    first = next(python for python in found if python)
    for name in names:
        setattr(args, name, getattr(args, name) or first)


def show(
    args: argparse.Namespace,
    origin: Record,
    runs: Iterable[Record] | Mapping[Any, list[Record]],
    texts: Iterable[str] | Mapping[str, str],
    /,
    **stored: Any,
) -> None:
    """Print the origin and the tables, and write the JSON file.

    Runs by case, as `take_turns` returns them, are stored as ``cases``; tables as ``tables``, by name, for the documentation.
    """
    if isinstance(runs, Mapping):
        stored = {"cases": [_fields(case) | {"runs": of} for case, of in runs.items()]} | stored
        runs = [run for of in runs.values() for run in of]
    runs = list(runs)
    print(headline(origin))
    print(versions(runs) if runs else f"spikelet {origin['spikelet']}")
    if warning := busy(runs):
        print(warning)
    named = texts if isinstance(texts, Mapping) else dict(enumerate(texts))
    for text in named.values():
        print(f"\n{text}")
    if args.json:
        given = {k: v for k, v in vars(args).items() if not k.endswith(("python", "json"))}
        tables = {str(name): _cells(text) for name, text in named.items() if text.startswith("|")}
        record = origin | {"arguments": given, "tables": tables} | stored
        files.write(args.json, json.dumps(record, indent=1, default=str) + "\n")


def _cells(text: str) -> Record:
    """Return the columns and rows of a Markdown table, which ends with the first line that is none of its rows."""
    lines = [
        line[2:-2].split(" | ")
        for line in takewhile(lambda line: line.startswith("|"), text.splitlines())
    ]
    return {"columns": lines[0], "rows": lines[2:]}


def _fields(case: Any) -> Record:
    return dict(vars(case)) if hasattr(case, "__dict__") else {"case": case}


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; rows that are too short are filled up."""
    lines = [header, ["---"] * len(header)]
    lines += [[*row, *[""] * (len(header) - len(row))] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def table(
    results: Mapping[Any, list[Record]],
    names: Sequence[str],
    columns: Mapping[str, Column],
    good: str = "wall_s",
) -> str:
    """Return a Markdown table with a row for each case: its names, then medians over its runs.

    Parameters
    ----------
    results : dict of list
        The records of each case. A case that failed gets a row with the reason.
    names : sequence of str
        Attributes of a case: the first columns.
    columns : dict
        Titles and contents of the others: a key and a format such as ``"build_s .2f"``, or a function of a case and its
        records.
    good : str
        A key that the record of a successful run has.
    """
    lines = []
    for case, runs in results.items():
        line = [str(getattr(case, name)) for name in names]
        if good not in runs[0]:
            lines.append([*line, why(runs[0])])
            continue
        for column in columns.values():
            if callable(column):
                line.append(column(case, runs))
            else:
                key, _, form = column.partition(" ")
                value = middle(runs, key)
                line.append("-" if value is None else format(value, form))
        lines.append(line)
    return markdown([*(name.replace("_", " ") for name in names), *columns], lines)


def middle(runs: Iterable[Record], key: str) -> float | None:
    """Return the median of a figure over runs, or None if no run has it."""
    values = [run[key] for run in runs if run.get(key) is not None]
    return float(median(values)) if values else None


def spread(key: str, factor: float = 1.0) -> Column:
    """Return a column with the median and the extremes of a figure."""

    def column(_: object, runs: list[Record]) -> str:
        values = [factor * run[key] for run in runs]
        return f"{median(values):.4g} ({min(values):.4g}..{max(values):.4g})"

    return column


def why(record: Record) -> str:
    """Return why a run has no result."""
    reasons = (f"{key}: {record[key]}" for key in ("missing", "failed") if key in record)
    return next(reasons, str(record)).replace("|", "/")
