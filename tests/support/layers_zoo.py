"""Networks that reach every loop of the engine; without PyTorch, so that processes of tests start fast."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet import layers as L
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

WIDE = (3, 12, 12)  # the input of `wide_graph`
DEEP = (2, 12, 12)  # of `deep_graph`


def _weights(seed: int) -> Any:
    rng = np.random.default_rng(seed)

    def weights(*shape: int) -> NDArray[np.float64]:
        # More excitation than inhibition: all layers shall spike.
        fan_in = int(np.prod(shape[1:]))
        return np.asarray(rng.normal(0.25 / np.sqrt(fan_in), 1.0, shape) * np.sqrt(2 / fan_in))

    return weights


def wide_graph(steps: int) -> Graph:
    """Return a network of many widths, kernels and strides, with every kind of neuron."""
    w = _weights(0)
    return Graph(
        [
            ("c1", L.Conv2d(w(20, 3, 3, 3), np.linspace(0, 0.2, 20), padding=1), "input"),
            ("n1", L.IF(0.7, v_init=0.3), "c1"),
            ("c2", L.Conv2d(w(36, 20, 3, 3), padding=1, stride=2), "n1"),
            ("n2", L.IF(np.linspace(0.4, 0.6, 36), code="signed"), "c2"),
            ("c3", L.Conv2d(w(64, 36, 3, 3), padding=2, dilation=2), "n2"),
            ("n3", L.LIF(0.2, tau_m=4.0), "c3"),
            ("c4", L.Conv2d(w(64, 8, 3, 3), groups=8, padding=1), "n3"),
            ("n4", L.IF(0.3, "zero", amplitude=0.7), "c4"),
            ("add", L.Add(), ("n4", "n3")),
            ("c5", L.Conv2d(w(64, 64, 1, 1)), "add"),
            ("n5", L.IF(0.8, code="signed", levels=4, v_init=0.05), "c5"),
            ("mean", L.AvgPool2d(2), "n5"),
            ("c6", L.Conv2d(w(16, 64, 3, 3), padding=1), "mean"),
            ("n6", L.IF(0.5, code="differential", levels=2, v_init=0.1), "c6"),
            ("up", L.Upsample(2), "n6"),
            ("cat", L.Concat(), ("up", "n5")),
            ("c7", L.Conv2d(w(24, 80, 5, 5), padding=2), "cat"),
            (
                "n7",
                L.PredictiveIF(
                    pace=np.linspace(2.5, 2.0, steps), limit=np.linspace(0.9, 0.5, steps)
                ),
                "c7",
            ),
            ("max", L.MaxPool2d(2), "n7"),
            ("flat", L.Flatten(), "max"),
            ("fc", L.Linear(w(70, 216)), "flat"),
            ("n8", L.IF(0.3, v_init=0.15), "fc"),
            ("out", L.Linear(w(10, 70)), "n8"),
        ]
    )


def deep_graph() -> Graph:
    """Return a residual network of neurons that are all alike: what 16-bit integers can do."""
    w = _weights(1)

    def neuron() -> L.IF:
        return L.IF(0.6, v_init=0.3, amplitude=0.6)

    return Graph(
        [
            ("c1", L.Conv2d(w(16, 2, 3, 3), np.full(16, 0.02), padding=1), "input"),
            ("n1", neuron(), "c1"),
            ("c2", L.Conv2d(w(16, 16, 3, 3), padding=1), "n1"),
            ("n2", neuron(), "c2"),
            ("c3", L.Conv2d(w(16, 16, 3, 3), padding=1), "n2"),
            ("a1", L.Add(), ("c3", "n1")),
            ("n3", neuron(), "a1"),
            ("c4", L.Conv2d(w(32, 16, 3, 3), padding=1, stride=2), "n3"),
            ("n4", neuron(), "c4"),
            ("c5", L.Conv2d(w(64, 32, 3, 3), padding=1), "n4"),
            ("n5", neuron(), "c5"),
            ("c6", L.Conv2d(w(64, 64, 3, 3), padding=1), "n5"),
            ("a2", L.Add(), ("c6", "n5")),
            ("n6", L.IF(0.6, "zero", amplitude=0.6), "a2"),
            ("mean", L.AdaptiveAvgPool2d(1), "n6"),
            ("flat", L.Flatten(), "mean"),
            ("out", L.Linear(w(10, 64)), "flat"),
        ]
    )


def pictures(shape: tuple[int, ...], count: int, seed: int = 3) -> NDArray[np.float64]:
    """Return inputs, some of whose values are 0."""
    rng = np.random.default_rng(seed)
    x = rng.random((count, *shape))
    return np.asarray(x * (x > 0.2))


def layered_digest(dtype: Any, threads: int = 1, steps: int = 13) -> str:
    """Hash all bits of two networks' runs, for all forms of input."""
    bits = hashlib.sha256()
    rng = np.random.default_rng(7)
    for graph, shape in ((wide_graph(steps), WIDE), (deep_graph(), DEEP)):
        model = SpikingModel(graph, dtype=dtype, threads=threads)
        x = pictures(shape, 4)
        spikes = rng.choice([-1, 0, 0, 1], (steps, 4, *shape))
        for result in (
            model.run(x, steps, record=[*model.neurons, *(f"{n}.v" for n in model.neurons)]),
            model.run(np.stack([x, 1 - x] * steps)[:steps], delay=3, record=True),
            model.run(spikes, record=[n.name for n in graph if n.name != "flat"]),
        ):
            assert all(result.operations[n].spikes > 0 for n in model.neurons)
            bits.update(repr(result.operations).encode())
            for array in (result.output, *result.records.values()):
                bits.update(np.ascontiguousarray(array).tobytes())
    return bits.hexdigest()
