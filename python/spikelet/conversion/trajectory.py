"""The decisions of a network after each step of a single run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.energy.segments import timings
from spikelet.layers import ReLU
from spikelet.layers.neurons import leaves_mean
from spikelet.layers.samples import Samples, readout_delay
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["outputs_of", "trajectory", "waiting"]


def waiting(model: SpikingModel, run_args: Mapping[str, Any]) -> str:
    """Return the name of a ReLU whose input spikes, or an empty string."""
    when = timings(
        model.graph, sequence=run_args.get("coding", getattr(model, "coding", "direct")) != "direct"
    )
    for node in model.graph:
        if isinstance(node.layer, ReLU) and any(when[i].spiking for i in node.inputs):
            return node.name
    return ""


def outputs_of(model: SpikingModel, samples: Samples) -> int:
    """Return the number of values of the output: of the first, if there are several."""
    return int(np.prod(model.graph.shapes(samples.shapes)[model.graph.output.name]))


def _delay(where: str, model: SpikingModel, delay: int | None, steps: int) -> int:
    return readout_delay(where, model, None if delay is None else min(delay, steps - 1), steps)


def trajectory(
    model: SpikingModel, samples: Samples, delay: int | None, run_args: dict[str, Any]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the decision after each step, and its margin; both [T, B]."""
    name = f"{model.graph.output.name}.value"
    outputs, total = outputs_of(model, samples), samples.total
    # The mean after T steps starts at the delay of a run of T steps.
    after = np.arange(1, total + 1)
    begin = np.array([_delay(samples.where, model, delay, int(t)) for t in after])
    sizes = np.ones(total) if model.sizes is None else model.sizes
    until = np.concatenate([[0.0], np.cumsum(sizes)])
    # While the sizes add up to 0, there is no mean, and the decision before stands.
    exists = [leaves_mean(sizes[:t], b) for t, b in zip(after, begin, strict=True)]
    last = np.maximum.accumulate(np.where(exists, after, 1)) - 1
    after, begin = after[last], begin[last]
    window = (until[after] - until[begin]).reshape(-1, 1, 1)
    decision = np.empty((total, samples.count), np.int64)
    margin = np.empty((total, samples.count))
    for part, result in samples.run(model, 32 * outputs * total, record=name, **run_args):
        values = result[name].reshape(total, -1, outputs) * sizes.reshape(-1, 1, 1)
        sums = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
        mean = (sums[after] - sums[begin]) / window
        decision[:, part] = mean.argmax(axis=2)
        if outputs > 1:
            top = np.partition(mean, outputs - 2, axis=2)[:, :, -2:]
            margin[:, part] = top[:, :, 1] - top[:, :, 0]
        else:
            margin[:, part] = np.inf
    return decision, margin
