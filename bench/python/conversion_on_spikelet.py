"""spikelet: the methods of its converter, and the network with the shared thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from conversion import BLOCKS, HALVING, NEURONS, SHARED, folded, percentiles

import spikelet as sl
from spikelet import layers
from spikelet.layers.graph import Graph, Node
from spikelet.layers.spiking_model import SpikingModel

if TYPE_CHECKING:
    from conversion import Prepared, Task
    from numpy.typing import NDArray

BATCH = 500
"""Images per call when accuracy is measured; the core splits batches by itself."""

ENOUGH = 800
"""Calibration images when accuracy is measured."""

FEWER = 256
"""Calibration images when speed is measured; each run converts anew."""


def graph(parameters: dict[str, NDArray[Any]]) -> Graph:
    """Return the ANN with BatchNorm folded."""

    def convolution(name: str, norm: str, stride: int, padding: int) -> layers.Conv2d:
        weight, bias = folded(parameters, name, norm)
        return layers.Conv2d(weight, bias, stride=stride, padding=padding)

    nodes = [
        Node("conv1", convolution("conv1", "bn1", 1, 1), ("input",)),
        Node("relu1", layers.ReLU(), ("conv1",)),
    ]
    x = "relu1"
    for k in range(BLOCKS):
        at = f"blocks.{k}."
        stride = 2 if k in HALVING else 1
        first = convolution(at + "conv1", at + "bn1", stride, 1)
        second = convolution(at + "conv2", at + "bn2", 1, 1)
        nodes += [
            Node(at + "conv1", first, (x,)),
            Node(at + "relu1", layers.ReLU(), (at + "conv1",)),
            Node(at + "conv2", second, (at + "relu1",)),
        ]
        shortcut = x
        if at + "down.0.weight" in parameters:
            shortcut = at + "down"
            nodes.append(Node(shortcut, convolution(at + "down.0", at + "down.1", stride, 0), (x,)))
        nodes += [
            Node(at + "add", layers.Add(), (at + "conv2", shortcut)),
            Node(at + "relu2", layers.ReLU(), (at + "add",)),
        ]
        x = at + "relu2"
    nodes += [
        Node("pool", layers.AdaptiveAvgPool2d(1), (x,)),
        Node("flatten", layers.Flatten(), ("pool",)),
        Node("fc", layers.Linear(parameters["fc.weight"], parameters["fc.bias"]), ("flatten",)),
    ]
    return Graph(nodes)


def thresholds(task: Task) -> dict[str, NDArray[np.float64]]:
    """Return the shared thresholds, from the first calibration images."""
    ann = SpikingModel(graph(task.parameters()), threads=task.threads)
    wanted = [f"{name}.mean" for name in NEURONS]
    found = ann.run(task.calibration()[:BATCH], steps=1, record=wanted)
    return {name: percentiles(found[f"{name}.mean"]) for name in NEURONS}


def shared(task: Task, dtype: str) -> SpikingModel:
    """Return the network of IF neurons with soft reset that start at half of the shared thresholds."""

    def neuron(name: str) -> layers.IF:
        threshold = task.thresholds[name]
        return layers.IF(threshold, v_init=threshold / 2, amplitude=threshold)

    ann = graph(task.parameters())
    nodes = [Node(n.name, neuron(n.name), n.inputs) if n.name in NEURONS else n for n in ann]
    return SpikingModel(Graph(nodes), dtype=dtype, threads=task.threads)


def converted(task: Task, steps: int, calibration: int | None = None) -> Any:
    """Return the network that a method converts for the given number of steps.

    ``task.method`` is ``method[:neuron[:dtype]]``; omitted parts take their defaults.
    """
    method, neuron, dtype = [*task.method.split(":"), "", ""][:3]
    if method == SHARED:
        return shared(task, dtype or task.dtype)
    if not callable(getattr(sl, "convert", None)):
        msg = f"spikelet {sl.__version__} has no convert()"
        raise ImportError(msg)  # noqa: TRY004
    images = task.calibration()[:calibration]
    return sl.convert(
        graph(task.parameters()), images, method=method, neuron=neuron or None, steps=steps,
        dtype=dtype or task.dtype, threads=task.threads,
    )  # fmt: skip


def accuracy(task: Task) -> dict[str, Any]:
    """Return how many images are classified correctly at each T, each with a network made for it."""
    right = {}
    for steps in task.steps:
        model = converted(task, steps, ENOUGH)
        found = [
            model.run(task.images[begin : begin + BATCH], steps=steps).output.argmax(1)
            for begin in range(0, len(task.images), BATCH)
        ]
        right[steps] = int(np.sum(np.concatenate(found) == task.labels))
    return {"plain": right, "versions": versions()}


def spikes(task: Task) -> dict[str, NDArray[np.int8]]:
    """Return all spikes by layer, ``[T, N, channels, height, width]``."""
    wanted = [f"{name}.spikes" for name in NEURONS]
    found = shared(task, task.dtype).run(task.images, steps=task.steps[0], record=wanted)
    return {name: np.asarray(found[f"{name}.spikes"] != 0, np.int8) for name in NEURONS}


def settings() -> list[dict[str, Any]]:
    """Return the settings to try for speed: a single one, as there is nothing to set."""
    return [{}]


def prepare(task: Task, setting: dict[str, Any]) -> Prepared:  # noqa: ARG001
    """Return the function that classifies a batch, and one batch with all images."""
    steps = task.steps[0]
    model = converted(task, steps, FEWER)
    return lambda x: model.run(x, steps=steps), [task.images]


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"spikelet": sl.__version__, "simd": sl.simd_level()}
