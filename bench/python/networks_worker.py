"""Run one network once in one program, and print one line of JSON.

compare_networks.py starts this program with the interpreter that has the program.
"""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from conversion_worker import rate
from measure import peak_rss_mb
from networks import NETWORKS
from networks_task import NetworkTask

if TYPE_CHECKING:
    from types import ModuleType


def speed(adapter: ModuleType, task: NetworkTask, setting: str, seconds: float) -> dict[str, Any]:
    """Return samples per second with the given setting, or with the best of all settings."""
    tried: list[tuple[float, dict[str, Any]]] = []
    for candidate in [json.loads(setting)] if setting else adapter.settings(task):
        tried.append((rate(adapter.prepare(task, candidate), seconds), candidate))
    best, fastest = max(tried, key=lambda pair: pair[0])
    return {
        "images_per_s": best,
        "setting": fastest,
        "tried": tried,
        "versions": adapter.versions(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", choices=["spikelet", "spikingjelly", "snntorch", "torch"])
    parser.add_argument("what", choices=["accuracy", "speed"])
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--network", choices=NETWORKS, required=True)
    parser.add_argument("--method", default="")
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--steps", type=int, nargs="+", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--setting", default="", help="setting as JSON (default: try all settings)")
    parser.add_argument("--seconds", type=float, default=1.0)
    args = parser.parse_args()
    try:
        adapter = importlib.import_module(f"networks_on_{args.program}")
        network = NETWORKS[args.network]
        samples = network.samples(args.models)
        task = NetworkTask(
            name=args.network,
            net=network.build(args.models),
            calibration=samples.calibration,
            test=samples.test[: args.images],
            steps=tuple(args.steps),
            threads=args.threads,
            method=args.method,
        )
        if args.what == "speed":
            record = speed(adapter, task, args.setting, args.seconds)
        else:
            record = adapter.accuracy(task) | {"images": len(task.test)}
            record |= {
                "labels": np.asarray(samples.labels[: args.images]).tolist(),
                "outputs": network.outputs,
            }
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
        return
    print(json.dumps(record | {"peak_rss_mb": peak_rss_mb()}))


if __name__ == "__main__":
    main()
