"""Run one model once, on one simulator, and print one line of JSON.

compare.py starts this program with the interpreter that has the simulator.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform

import numpy as np
from measure import summary
from models import MODELS

PACKAGES = {
    "spikelet": "spikelet",
    "equations": "spikelet",
    "nest": "nest",
    "brian2": "brian2",
    "brian2_runtime": "brian2",
}
"""The package that each adapter needs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("simulator", choices=PACKAGES)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--dtype", choices=["float32", "float64"], required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--model-time", type=float, required=True)
    parser.add_argument("--scale", type=float, required=True)
    args = parser.parse_args()

    try:
        importlib.import_module(PACKAGES[args.simulator])
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
        return
    adapter = importlib.import_module(f"on_{args.simulator}")
    model = MODELS[args.model].scaled(args.scale)
    run = adapter.simulate(
        model,
        duration=args.model_time,
        seed=args.seed,
        threads=args.threads,
        dtype=args.dtype,
    )
    record = summary(run, model.size, args.model_time)
    record["versions"] |= {"python": platform.python_version(), "numpy": np.__version__}
    print(json.dumps(record))


if __name__ == "__main__":
    main()
