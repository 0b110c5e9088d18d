"""Layers without a state in ONNX: a runtime computes what the engine does, and so does what is read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion.load import read
from spikelet.layers.base import Layer
from spikelet.layers.graded import FUNCTIONS
from spikelet.layers.graph import Graph

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from spikelet.conversion.to_onnx.rows import row_of  # needs onnx

RNG = np.random.default_rng(0)
LINE, IMAGE, VOLUME = (4, 12), (4, 9, 8), (2, 5, 6, 4)


def w(*shape: int) -> Any:
    return np.random.default_rng(list(shape)).normal(size=shape) / np.sqrt(np.prod(shape[1:]))


ONE: dict[str, tuple[tuple[int, ...], Layer]] = {
    "linear": ((6,), L.Linear(w(5, 6), w(5))),
    "linear without a bias": ((6,), L.Linear(w(5, 6))),
    "affine": (IMAGE, L.Affine(w(4), w(4))),
    "affine of values": (IMAGE, L.Affine(w(1, 9, 8), w(4, 1, 1))),
    "convolution of a line": (LINE, L.Conv1d(w(6, 2, 3), w(6), padding=(0, 2), groups=2)),
    "convolution": (IMAGE, L.Conv2d(w(6, 4, 3, 2), w(6), (2, 1), (1, 0, 2, 1), (1, 2))),
    "convolution of a volume": (VOLUME, L.Conv3d(w(3, 2, 2, 3, 2), padding=1)),
    "transposed": (IMAGE, L.ConvTranspose2d(w(4, 3, 3, 3), w(6), 2, 1, 1, 2)),
    "transposed line": (LINE, L.ConvTranspose1d(w(4, 3, 3), stride=3)),
    "mean": (IMAGE, L.AvgPool2d(3, 2, 1)),
    "mean of the values inside": (IMAGE, L.AvgPool2d(3, 2, 1, count_include_pad=False)),
    "mean of partial windows": (IMAGE, L.AvgPool2d(3, 2, 1, ceil_mode=True)),
    "mean with holes": (IMAGE, L.AvgPool2d(2, 1, dilation=2)),
    "mean with a divisor": (VOLUME, L.AvgPool3d(2, divisor_override=3)),
    "adaptive mean": (IMAGE, L.AdaptiveAvgPool2d((4, 3))),
    "adaptive mean of a line": (LINE, L.AdaptiveAvgPool1d(1)),
    "maximum": (IMAGE, L.MaxPool2d(3, 2, 1)),
    "maximum of partial windows": (IMAGE, L.MaxPool2d(2, 2, ceil_mode=True)),
    "maximum with holes": (LINE, L.MaxPool1d(2, 1, dilation=3)),
    "adaptive maximum": (IMAGE, L.AdaptiveMaxPool2d((4, 3))),
    "resize": (IMAGE, L.Resize((5, 11), "linear")),
    "resize by cubes": (IMAGE, L.Resize((18, 16), "cubic")),
    "flatten": (IMAGE, L.Flatten()),
    "reshape": (IMAGE, L.Reshape((6, -1))),
    "permute": (IMAGE, L.Permute((2, 0, 1))),
    "slice": (IMAGE, L.Slice((1, None, None), (None, -1, None), (None, 2, -1))),
    "pad": (IMAGE, L.Pad((0, 1, 2), (1, 0, 1))),
    "pad with the border": (IMAGE, L.Pad((0, 1, 2), (0, 0, 1), "edge")),
    "pad with the mirror": (IMAGE, L.Pad((0, 1, 2), (0, 0, 1), "reflect")),
    "pad with the other side": (IMAGE, L.Pad((0, 1, 2), (0, 0, 1), "wrap")),
    "take": (IMAGE, L.Take([2, 0, 0, -1], 1)),
    "take one": ((6,), L.Take(4)),
    "roll": (IMAGE, L.Roll((0, 1, -3))),
    "expand": ((4, 1, 8), L.Expand((4, 9, 8))),
    "tile": (IMAGE, L.Tile((2, 1, 3))),
    "upsample": (IMAGE, L.Upsample((2, 3))),
    "rectifier": (IMAGE, L.ReLU()),
    "rectifier with a limit": (IMAGE, L.ReLU(np.linspace(0.5, 1.0, 4))),
    "rectifier of steps": (IMAGE, L.ReLU(1.0, 5)),
    "softmax": (IMAGE, L.Softmax(0)),
    "log softmax": (IMAGE, L.LogSoftmax()),
    "layer norm": (IMAGE, L.LayerNorm(2, w(9, 8), w(9, 8))),
    "layer norm of channels": (IMAGE, L.LayerNorm((0,), w(4), w(4))),
    "plain layer norm": (IMAGE, L.LayerNorm()),
    "rms norm": (IMAGE, L.RMSNorm(1, w(8))),
    "group norm": (IMAGE, L.GroupNorm(2, w(4), w(4))),
    "local response": (IMAGE, L.LocalResponseNorm(3, 0.1)),
    "local response of an even number": (IMAGE, L.LocalResponseNorm(2, 0.1)),
    **{
        f"{f} of pixels": (IMAGE, L.Reduce(f, (1, 2)))
        for f in ("mean", "sum", "max", "min", "prod", "l1", "l2")
    },
    "reduce all": (IMAGE, L.Reduce("mean")),
    "reduce channels": (IMAGE, L.Reduce("l2", (0,), keepdims=True)),
}
TWO: dict[str, tuple[tuple[tuple[int, ...], tuple[int, ...]], Layer]] = {
    "sum": ((IMAGE, (9, 1)), L.Add()),
    "product": ((IMAGE, (4, 1, 1)), L.Multiply()),
    "quotient": ((IMAGE, (8,)), L.Divide()),
    "greater": ((IMAGE, IMAGE), L.Maximum()),
    "smaller": ((IMAGE, (1, 9, 8)), L.Minimum()),
    "matrices": (((4, 3, 5), (5, 6)), L.MatMul()),
    "joined": ((IMAGE, (4, 9, 3)), L.Concat(-1)),
}


# Functions that the reader knows with one parameter for all channels only.
BY_CHANNEL = ("hardshrink", "pow", "threshold")


def check(
    graph: Graph, shapes: dict[str, tuple[int, ...]], folder: Path, *, back: bool = True
) -> None:
    """Compare a written graph, and the graph read back from it, with the engine."""
    x = {name: RNG.uniform(0.2, 1.7, (3, *shape)) - 0.1 for name, shape in shapes.items()}
    expected = sl.SpikingModel(graph, dtype="float64", threads=1).run(x, 1).output
    sl.io.write_onnx(graph, folder / "g.onnx", input_shape=shapes)
    session = ort.InferenceSession(str(folder / "g.onnx"), providers=["CPUExecutionProvider"])
    given = {name: array.astype(np.float32) for name, array in x.items()}
    (found,) = session.run(None, given)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)
    assert expected.std() > 0
    if back:
        again = sl.SpikingModel(read(folder / "g.onnx", shapes), dtype="float64", threads=1)
        np.testing.assert_allclose(again.run(x, 1).output, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("kind", ONE)
def test_layers_of_one_input(kind: str, tmp_path: Path) -> None:
    shape, layer = ONE[kind]
    check(Graph([layer]), {"input": shape}, tmp_path)


@pytest.mark.parametrize("kind", TWO)
def test_layers_of_two_inputs(kind: str, tmp_path: Path) -> None:
    shapes, layer = TWO[kind]
    graph = Graph([("met", layer, ("a", "b"))], inputs=("a", "b"))
    check(graph, dict(zip("ab", shapes, strict=True)), tmp_path)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_activations(function: str, tmp_path: Path) -> None:
    """With the default parameters, and with those of each channel."""
    names = zip(("alpha", "beta"), FUNCTIONS[function], strict=True)
    given = {n: v + np.linspace(0.01, 0.1, 4) for n, v in names if v is not None and np.isfinite(v)}
    shift = 0.2 if function in ("log", "pow", "reciprocal", "sqrt") else -0.5
    nodes = [L.Affine(1.0, shift), L.Activation(function)]
    if given:
        nodes.append(L.Affine(1.0, 2.0))
        nodes.append(L.Activation(function, **given))
    check(Graph(nodes), {"input": IMAGE}, tmp_path, back=function not in BY_CHANNEL)


def test_constants(tmp_path: Path) -> None:
    graph = Graph([("one", L.Constant(w(1, 9, 8)), ()), ("cat", L.Concat(), ("input", "one"))])
    check(graph, {"input": IMAGE}, tmp_path)


def test_each_layer_is_tried() -> None:
    """All that have a row, but for those that differ in the number of axes only."""
    tried = {type(layer) for _, layer in (*ONE.values(), *TWO.values())} | {
        L.Activation,
        L.Constant,
    }
    public = [getattr(L, name) for name in L.__all__ if isinstance(getattr(L, name), type)]
    rows = {kind for kind in public if issubclass(kind, Layer) and row_of(object.__new__(kind))}
    bases = {L.Layer, L.Movement, L.Graded}
    without = {kind.__name__ for kind in rows - tried - bases}
    assert {name[:-2] for name in without} <= {kind.__name__[:-2] for kind in tried}, without
