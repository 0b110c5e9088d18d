"""Small networks, and brute force, for tests of layered models."""

from __future__ import annotations

import numpy as np
from scipy import signal

from spikelet._util.results import Table
from spikelet.layers import (
    IF,
    Add,
    Affine,
    AvgPool2d,
    Conv2d,
    Flatten,
    Linear,
    ReLU,
)
from spikelet.layers.graph import Graph, Node
from spikelet.layers.spiking_model import SpikingModel


def ann_graph(seed: int = 0) -> Graph:
    """Return a small residual network with a layer of every sort, [2, 8, 8] to 5 outputs."""
    rng = np.random.default_rng(seed)

    def w(*shape):
        return rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))

    return Graph(
        [
            ("conv1", Conv2d(w(6, 2, 3, 3), w(6, 1)[:, 0] * 0.1, padding=1), ["input"]),
            ("relu1", ReLU(), ["conv1"]),
            ("conv2", Conv2d(w(6, 6, 3, 3), padding=1), ["relu1"]),
            ("add", Add(), ["conv2", "relu1"]),
            ("relu2", ReLU(), ["add"]),
            ("conv3", Conv2d(w(8, 6, 3, 3), stride=2, padding=1), ["relu2"]),
            ("affine", Affine(np.full(8, 1.5), np.full(8, 0.05)), ["conv3"]),
            ("relu3", ReLU(), ["affine"]),
            ("pool", AvgPool2d(2), ["relu3"]),
            ("flat", Flatten(), ["pool"]),
            ("fc1", Linear(w(10, 32)), ["flat"]),
            ("relu4", ReLU(), ["fc1"]),
            ("fc2", Linear(w(5, 10), w(5, 1)[:, 0] * 0.1), ["relu4"]),
        ]
    )


def pair(
    x: np.ndarray, seed: int = 0, quantile: float = 1.0, **neuron: object
) -> tuple[SpikingModel, SpikingModel]:
    """Return an SNN and its ANN, with thresholds from the activations that x gives."""
    graph = ann_graph(seed)
    # Without a common part of the outputs, decisions differ between samples.
    last = graph.output
    offset = SpikingModel(graph, dtype="float64", threads=1).run(x, 1).output.mean(axis=0)
    layer = last.layer.replace(bias=last.layer.bias - offset)
    graph = Graph([*graph.nodes[:-1], Node(last.name, layer, last.inputs)])
    ann = SpikingModel(graph, dtype="float64", threads=1)
    names = [n.name for n in graph if isinstance(n.layer, ReLU)]
    means = ann.run(x, 1, record=[f"{n}.mean" for n in names])
    nodes = []
    for node in graph:
        layer = node.layer
        if isinstance(layer, ReLU):
            th = float(np.quantile(means[f"{node.name}.mean"], quantile))
            layer = IF(th, amplitude=th, **{"v_init": th / 2, **neuron})
        nodes.append(Node(node.name, layer, node.inputs))
    return SpikingModel(Graph(nodes), dtype="float64", threads=1), ann


def inputs(count: int = 12, seed: int = 5) -> np.ndarray:
    """Return random pictures, some pixels exactly 0."""
    rng = np.random.default_rng(seed)
    x = rng.random((count, 2, 8, 8))
    return x * (rng.random(x.shape) < 0.8)


def operations(active: np.ndarray, layer: Conv2d | Linear) -> float:
    """Count by brute force: binarise [B, ...], put it through the layer with weights of one, sum; per sample."""
    ones = (np.asarray(active) != 0).astype(float)
    if isinstance(layer, Linear):
        return ones.reshape(len(ones), -1).sum() * len(layer.weight) / len(ones)
    out, _, kh, kw = layer.weight.shape
    top, bottom, left, right = layer.padding
    dilated = np.zeros(((kh - 1) * layer.dilation[0] + 1, (kw - 1) * layer.dilation[1] + 1))
    dilated[:: layer.dilation[0], :: layer.dilation[1]] = 1
    total = 0.0
    for sample in ones:
        padded = np.pad(sample, ((0, 0), (top, bottom), (left, right)))
        for channel in padded:
            seen = signal.correlate2d(channel, dilated, "valid")
            total += seen[:: layer.stride[0], :: layer.stride[1]].sum()
    # Each channel is seen by the outputs of its group.
    return total * (out // layer.groups) / len(ones)


def curve(values, ann=0.9):
    """Return a table of accuracies after 1, 2, 4, ... steps."""
    rows = [{"steps": 2**k, "accuracy": value} for k, value in enumerate(values)]
    return Table(rows, {"samples": 100, "ann_accuracy": ann})
