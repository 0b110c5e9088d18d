"""Kill a sweep repeatedly, resume it each time, and check that no run is lost or duplicated.

    python tests/support/crash_sweep.py                        # 200 runs, 20 kills with signal 9
    python tests/support/crash_sweep.py --kills 3 --runs 40

The program kills the whole process group, the parent or a worker, at random moments, including
while processes start. When a sweep is complete, it is compared with an undisturbed one; if kills
remain, a new sweep begins. The simulated function writes a line when it starts, so a stored run that
starts again is noticed. Linux only.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import spikelet as sl
from spikelet.experiments.store import Store

TARGETS = ("group", "parent", "worker")


def simulate(k: int, log: str, pause: float, seed: int) -> dict[str, Any]:
    """Log the start of the run, then simulate a small network."""
    with open(log, "a", encoding="utf-8") as file:  # noqa: PTH123  # one line, appended at once
        file.write(f"{k}\n")
    net = sl.Network(seed=seed)
    neurons = net.population(20, sl.LIF(I_e=300.0 + k))
    net.inject(neurons, sl.PoissonInput(rate=2000.0, weight=50.0))
    spikes = net.record(neurons, "spikes")
    net.run(50.0)
    time.sleep(pause * (0.5 + seed / 2**32))
    return {"spikes": spikes, "n": len(spikes.times), "noise": np.random.default_rng(seed).normal()}


def sweep(store: Path | None, log: Path, n_runs: int, executor: str, pause: float) -> Any:
    fixed = {"log": str(log), "pause": pause}
    grid = {"k": range(n_runs)}
    return sl.sweep(simulate, grid, seed=5, fixed=fixed, executor=executor, workers=2, store=store)


def children(pid: int) -> list[int]:
    """Return the loky workers of a process."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"popen_loky" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except (OSError, ValueError, IndexError):
            pass
    return found


def stored(folder: Path) -> set[int]:
    """Return which runs are finished; none before the store exists."""
    store = Store(folder)
    if not store.exists():
        return set()
    runs, _, found = store.load()
    return {run.parameters["k"] for run in runs if run.key in found}


def started(log: Path) -> list[int]:
    # A killed process may leave its last line incomplete, but never a wrong number.
    return [int(line) for line in log.read_text().split()] if log.exists() else []


class Crashes:
    """A sweep that is killed and resumed until it is done."""

    def __init__(self, folder: Path, n_runs: int, pause: float, rng: random.Random) -> None:
        self.store, self.log, self.errors = folder / "store", folder / "log", folder / "errors"
        self.arguments = [str(n_runs), str(pause)]
        self.n_runs, self.pause, self.rng = n_runs, pause, rng
        self.killed: Counter[str] = Counter()
        self.again = 0  # stored runs that were started again

    def session(self, kills: int) -> None:
        """Start or resume the sweep, and kill processes until it has ended."""
        before, n_started = stored(self.store), len(started(self.log))
        command = [sys.executable, __file__, "--child", str(self.store), str(self.log)]
        with self.errors.open("wb") as errors:
            child = subprocess.Popen(
                [*command, *self.arguments], start_new_session=True, stderr=errors
            )
        while child.poll() is None:
            if sum(self.killed.values()) >= kills:
                child.wait()
                break
            if self.rng.random() < 0.75:  # mostly while it computes, otherwise at any moment
                n = len(started(self.log))
                while child.poll() is None and len(started(self.log)) == n:
                    time.sleep(0.01)
            time.sleep(self.rng.uniform(0.0, 0.6))
            if child.poll() is None:
                self.kill(child)
        if child.returncode not in (0, -signal.SIGKILL):
            msg = f"the sweep failed with code {child.returncode}:\n{self.errors.read_text()}"
            raise SystemExit(msg)
        self.again += len(before & set(started(self.log)[n_started:]))

    def kill(self, child: subprocess.Popen[bytes]) -> None:
        """Kill one of the targets."""
        what = self.rng.choice(TARGETS)
        workers = children(child.pid)
        if what == "worker" and not workers:
            return
        self.killed[what] += 1
        if what == "worker":
            os.kill(self.rng.choice(workers), signal.SIGKILL)
            return
        (os.killpg if what == "group" else os.kill)(child.pid, signal.SIGKILL)
        child.wait()

    def wrong(self) -> list[str]:
        """Return what is wrong at the end."""
        problems = []
        if self.again:
            problems.append(f"{self.again} stored runs were started again")
        if (n := len(stored(self.store))) != self.n_runs:
            problems.append(f"{n} runs are stored")
        result = sl.load_sweep(self.store)
        reference = sweep(None, self.log, self.n_runs, "serial", self.pause)
        if not result.table.equals(reference.table):
            problems.append("the table differs from that of an undisturbed sweep")
        for mine, right in zip(result, reference, strict=True):
            if any((mine[name] != right[name]).any() for name in right.arrays):
                problems.append(f"the arrays of run {mine.parameters['k']} differ")
        return problems


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        store, log, n_runs, pause = sys.argv[2:]
        sweep(Path(store), Path(log), int(n_runs), "joblib", float(pause))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200, metavar="N")
    parser.add_argument("--kills", type=int, default=20, metavar="N")
    parser.add_argument("--pause", type=float, default=0.03, metavar="S", help="seconds per run")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    args = parser.parse_args()
    rng, killed, problems = random.Random(args.seed), Counter[str](), list[str]()
    while (kills := args.kills - sum(killed.values())) > 0:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            crashes = Crashes(Path(name), args.runs, args.pause, rng)
            while len(stored(crashes.store)) < args.runs:
                crashes.session(kills)
            lost = len(started(crashes.log)) - args.runs
            found = crashes.wrong()
            killed.update(crashes.killed)
            problems += found
            kinds = ", ".join(f"{crashes.killed[what]} x {what}" for what in TARGETS)
            print(
                f"{args.runs} runs, killed: {kinds}; {lost} runs were begun again: "
                f"{'; '.join(found) or 'nothing lost or duplicated, the same table and arrays'}",
                flush=True,
            )
    print("FAILED" if problems else f"ok after {sum(killed.values())} kills")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
