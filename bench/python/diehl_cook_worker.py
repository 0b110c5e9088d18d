"""Learn images once, on one simulator, and print one line of JSON.

compare_diehl_cook.py starts this program with the interpreter that has the simulator.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
from pathlib import Path

import numpy as np
from diehl_cook import PROTOCOLS, Task, read_images, summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("simulator", choices=["spikelet", "bindsnet"])
    parser.add_argument("protocol", choices=PROTOCOLS)
    parser.add_argument("--mnist", type=Path, required=True)
    for name in ("neurons", "warm-up", "images", "threads", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    args = parser.parse_args()

    images = read_images(args.mnist, args.warm_up + args.images)
    task = Task(
        protocol=PROTOCOLS[args.protocol],
        neurons=args.neurons,
        warm_up=images[: args.warm_up],
        images=images[args.warm_up :],
        threads=args.threads,
        seed=args.seed,
    )
    try:
        learnt = importlib.import_module(f"diehl_cook_on_{args.simulator}").learn(task)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
        return
    record = summary(learnt, args.images)
    record["versions"] |= {"python": platform.python_version(), "numpy": np.__version__}
    print(json.dumps(record))


if __name__ == "__main__":
    main()
