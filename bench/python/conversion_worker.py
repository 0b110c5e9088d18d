"""Measure one thing about the converted network once, in one program, and print one line of JSON.

compare_conversion.py starts this program with the interpreter that has the program.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import platform
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from conversion import Task, read_images
from measure import peak_rss_mb

if TYPE_CHECKING:
    from types import ModuleType

    from conversion import Prepared


def rate(prepared: Prepared, seconds: float) -> float:
    """Return images per second over `seconds` of batches, after one batch that is not timed."""
    classify, batches = prepared
    classify(batches[0])
    done = 0
    start = perf_counter()
    for batch in itertools.cycle(batches):
        classify(batch)
        done += len(batch)
        elapsed = perf_counter() - start
        if elapsed >= seconds:
            break
    return done / elapsed


def speed(adapter: ModuleType, task: Task, setting: str, seconds: float) -> dict[str, Any]:
    """Return images per second with the given setting, or with the best of all settings."""
    tried: list[tuple[float, dict[str, Any]]] = []
    for candidate in [json.loads(setting)] if setting else adapter.settings():
        tried.append((rate(adapter.prepare(task, candidate), seconds), candidate))
    best, fastest = max(tried, key=lambda pair: pair[0])
    return {
        "images_per_s": best,
        "setting": fastest,
        "tried": tried,
        "peak_rss_mb": peak_rss_mb(),
        "versions": adapter.versions(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", choices=["spikelet", "spikingjelly", "snntorch", "torch"])
    parser.add_argument("what", choices=["thresholds", "spikes", "accuracy", "speed"])
    parser.add_argument("--files", type=Path, required=True)
    parser.add_argument("--method", default="")
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--steps", type=int, nargs="+", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--dtype", choices=["float32", "float64"], required=True)
    parser.add_argument("--thresholds", type=Path, help="file of shared thresholds to read (.npz)")
    parser.add_argument("--out", type=Path, help="file for arrays to write (.npz)")
    parser.add_argument("--setting", default="", help="setting as JSON (default: try all settings)")
    parser.add_argument("--seconds", type=float, default=1.0)
    args = parser.parse_args()

    images, labels = read_images(args.files, "test", args.images)
    task = Task(
        files=args.files,
        images=images,
        labels=labels,
        steps=tuple(args.steps),
        threads=args.threads,
        dtype=args.dtype,
        method=args.method,
        thresholds=dict(np.load(args.thresholds)) if args.thresholds else {},
    )
    record: dict[str, Any] = {}
    try:
        adapter = importlib.import_module(f"conversion_on_{args.program}")
        if args.what == "speed":
            record = speed(adapter, task, args.setting, args.seconds)
        elif args.what == "accuracy":
            record = adapter.accuracy(task) | {"images": len(images)}
        else:
            np.savez(args.out, **getattr(adapter, args.what)(task))
            record = {"versions": adapter.versions()}
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
        return
    record["versions"] |= {"python": platform.python_version(), "numpy": np.__version__}
    print(json.dumps(record))


if __name__ == "__main__":
    main()
