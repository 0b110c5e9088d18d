"""spikelet: what sl.convert makes of the networks of networks.py."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np

import spikelet as sl

if TYPE_CHECKING:
    from networks_worker import NetworkTask, Prepared

FEWER = 32
"""Calibration samples when speed is measured; each run converts anew."""


def convert(task: NetworkTask, steps: int, count: int | None = None) -> Any:
    """Return the spiking network; ``task.method`` is ``method[/neuron][:dtype]``, empty parts are defaults."""
    kind, _, dtype = task.method.partition(":")
    method, _, neuron = kind.partition("/")
    options = {"method": method} if method not in ("", "default") else {}
    if neuron:
        options["neuron"] = neuron
    return sl.convert(
        task.net, np.array(task.calibration[:count]), steps=steps, dtype=dtype or "float32",
        threads=task.threads, **options,
    )  # fmt: skip


def accuracy(task: NetworkTask) -> dict[str, Any]:
    """Return the decisions at each T, of a network made for this T."""
    found, spent, chosen = {}, {}, {}
    for steps in task.steps:
        began = process_time()
        model = convert(task, steps)
        spent[str(steps)] = process_time() - began
        chosen[str(steps)] = model.method
        parts = [model.run(x.numpy(), steps=steps).output for x in task.split(4 * task.batch)]
        found[str(steps)] = np.asarray(task.network.decisions(np.concatenate(parts))).tolist()
    return {
        "plain": found,
        "conversion_s": max(spent.values()),
        "conversion_each_s": spent,
        "chosen": chosen,
        "versions": versions(),
    }


def settings(task: NetworkTask) -> list[dict[str, Any]]:  # noqa: ARG001
    """Return the settings to try for speed: a single one, as there is nothing to set."""
    return [{}]


def prepare(task: NetworkTask, setting: dict[str, Any]) -> Prepared:  # noqa: ARG001
    """Return the function that classifies a batch, and one batch with all samples or several of the same size."""
    steps = task.steps[0]
    model = convert(task, steps, FEWER)
    batches = [x.numpy() for x in task.split(task.size or len(task.test))]
    return lambda x: model.run(x, steps=steps), batches


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"spikelet": sl.__version__, "simd": sl.simd_level()}
