"""Measure one thing about neurons or a network once, in one program; `worker.py` calls `run`."""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from measure import peak_rss_mb
from training import TOLERANCE, Task


def run(
    *, program: str, what: str, folder: str, seconds: float = 1.0, images: int = 0, test_images: int = 0,
    **task: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return the record of `what`: check (which writes its arrays into the folder), time, memory or epoch."""
    adapter = importlib.import_module(f"training_on_{program}")
    on = importlib.import_module("training_on_torch")
    job, files = Task(**task), Path(folder)
    on.torch.set_num_threads(job.threads)
    found: dict[str, Any]
    if what == "check":
        found = {"failures": {}}
        for dtype in TOLERANCE:
            lif = partial(adapter.lif, job.convention)
            arrays, found["failures"][dtype] = on.check(lif, replace(job, dtype=dtype))
            np.savez(files / f"{program}-{dtype}.npz", **arrays)
    elif what == "time":
        found = on.time(adapter.layer(job), job, seconds)
    elif what == "memory":
        found = on.memory(adapter.layer(job), job)
    else:
        network = importlib.import_module("training_network")
        found = network.epoch(adapter, job, files, images, test_images)
    return found | {"peak_rss_mb": peak_rss_mb(), "versions": adapter.versions()}
