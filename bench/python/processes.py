"""Start each run as its own process, and measure the load of other processes."""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Record = dict[str, Any]
"""The output of one run's worker, or the reason for its absence as ``missing`` or ``failed``."""

BUSY = 0.05
"""Share of the machine's CPU time above which use by other processes causes a warning."""


def run(
    command: list[str],
    threads: int,
    *,
    limit: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> Record:
    """Run a worker to its end and return what it printed, with the CPU time used by others.

    After ``limit`` seconds, the worker and its children are killed, and the run counts as failed.
    """
    before = cpu_seconds()
    began = perf_counter()
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
    everyone, own = (after - start for after, start in zip(cpu_seconds(), before, strict=True))
    capacity = (perf_counter() - began) * (os.cpu_count() or 1)
    return record | {"others_cpu": max(0.0, everyone - own) / capacity}


def kept(path: Path, *, undisturbed: bool = False) -> Record | None:
    """Return the record of an earlier run from its file, if there is one.

    With `undisturbed`, there is none if other processes were busy during the run.
    """
    if not path.exists():
        return None
    record: Record = json.loads(path.read_text(encoding="utf-8"))
    return None if undisturbed and record.get("others_cpu", 0.0) > BUSY else record


def cpu_seconds() -> tuple[float, float]:
    """Return the CPU time used so far by the whole machine and by our finished runs."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = spent.ru_utime + spent.ru_stime
    stat = Path("/proc/stat")
    if not stat.exists():
        return own, own
    user, nice, system = stat.read_text().split(maxsplit=4)[1:4]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK"), own


def machine() -> dict[str, object]:
    """Describe the machine and its current load."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return {
        "cpu": found[1] if found else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def headline(host: dict[str, object]) -> str:
    """Return one line that describes the machine."""
    return (
        f"{host['date']}, {host['cpu']}, {host['cores']} cores, {host['system']}, "
        f"load {host['load']} at the start"
    )


def busy(runs: Iterable[Record]) -> str:
    """Return a warning if other processes disturbed a run, else an empty string."""
    others = max((run.get("others_cpu", 0.0) for run in runs), default=0.0)
    if others <= BUSY:
        return ""
    return (
        f"MACHINE BUSY: other processes used up to {others:.0%} of the CPU during a run; "
        "times are unreliable, especially with several threads"
    )
