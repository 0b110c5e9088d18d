"""Layers of values in C: of constants, at each step, and of means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.support.c_networks import STEPS, chain, inputs, neuron, w
from tests.support.c_programs import same_bits

import spikelet as sl
from spikelet import layers as L
from spikelet.layers.graph import Graph


def test_an_analog_network(tmp_path: Path) -> None:
    model = chain(
        L.Conv2d(w(8, 3, 3, 3), w(8, 1)[:, 0], padding=1), L.ReLU(), L.MaxPool2d(3, 2, 1, dilation=1),
        L.Affine(np.linspace(0.5, 1.5, 8), np.linspace(-1.0, 1.0, 8)), L.ReLU(np.linspace(0.5, 2.0, 8), levels=7),
        L.Resize((6, 6), "linear"), L.AvgPool2d(3, 2, 1, count_include_pad=False), L.Pad((1, 0, 0), (0, 1, 0)),
        L.Upsample((1, 2)), L.Flatten(), L.Linear(w(5, 216), w(5, 1)[:, 0]),
    )  # fmt: skip
    same_bits(tmp_path, model, inputs(), 1)


def test_values_that_change(tmp_path: Path) -> None:
    """Between neurons: a mean of windows that overlap, an affine map, and weights between pixels."""
    model = chain(
        L.Conv2d(w(8, 3, 3, 3), padding=1), neuron(), L.AvgPool2d(3, 1, 1), L.Affine(np.linspace(0.9, 1.9, 8), np.full(8, 0.1)),
        L.Conv2d(w(8, 8, 3, 3), padding=1), neuron(), L.Resize((12, 12), "cubic"), L.MaxPool2d(2), L.Flatten(),
        L.Linear(w(6, 288)), neuron(),
    )  # fmt: skip
    same_bits(tmp_path, model, inputs(), STEPS)


def test_an_input_that_is_resized_first(tmp_path: Path) -> None:
    """The tables of its weights are the first constants of the program."""
    model = chain(L.Resize((6, 6), "linear"), L.Conv2d(w(4, 3, 3, 3)), neuron())
    same_bits(tmp_path, model, inputs(), STEPS)


def test_constants_and_means(tmp_path: Path) -> None:
    graph = Graph([
        ("one", L.Constant(np.linspace(-1.0, 1.0, 192).reshape(3, 8, 8)), ()),
        ("sum", L.Add(), ("input", "one")),
        ("c1", L.Conv2d(w(4, 3, 3, 3), padding=1), "sum"),
        ("n1", neuron(), "c1"),
        ("cat", L.Concat(), ("n1", "one")),
        ("c2", L.Conv2d(w(8, 7, 3, 3)), "cat"),
        ("n2", neuron(), "c2"),
        ("mean", L.AdaptiveAvgPool2d(2), "n2"),
        ("flat", L.Flatten(), "mean"),
        ("out", L.Linear(w(5, 32)), "flat"),
    ])  # fmt: skip
    same_bits(tmp_path, sl.SpikingModel(graph, threads=1), inputs(), STEPS)


def test_a_sequence_of_values(tmp_path: Path) -> None:
    x = np.random.default_rng(3).normal(size=(STEPS, 3, 3, 8, 8))
    model = chain(
        L.Affine([1.0, 2.0, 0.5]),
        L.MaxPool2d(2),
        L.Flatten(),
        L.Linear(w(12, 48)),
        neuron(),
        L.Linear(w(5, 12)),
    )
    same_bits(tmp_path, model, x)
