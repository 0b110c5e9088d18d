"""Kill runs at random moments (kill -9) and check the files that they leave behind.

    python bench/python/crash_recording.py --kills 20

Three experiments, with the given number of kills each:

* recording: a network records spikes, potentials and weights to disk. The file must hold an exact
  prefix of the uninterrupted recording, and reach at least as far as the run had reported.
* checkpoint: a network is saved repeatedly. The file must load, and hold a state that the network
  had.
* resumed: a run saves itself at intervals, is killed, and is restarted from its last checkpoint
  until it is done. Its recording and final state must equal those of an undisturbed run.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import spikelet as sl
from spikelet.network import run as running

DURATION = 2000.0  # ms, of the resumed run
NEURONS = 400


def build(to: Path | None) -> sl.Network:
    """Return a busy plastic network with recorders of all kinds."""
    net = sl.Network(seed=7, threads=1)
    cells = net.population(NEURONS, sl.LIF(), name="cells")
    drive = net.population(NEURONS, sl.PoissonSource(200.0), name="drive")
    rule = sl.STDP(A_plus=1.0, A_minus=1.1, w_max=300.0)
    delay = sl.Uniform(0.5, 5.0)
    net.connect(drive, cells, sl.FixedIndegree(20), weight=150.0, delay=delay, plasticity=rule)
    net.connect(cells, cells, sl.FixedIndegree(20), weight=-50.0, delay=delay)
    net.record(cells, "spikes", to=to)
    net.record(drive, "spikes", to=to)
    net.record(cells[:50], "V_m", to=to)
    net.record(net.projections[0], "weights", every=20.0, to=to)
    return net


def data(recorder: Any) -> Any:
    return recorder.ids if hasattr(recorder, "ids") else recorder.values


def same(found: sl.Network, expected: sl.Network) -> bool:
    """Compare states, weights and recordings bit by bit."""
    return (
        found.t == expected.t
        and np.array_equal(found.populations[0].V_m, expected.populations[0].V_m)
        and np.array_equal(found.projections[0].weights, expected.projections[0].weights)
        and all(
            np.array_equal(f.times, e.times) and np.array_equal(data(f), data(e))
            for f, e in zip(found.recorders, expected.recorders, strict=True)
        )
    )


# The work of the processes that are killed


def record(folder: Path) -> None:
    net = build(folder / "r.rec")
    net.run(0.0)  # creates the file
    print(flush=True)
    while True:
        net.run(50.0)
        print(net.t, flush=True)


def save(folder: Path) -> None:
    net = build(None)
    net.save(folder / "c.npz", recorders=True)
    print(flush=True)
    while True:
        net.run(3.0)
        net.save(folder / "c.npz", recorders=True)


def resume(folder: Path) -> None:
    if (folder / "c.npz").exists():
        net = sl.Network.load(folder / "c.npz")
    else:
        (folder / "r.rec").unlink(missing_ok=True)  # died before its first checkpoint
        net = build(folder / "r.rec")
        net.save(folder / "c.npz", recorders=True)
    print(flush=True)
    net.run(DURATION - net.t, save=folder / "c.npz", save_every=25.0)
    print("done", flush=True)


CHILDREN: dict[str, Callable[[Path], None]] = {"record": record, "save": save, "resume": resume}


def kill(child: str, folder: Path, piece: int, longest: float | None) -> list[str]:
    """Start a process, kill it after a random time (if any), and return the lines that it printed."""
    command = [sys.executable, __file__, "--child", child, str(folder), "--piece", str(piece)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        if longest is not None:
            time.sleep(random.uniform(0.0, longest))
            process.kill()
        return [line.strip() for line in process.stdout if line.endswith("\n")]


# The experiments; each returns the faults that it found


def recording(kills: int, piece: int, folder: Path) -> list[str]:
    faults = []
    expected, steps = build(None), 0.0
    for k in range(kills):
        (folder / "r.rec").unlink(missing_ok=True)
        lines = kill("record", folder, piece, 1.5)
        reported = float(lines[-1]) if lines else 0.0
        stored: list[Any] = [
            sl.read_recording(folder / "r.rec", name)
            for name in sl.recording_names(folder / "r.rec")
        ]
        reach = max(s.t for s in stored)
        expected.run(max(0.0, round(reach - expected.t, 6)))
        steps += reach
        for s, e in zip(stored, expected.recorders, strict=True):
            n = len(s)
            if not (np.array_equal(s.times, e.times[:n]) and np.array_equal(data(s), data(e)[:n])):
                faults.append(f"kill {k}: {s} differs")
            if (e.times[n:] <= reported).any():
                faults.append(f"kill {k}: {s} does not reach {reported} ms")
    print(f"  {steps:.0f} ms recorded in {kills} runs")
    return faults


def checkpoint(kills: int, piece: int, folder: Path) -> list[str]:
    faults, saved = [], 0
    for k in range(kills):
        kill("save", folder, piece, 1.0)
        found = sl.Network.load(folder / "c.npz")
        expected = build(None)
        expected.run(found.t)
        saved += round(found.t / 3.0)
        if not same(found, expected):
            faults.append(f"kill {k}: the network at {found.t} ms differs")
    print(f"  {saved} checkpoints written")
    return faults


def resumed(kills: int, piece: int, folder: Path) -> list[str]:
    expected = build(None)
    expected.run(DURATION)
    died, ends = 0, 0
    faults = []
    while died < kills:
        for path in folder.iterdir():
            path.unlink()
        while "done" not in kill("resume", folder, piece, 1.0 if died < kills else None):
            died += 1
        ends += 1
        if not same(sl.Network.load(folder / "c.npz"), expected):
            faults.append(f"run {ends}: it ends differently")
    print(f"  {died} kills in {ends} runs of {DURATION:.0f} ms")
    return faults


EXPERIMENTS = {"recording": recording, "checkpoint": checkpoint, "resumed": resumed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=20, help="kills of each experiment")
    parser.add_argument("--only", choices=EXPERIMENTS, nargs="*", default=list(EXPERIMENTS))
    parser.add_argument("--piece", type=int, default=1 << 16, help="bytes of each write")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the verdicts here")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    running.PIECE = arguments.piece  # small, so that more of the time is spent writing
    if arguments.child:
        name, folder = arguments.child
        CHILDREN[name](Path(folder))
        return
    random.seed(arguments.seed)
    faults = {}
    for name in arguments.only:
        print(f"{name}: {arguments.kills} kills", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            faults[name] = EXPERIMENTS[name](arguments.kills, arguments.piece, Path(folder))
        print("  " + ("; ".join(faults[name]) or "all exact"), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"kills": arguments.kills, "faults": faults}))
    failed = any(faults.values())
    print("verdict:", "FAULTS FOUND" if failed else "nothing reported was lost or changed")
    sys.exit(failed)


if __name__ == "__main__":
    main()
