"""Measure one thing about neurons or a network once, in one program, and print one line of JSON.

compare_training.py starts this program with the interpreter that has the program.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from measure import peak_rss_mb
from training import LIBRARIES, Task

if TYPE_CHECKING:
    from types import ModuleType


def work(adapter: ModuleType, task: Task, args: argparse.Namespace) -> dict[str, Any]:
    """Return the record of ``args.what``."""
    on = importlib.import_module("training_on_torch")
    on.torch.set_num_threads(task.threads)
    if args.what == "check":
        found, failed = on.check(partial(adapter.lif, task.convention), task)
        np.savez(args.folder / f"{args.program}.npz", **found)
        return {"failures": failed}
    if args.what == "time":
        return on.time(adapter.layer(task), task, args.seconds)
    if args.what == "memory":
        return on.memory(adapter.layer(task), task)
    if args.what == "floor":
        return on.floor(task, args.seconds)
    network = importlib.import_module("training_network")
    return network.epoch(adapter, task, args.folder, args.images, args.test_images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("program", choices=["spikelet", "reference", *LIBRARIES])
    add("what", choices=["check", "time", "memory", "floor", "epoch"])
    add("--convention", choices=LIBRARIES, required=True)
    add("--method", default="")
    for name in ("steps", "batch", "neurons", "threads"):
        add(f"--{name}", type=int, required=True)
    add("--dtype", choices=["float32", "float64"], required=True)
    add("--readout", default="dense")
    add("--folder", type=Path, help="folder of mnist_*.npz and of arrays to write")
    add("--seconds", type=float, default=1.0)
    add("--images", type=int, default=60_000)
    add("--test-images", type=int, default=10_000)
    args = parser.parse_args()
    names = ("convention", "method", "steps", "batch", "neurons", "threads", "dtype", "readout")
    task = Task(**{name: getattr(args, name) for name in names})
    try:
        adapter = importlib.import_module(f"training_on_{args.program}")
        record = work(adapter, task, args)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
        return
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    found = {"peak_rss_mb": peak_rss_mb(), "versions": adapter.versions() | versions}
    print(json.dumps(record | found))


if __name__ == "__main__":
    main()
