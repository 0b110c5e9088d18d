"""Run the cortical microcircuit once, on one simulator, and print one line of JSON.

compare_microcircuit.py starts this program with the interpreter that has the simulator. Spikes go
into a file.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
from pathlib import Path

import numpy as np
from microcircuit import Task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("simulator", choices=["spikelet", "nest"])
    parser.add_argument("circuit", type=Path, help="JSON file that describes the network")
    parser.add_argument("spikes", type=Path, help="file to write (.npz)")
    parser.add_argument("--dtype", choices=["float32", "float64"], required=True)
    parser.add_argument("--weights", choices=["float", "int16"], required=True)
    for name in ("threads", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("presim", "duration"):
        parser.add_argument(f"--{name}", type=float, required=True)
    args = parser.parse_args()

    task = Task(
        circuit=json.loads(args.circuit.read_text()),
        presim=args.presim,
        duration=args.duration,
        threads=args.threads,
        seed=args.seed,
        dtype=args.dtype,
        weights=args.weights,
    )
    try:
        done = importlib.import_module(f"microcircuit_on_{args.simulator}").simulate(task)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
        return
    arrays = {}
    for name, (times, ids) in done.spikes.items():
        arrays[f"{name}_times"], arrays[f"{name}_ids"] = times, ids
    np.savez(args.spikes, **arrays)
    count = sum(len(times) for times, _ in done.spikes.values())
    seconds = args.duration * 1e-3
    events = count * done.synapses / done.neurons
    record = {
        "build_s": done.build_s,
        "wall_s": done.wall_s,
        "rtf": done.wall_s / seconds,
        "neurons": done.neurons,
        "synapses": done.synapses,
        "spikes": count,
        "events": events,
        "ns_per_event": done.wall_s * 1e9 / events if events else None,
        "peak_rss_mb": done.peak_rss_mb,
        "versions": done.versions | {"python": platform.python_version(), "numpy": np.__version__},
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
