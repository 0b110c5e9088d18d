"""Small networks for the export to C: each reaches other templates."""

from __future__ import annotations

from typing import Any

import numpy as np

import spikelet as sl
from spikelet import layers as L
from spikelet.layers.graph import Graph

STEPS = 7
SHAPE = (3, 8, 8)


def w(*shape: int, seed: int = 0) -> Any:
    """Return weights with more excitation than inhibition, so that all layers spike."""
    fan_in = np.prod(shape[1:])
    return np.random.default_rng([seed, *shape]).normal(
        0.25 / np.sqrt(fan_in), 1.0, shape
    ) * np.sqrt(2 / fan_in)


def inputs(*shape: int, count: int = 3) -> Any:
    """Return samples in single precision."""
    return np.random.default_rng(1).random((count, *(shape or SHAPE))).astype(np.float32)


def neuron() -> L.IF:
    """Return a neuron of which 16-bit integers are capable."""
    return L.IF(0.5, v_init=0.25, amplitude=0.5)


def residual(dtype: Any = "float32") -> sl.SpikingModel:
    """Return convolutions, a shortcut, pools and a readout."""
    return sl.SpikingModel(
        Graph([
            ("c1", L.Conv2d(w(16, 3, 3, 3), np.full(16, 0.02), padding=1), "input"),
            ("n1", neuron(), "c1"),
            ("c2", L.Conv2d(w(16, 16, 3, 3), w(16, 1)[:, 0] * 0.1, padding=1), "n1"),
            ("add", L.Add(), ("c2", "n1")),
            ("n2", neuron(), "add"),
            ("max", L.MaxPool2d(3, 2, 1), "n2"),
            ("c3", L.Conv2d(w(36, 16, 3, 3), padding=2, dilation=2), "max"),
            ("n3", L.IF(0.5, "zero", amplitude=0.7), "c3"),
            ("mean", L.AvgPool2d(2), "n3"),
            ("flat", L.Flatten(), "mean"),
            ("out", L.Linear(w(10, 144), w(10, 1)[:, 0]), "flat"),
        ]),
        dtype=dtype, threads=1,
    )  # fmt: skip


def chain(*layers: Any, dtype: Any = "float32") -> sl.SpikingModel:
    """Return layers one after the other."""
    return sl.SpikingModel(list(layers), dtype=dtype, threads=1)


def waiting() -> sl.SpikingModel:
    """Return a network with an analog neuron in between, and a shortcut around it."""
    return sl.SpikingModel(
        Graph([
            ("c1", L.Conv2d(w(8, 3, 3, 3), padding=1), "input"),
            ("n1", neuron(), "c1"),
            ("c2", L.Conv2d(w(8, 8, 3, 3), padding=1), "n1"),
            ("relu", L.ReLU(np.linspace(1.0, 2.0, 8), levels=5), "c2"),
            ("c3", L.Conv2d(w(8, 8, 3, 3), padding=1), "relu"),
            ("add", L.Add(), ("c3", "n1", "c2")),
            ("n2", neuron(), "add"),
            ("flat", L.Flatten(), "n2"),
            ("out", L.Linear(w(5, 512)), "flat"),
        ]),
        threads=1,
    )  # fmt: skip


def several() -> sl.SpikingModel:
    """Return a network with two inputs and three outputs."""
    return sl.SpikingModel(
        Graph(
            [
                ("c1", L.Conv2d(w(8, 3, 3, 3), padding=1), "image"),
                ("n1", neuron(), "c1"),
                ("flat", L.Flatten(), "n1"),
                ("l1", L.Linear(w(12, 512)), "flat"),
                ("l2", L.Linear(w(12, 7)), "extra"),
                ("add", L.Add(), ("l1", "l2")),
                ("n2", neuron(), "add"),
                ("boxes", L.Linear(w(4, 12)), "n2"),
                ("scores", L.Linear(w(3, 12)), "n2"),
            ],
            inputs=["image", "extra"],
            outputs=["scores", "n1", "boxes"],
        ),
        dtype="int16", threads=1,
    )  # fmt: skip


def random_graph(seed: int) -> sl.SpikingModel:
    """Return a random network for inputs of `SHAPE`."""
    rng = np.random.default_rng(seed)
    nodes: list[Any] = []
    shapes: dict[str, tuple[int, ...]] = {"input": SHAPE}
    spiking: list[str] = []

    def add(layer: L.Layer, *sources: str) -> str:
        name = f"l{len(nodes)}"
        nodes.append((name, layer, sources))
        shapes[name] = layer.output_shape([shapes[s] for s in sources])
        return name

    def some_neuron(channels: int) -> L.Layer:
        threshold = float(rng.uniform(0.3, 0.8))
        kinds: list[Any] = [
            lambda: L.IF(threshold, v_init=threshold / 2, amplitude=threshold),
            lambda: L.IF(rng.uniform(0.3, 0.8, channels), "zero", v_init=rng.uniform(0, 0.3, channels)),
            lambda: L.LIF(threshold, str(rng.choice(["subtract", "zero"])), tau_m=4.0, amplitude=0.7),
            lambda: L.IF(threshold, code="signed", levels=int(rng.integers(1, 5))),
            lambda: L.PredictiveIF(
                pace=rng.uniform(1.5, 3.0, (STEPS, channels)), limit=rng.uniform(0.4, 0.9, (STEPS, channels)),
                amplitude=rng.uniform(0.4, 0.6, channels),
            ),
        ]  # fmt: skip
        return kinds[int(rng.integers(len(kinds)))]()

    last = "input"
    for k in range(5):
        channels, height, _ = shapes[last]
        out = int(rng.choice([5, 8, 16, 19]))
        size = int(rng.choice([1, 3, 5, 7]))
        groups = channels if k and rng.random() < 0.25 else 1
        out = channels * int(rng.integers(1, 3)) if groups > 1 else out
        stride = int(rng.choice([1, 1, 2])) if height > 3 else 1
        bias = rng.normal(size=out) * 0.1 if rng.random() < 0.5 else None
        conv = L.Conv2d(
            w(out, channels // groups, size, size, seed=seed),
            bias,
            stride=stride,
            padding=size // 2,
            groups=groups,
        )
        last = add(conv, last)
        others = [n for n in spiking if shapes[n] == shapes[last]]
        if others and rng.random() < 0.7:
            last = add(L.Add(), last, str(rng.choice(others)))
        last = add(some_neuron(out), last)
        spiking.append(last)
        between: list[Any] = [
            lambda: L.MaxPool2d(2, 1, 1), lambda: L.MaxPool2d(3, 2, 1, of="steps"), lambda: L.AvgPool2d(3, 1, 1),
            lambda: L.AvgPool2d(2), lambda: L.Upsample(2), lambda: L.ReLU(1.0),
            lambda o=out: L.Affine(rng.uniform(0.5, 1.5, o), rng.normal(size=o)),
        ]  # fmt: skip
        if rng.random() < 0.4 and shapes[last][1] > 1 and shapes[last][1] < 12:
            last = add(between[int(rng.integers(len(between)))](), last)
    last = add(L.Flatten(), last)
    add(L.Linear(w(6, shapes[last][0])), last)
    return sl.SpikingModel(Graph(nodes), dtype=str(rng.choice(["float32", "int16"])), threads=1)  # type: ignore[arg-type]  # two of the types
