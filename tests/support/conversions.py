"""A trained CNN, a tiny ANN, and their conversion."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from tests.support.ann_zoo import trained
from torch import nn

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion.layerwise.site import Method, Site
from spikelet.layers.graph import Graph

torch.set_num_threads(1)

RNG = np.random.default_rng(0)
X = RNG.random((40, 3, 8, 8)).astype(np.float32)
TEST = RNG.random((16, 3, 8, 8)).astype(np.float32)


def cnn() -> nn.Sequential:
    return trained(
        nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 12, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(48, 20),
            nn.ReLU(),
            nn.Linear(20, 6),
        )
    )


def outputs(module: nn.Module, x: Any) -> Any:
    with torch.no_grad():
        return copy.deepcopy(module).eval()(torch.tensor(x)).numpy()


CNN = cnn()
WANTED = outputs(CNN, TEST)


def convert(ann: Any = CNN, x: Any = X, **options: Any) -> Any:
    return sl.convert(ann, x, **{"steps": 16, "threads": 1, **options})


def error(model: Any, x: Any = TEST, wanted: Any = WANTED) -> float:
    """Root mean square of what is wrong, over the spread of what is right."""
    given = model.run(x).output
    return float(np.sqrt(np.square(given - wanted).mean()) / wanted.std())


def residual() -> list[Any]:
    """Ten layers with weights as training could leave them."""
    rng = np.random.default_rng(4)

    def conv(cin: int, cout: int, gain: float) -> L.Conv2d:
        w = rng.normal(size=(cout, cin, 3, 3)) * gain * np.sqrt(2 / (9 * cin))
        return L.Conv2d(w, rng.normal(size=cout) * 0.1, padding=1)

    layers: list[Any] = [("c", conv(3, 12, 1.0), "input"), ("r", L.ReLU(), "c")]
    before = "r"
    for k in range(5):
        layers += [
            (f"a{k}", conv(12, 12, 1.0), before),
            (f"ra{k}", L.ReLU(), f"a{k}"),
            (f"b{k}", conv(12, 12, 0.6), f"ra{k}"),
            (f"s{k}", L.Add(), (f"b{k}", before)),
            (f"rb{k}", L.ReLU(), f"s{k}"),
        ]
        before = f"rb{k}"
    return [
        *layers,
        ("mean", L.AdaptiveAvgPool2d(1), before),
        ("flat", L.Flatten(), "mean"),
        ("out", L.Linear(rng.normal(size=(6, 12)) / 3), "flat"),
    ]


# A tiny ANN in numpy

W1 = np.array([[1.0, -0.5, 0.25], [0.5, 1.0, -1.0], [-0.25, 0.75, 0.5], [-1.0, -1.0, -1.0]])
B1 = np.array([0.05, -0.1, 0.0, -0.5])  # the last one never spikes
W2 = np.array([[0.7, -0.3, 0.2, 0.1], [-0.4, 0.9, 0.3, 0.1]])
B2 = np.array([0.1, 0.02])
V = RNG.random((300, 3)).astype(np.float32)
Z1 = V @ W1.T + B1
Z2 = np.maximum(Z1, 0) @ W2.T + B2


def tiny() -> list[Any]:
    return [
        ("l1", L.Linear(W1, B1), "input"),
        ("n1", L.ReLU(), "l1"),
        ("l2", L.Linear(W2, B2), "n1"),
        ("n2", L.ReLU(), "l2"),
        ("l3", L.Linear(np.ones((1, 2))), "n2"),
    ]


# A network with a pool behind one neuron, and one behind two


def branched() -> Graph:
    """Two branches that are concatenated and pooled, a shortcut, and a linear head."""
    rng = np.random.default_rng(8)

    def conv(cin: int, cout: int, size: int, **options: Any) -> L.Conv2d:
        w = rng.normal(size=(cout, cin, size, size)) / (size * np.sqrt(cin))
        return L.Conv2d(w, rng.normal(size=cout) / 5, **options)

    return Graph(
        [
            ("c1", conv(2, 4, 3, padding=1), "input"),
            ("r1", L.ReLU(), "c1"),
            ("p1", L.MaxPool2d(2), "r1"),
            ("left", conv(4, 3, 1), "p1"),
            ("rl", L.ReLU(), "left"),
            ("right", conv(4, 5, 3, padding=1), "p1"),
            ("rr", L.ReLU(), "right"),
            ("both", L.Concat(), ("rl", "rr")),
            ("p2", L.MaxPool2d(2), "both"),  # see `pool_parts`
            ("c3", conv(8, 8, 3, padding=1), "p2"),
            ("sum", L.Add(), ("c3", "p2")),
            ("r3", L.ReLU(), "sum"),
            ("c4", conv(8, 6, 1), "r3"),
            ("r4", L.ReLU(), "c4"),
            ("mean", L.AdaptiveAvgPool2d(1), "r4"),
            ("flat", L.Flatten(), "mean"),
            ("out", L.Linear(rng.normal(size=(3, 6)), rng.normal(size=3)), "flat"),
        ]
    )


IMAGES = RNG.random((30, 2, 12, 12)).astype(np.float32)


class Spy(Method):
    """Makes neurons with a threshold of 1, and lets a function look at each site."""

    def __init__(self, look: Callable[[Site], Any] = lambda _site: None) -> None:
        self.look = look

    def fit(self, site: Site) -> Any:
        self.look(site)
        return {site.name: L.IF(1.0, v_init=0.5)}
