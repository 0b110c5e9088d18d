"""Measure one thing about the converted network in one program; `worker.py` calls `run`."""

from __future__ import annotations

import importlib
import itertools
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from conversion import Task, read_images
from measure import peak_rss_mb

if TYPE_CHECKING:
    from collections.abc import Iterable
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


def speed(
    adapter: ModuleType, task: Any, settings: Iterable[dict[str, Any]], seconds: float
) -> dict[str, Any]:
    """Return images per second with the best of some settings."""
    tried = [(rate(adapter.prepare(task, each), seconds), each) for each in settings]
    best, fastest = max(tried, key=lambda pair: pair[0])
    return {
        "images_per_s": best, "setting": fastest, "tried": tried,
        "peak_rss_mb": peak_rss_mb(), "versions": adapter.versions(),
    }  # fmt: skip


def run(
    *, program: str, what: str, files: str, images: int, steps: list[int], thresholds: str | None = None,
    out: str = "", setting: dict[str, Any] | None = None, seconds: float = 1.0, **task: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return the speed, with the best of all settings if none is given, or the accuracy, or write arrays to `out`."""
    adapter = importlib.import_module(f"conversion_on_{program}")
    pixels, labels = read_images(Path(files), "test", images)
    shared = dict(np.load(thresholds)) if thresholds else {}
    job = Task(Path(files), pixels, labels, tuple(steps), thresholds=shared, **task)
    if what == "speed":
        return speed(adapter, job, adapter.settings() if setting is None else [setting], seconds)
    if what == "accuracy":
        found: dict[str, Any] = adapter.accuracy(job)
        return found | {"images": len(pixels)}
    np.savez(out, **getattr(adapter, what)(job))
    return {"versions": adapter.versions()}
