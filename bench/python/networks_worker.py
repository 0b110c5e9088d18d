"""Measure a network of others once in one program; `worker.py` calls `run`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from conversion_worker import speed
from measure import peak_rss_mb
from networks import NETWORKS
from networks_task import NetworkTask


def run(
    *, program: str, what: str, models: str, network: str, images: int, steps: list[int],
    setting: dict[str, Any] | None = None, seconds: float = 1.0, **how: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return the speed, with the best of all settings if none is given, or the decisions about all samples."""
    adapter = importlib.import_module(f"networks_on_{program}")
    description = NETWORKS[network]
    samples = description.samples(Path(models))
    task = NetworkTask(
        network, description.build(Path(models)), samples.calibration, samples.test[:images],
        tuple(steps), **how,
    )  # fmt: skip
    if what == "speed":
        return speed(
            adapter, task, adapter.settings(task) if setting is None else [setting], seconds
        )
    found: dict[str, Any] = adapter.accuracy(task)
    return found | {
        "images": len(task.test),
        "labels": np.asarray(samples.labels[:images]).tolist(),
        "outputs": description.outputs,
        "peak_rss_mb": peak_rss_mb(),
    }
