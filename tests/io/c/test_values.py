"""Layers of values in C: of constants, at each step, and of means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.c_networks import SHAPE, STEPS, chain, inputs, neuron, w
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


def units() -> dict[str, Any]:
    """Return layers of one input of shape (8, 8, 8)."""
    found: dict[str, Any] = {
        "softmax of channels": L.Softmax(0),
        "softmax of rows": L.Softmax(-1),
        "log softmax": L.LogSoftmax(1),
        "layer norm": L.LayerNorm(2, w(8, 8), w(8, 8, seed=1)),
        "layer norm of channels": L.LayerNorm((0,), w(8, 1)[:, 0]),
        "rms norm": L.RMSNorm(1, w(8, 1)[:, 0]),
        "group norm": L.GroupNorm(2, w(8, 1)[:, 0], w(8, 1, seed=1)[:, 0]),
        "local response": L.LocalResponseNorm(3, alpha=0.1),
        "resize": L.Resize((5, 11), "linear"),
    }
    for function in ("mean", "sum", "max", "min", "prod", "l1", "l2"):
        found[f"{function} of pixels"] = L.Reduce(function, (1, 2), keepdims=True)
        found[f"{function} of channels"] = L.Reduce(function, (0,), keepdims=True)
    return found


UNITS = units()


@pytest.mark.parametrize("unit", UNITS)
def test_units_between_neurons(unit: str, tmp_path: Path) -> None:
    graph = Graph(
        [
            ("c1", L.Conv2d(w(8, 3, 3, 3), padding=1), "input"),
            ("n1", neuron(), "c1"),
            ("shifted", L.Affine(1.0, 0.125), "n1"),
            ("unit", UNITS[unit], "shifted"),
            ("flat", L.Flatten(), "unit"),
            ("norm", L.LayerNorm(), "flat"),
            ("add", L.Affine(1.0, 0.5), "norm"),
            ("n2", neuron(), "add"),
        ]
    )
    same_bits(tmp_path, sl.SpikingModel(graph, threads=1), inputs(), STEPS)


@pytest.mark.parametrize("form", ["constant", "sequence"])
@pytest.mark.parametrize("layer", [L.Multiply, L.Divide, L.Maximum, L.Minimum, L.MatMul])
def test_two_inputs(layer: Any, form: str, tmp_path: Path) -> None:
    """A gate of channels that broadcasts, and matrices; spikes, sequences and constants."""
    gate = (8, 1, 1) if layer is not L.MatMul else (8, 8, 8)
    size = int(np.prod(gate))
    graph = Graph(
        [
            ("c1", L.Conv2d(w(8, 3, 3, 3), padding=1), "input"),
            ("n1", neuron(), "c1"),
            ("mean", L.AdaptiveAvgPool2d(1), "n1"),
            ("row", L.Flatten(), "mean"),
            ("dense", L.Linear(w(size, 8)), "row"),
            ("squashed", L.Activation("sigmoid"), "dense"),
            ("gate", L.Reshape(gate), "squashed"),
            ("one", L.Constant(np.linspace(0.5, 1.5, 64).reshape(8, 8)), ()),
            ("met", layer(), ("n1", "gate")),
            ("other", layer(), ("one", "met")),
            ("n2", neuron(), "other"),
            ("flat", L.Flatten(), "n2"),
            ("last", L.Linear(w(5, 512)), "flat"),
            ("out", L.Softmax(), "last"),
        ]
    )
    x = inputs() if form == "constant" else np.random.default_rng(3).random((STEPS, 3, *SHAPE))
    model = sl.SpikingModel(graph, threads=1)
    same_bits(tmp_path, model, x, STEPS if form == "constant" else None, silent=layer is L.MatMul)


def test_a_constant_network(tmp_path: Path) -> None:
    """Attention of an image of 8 tokens."""
    graph = Graph(
        [
            ("tokens", L.Conv2d(w(8, 3, 1, 1)), "input"),
            ("table", L.Reshape((8, 64)), "tokens"),
            ("rows", L.Permute((1, 0)), "table"),
            ("norm", L.LayerNorm(), "rows"),
            ("columns", L.Permute((1, 0)), "norm"),
            ("scores", L.MatMul(), ("norm", "columns")),
            ("shares", L.Softmax(), "scores"),
            ("met", L.MatMul(), ("shares", "norm")),
            ("flat", L.Flatten(), "met"),
            ("gelu", L.Activation("gelu"), "flat"),
            ("out", L.Linear(w(5, 512)), "gelu"),
        ]
    )
    same_bits(tmp_path, sl.SpikingModel(graph, threads=1), inputs(), 1)


@pytest.mark.parametrize("delay", [0, 2])
def test_sizes_and_delays_of_means(delay: int, tmp_path: Path) -> None:
    """Negative sizes may leave too little to divide by: the value before stays."""
    sizes = np.array([4.0, -3.9, 2.5, -1.0, 2.0, 1.0, 0.5])
    fire = L.PredictiveIF(
        pace=np.full((STEPS, 8), 2.0),
        limit=np.full((STEPS, 8), 0.3),
        amplitude=0.5,
        sizes=sizes * STEPS / sizes.sum(),
    )
    layers = [
        L.Conv2d(w(8, 3, 3, 3), padding=1),
        fire,
        L.Activation("gelu"),
        L.Flatten(),
        L.Linear(w(8, 512)),
        fire,
        L.Linear(w(4, 8)),
        L.Softmax(),
    ]
    graph = sl.SpikingModel(layers).graph
    ann = sl.SpikingModel([L.Linear(np.eye(2)), L.ReLU()])
    given = {"method": "fitted", "neuron": "predictive", "steps": STEPS, "input_shapes": [SHAPE]}
    model = sl.conversion.ConvertedModel(graph, ann, delay=delay, **given)
    same_bits(tmp_path, model, inputs(), silent=True)


@pytest.mark.parametrize("form", ["constant", "sequence", "spikes"])
def test_delayed_synapses(form: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    model = chain(
        L.Linear(w(12, 6)),
        neuron(),
        L.DelayedLinear(w(8, 12), rng.integers(0, 4, (8, 12)), w(8, 1)[:, 0] * 0.1),
        neuron(),
        L.DelayedLinear(w(4, 8), 2),
    )
    x = {
        "constant": lambda: inputs(6),
        "sequence": lambda: rng.random((STEPS, 3, 6)),
        "spikes": lambda: rng.integers(0, 2, (STEPS, 3, 6)),
    }[form]()
    same_bits(tmp_path, model, x, STEPS if form == "constant" else None, form=form)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_recurrent_neurons(dtype: str, tmp_path: Path) -> None:
    """Back through a delay, with spikes and with potentials; and delays of each value."""
    steps = np.random.default_rng(3).integers(0, 3, 9)
    graph = Graph(
        [
            ("in", L.Linear(w(9, 6)), "input"),
            ("back", L.Delay(1), "n1"),
            ("recurrent", L.Linear(w(9, 9)), "back"),
            ("sum", L.Add(), ("in", "recurrent")),
            ("n1", L.LIF(0.5, decay=0.5, gain=1.0), "sum"),
            ("late", L.Delay(steps), "n1"),
            ("second", L.Linear(w(8, 9)), "late"),
            ("echo", L.Delay(2), "li"),
            ("met", L.Add(), ("second", "echo")),
            ("li", L.LI(decay=0.5, gain=0.5), "met"),
            ("held", L.Delay(np.arange(8) % 3), "li"),
            ("out", L.Linear(w(4, 8)), "held"),
        ]
    )
    model = sl.SpikingModel(graph, dtype=dtype, threads=1)  # type: ignore[arg-type]  # two of the types
    same_bits(tmp_path, model, np.random.default_rng(3).random((STEPS, 3, 6)))
