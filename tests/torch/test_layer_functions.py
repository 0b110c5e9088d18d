"""What layers compute at each step, as functions of PyTorch, is what the engine computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.support.torch_deployed import raster

import spikelet as sl
import spikelet.torch as st
from spikelet import layers as L
from spikelet.torch.layer_functions import JOINS, increments, row_of

RNG = np.random.default_rng(7)
SEQUENCE, IMAGE, VOLUME = (4, 9), (4, 6, 5), (4, 4, 5, 3)


def _weight(*shape: int) -> Any:
    return RNG.normal(size=shape)


LAYERS = [
    (L.Conv1d(_weight(6, 2, 3), _weight(6), 2, 1, 2, groups=2), SEQUENCE),
    (L.Conv1d(_weight(3, 4, 3), padding=(0, 2)), SEQUENCE),
    (L.Conv2d(_weight(3, 4, 2, 3), stride=(1, 2), padding=(0, 1, 2, 0)), IMAGE),
    (L.Conv3d(_weight(3, 4, 2, 1, 3), _weight(3), padding=(0, 1, 0, 0, 1, 1)), VOLUME),
    (L.Conv3d(_weight(4, 1, 2, 2, 2), groups=4, stride=(1, 2, 1)), VOLUME),
    (L.ConvTranspose1d(_weight(4, 3, 4), _weight(6), 2, (1, 2), groups=2), SEQUENCE),
    (L.ConvTranspose2d(_weight(4, 2, 3, 3), None, 2, 1, 1, dilation=2), IMAGE),
    (L.ConvTranspose3d(_weight(4, 2, 2, 3, 2), None, (2, 1, 1), (0, 1, 1, 0, 0, 0)), VOLUME),
    (L.AvgPool1d(3, 2, padding=1, count_include_pad=False), SEQUENCE),
    (L.AvgPool1d(2, 3, ceil_mode=True), SEQUENCE),
    (L.AvgPool2d(2, dilation=2, stride=1), IMAGE),
    (L.AvgPool2d(3, 2, padding=(0, 1, 2, 0)), IMAGE),
    (L.AvgPool2d(3, 2, padding=2, count_include_pad=False), IMAGE),
    (L.AvgPool2d((2, 3), divisor_override=5, ceil_mode=True), IMAGE),
    (L.AvgPool3d((2, 1, 2), 1, divisor_override=3), VOLUME),
    (L.MaxPool1d(2, ceil_mode=True), SEQUENCE),
    (L.MaxPool1d(3, 2, padding=(0, 1), of="steps"), SEQUENCE),
    (L.MaxPool2d(3, 2, padding=(2, 0, 1, 1), ceil_mode=True), IMAGE),
    (L.MaxPool3d((1, 2, 2), dilation=(1, 2, 1)), VOLUME),
    (L.AdaptiveAvgPool1d(4), SEQUENCE),
    (L.AdaptiveAvgPool2d((3, None)), IMAGE),
    (L.AdaptiveAvgPool3d(2), VOLUME),
    (L.AdaptiveMaxPool1d(2), SEQUENCE),
    (L.AdaptiveMaxPool2d((None, 2), of="steps"), IMAGE),
    (L.AdaptiveMaxPool3d((2, 2, 1)), VOLUME),
    (L.Reduce("mean", (0, 2)), IMAGE),
    (L.Reduce("sum", 1, keepdims=True), IMAGE),
    (L.Reduce("sum"), (2, 3)),
    (L.Resize((4, 7)), IMAGE),
    (L.Resize((9, 3), "linear"), IMAGE),
    (L.Resize(13, "linear", "align_corners"), SEQUENCE),
    (L.Resize((4, 9, 2), "cubic"), VOLUME),
    (L.Upsample((2, 1, 2)), VOLUME),
    (L.Reshape((-1, 10)), IMAGE),
    (L.Permute((2, 0, 1)), IMAGE),
    (L.Slice((1, None), (None, 1), (1, -2)), IMAGE),
    (L.Pad((0, 1, 2), (1, 0, 2)), IMAGE),
    (L.Pad((0, 1, 2), (0, 3, 1), "reflect"), IMAGE),
    (L.Take([[0, -1], [2, 2]], 1), IMAGE),
    (L.Take(3), SEQUENCE),
    (L.Roll((1, -2)), SEQUENCE),
    (L.Tile((1, 2)), SEQUENCE),
    (L.Expand((2, 4, 9)), SEQUENCE),
]


def _name(value: Any) -> str:
    return type(value).__name__ if isinstance(value, L.Layer) else "x".join(map(str, value))


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=_name)
def test_each_step_is_that_of_the_engine(layer: L.Layer, shape: tuple[int, ...]) -> None:
    """Spikes of two sizes enter, and neurons follow, which shows the step at which values arrive."""
    threshold = 5.31415926 if isinstance(layer, L.Reduce) else 1.31415926
    graph = [
        ("a", L.IF(0.71415926, amplitude=1.5), "input"),
        ("b", layer, "a"),
        ("c", L.IF(threshold), "b"),
    ]
    model = sl.SpikingModel(graph, dtype="float64")
    x = raster(2, *shape)
    wanted = model.run(x).spikes
    assert 0.02 < wanted.mean() < 0.98
    module = st.from_spiking_model(model)
    found = module(torch.from_numpy(x).double())
    np.testing.assert_array_equal(found.detach(), wanted)
    back = module.to_graph()
    np.testing.assert_array_equal(sl.SpikingModel(back, dtype="float64").run(x).spikes, wanted)
    found.sum().backward()
    assert all(p.grad is not None for p in module.parameters())


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=_name)
def test_gradients_are_those_of_the_function(layer: L.Layer, shape: tuple[int, ...]) -> None:
    module = st.from_spiking_model(sl.SpikingModel([layer, L.IF()], dtype="float64"))
    function: Any = row_of(layer).function
    x = torch.from_numpy(RNG.normal(size=(2, *shape))).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: function(module.steps[0], layer, y), x, atol=1e-6)


def test_samples_of_fewer_dimensions_broadcast_as_in_the_engine() -> None:
    """A vector of each sample is added to its rows, and not to other samples."""
    graph = [
        ("rows", L.Reduce("mean", (0, 1)), "input"),
        ("sum", L.Add(), ("input", "rows")),
        ("out", L.IF(0.91415926), "sum"),
    ]
    model = sl.SpikingModel(graph, dtype="float64")
    x = raster(4, 4, 4, 5)
    wanted = model.run(x).spikes
    assert 0.02 < wanted.mean() < 0.98
    module = st.from_spiking_model(model)
    np.testing.assert_array_equal(module(torch.from_numpy(x).double()).detach(), wanted)
    total = JOINS[L.Add].function
    assert total(None, None, [torch.ones(3, 2, 4, 5), torch.ones(1, 1, 5)]).shape == (3, 2, 4, 5)


def test_constants_are_trained() -> None:
    """A class token comes before the others."""
    graph = [
        ("token", L.Constant(_weight(1, 5)), ()),
        ("all", L.Concat(), ("token", "input")),
        ("out", L.LIF(0.6, decay=0.9, gain=0.5), "all"),
    ]
    model = sl.SpikingModel(graph, dtype="float64")
    x = raster(2, 3, 5)
    module = st.from_spiking_model(model)
    found = module(torch.from_numpy(x).double())
    np.testing.assert_array_equal(found.detach(), model.run(x).spikes)
    found[:, :, 0].sum().backward()
    with torch.no_grad():
        module.steps[0].value += module.steps[0].value.grad
    assert module.steps[0].value.grad.any()
    changed = sl.SpikingModel(module.to_graph(), dtype="float64").run(x).spikes
    np.testing.assert_array_equal(module(torch.from_numpy(x).double()).detach(), changed)


def test_joined_tensors_may_be_the_same_at_each_step() -> None:
    x, y = torch.rand(5, 2, 3), torch.rand(1, 2, 4)
    found = JOINS[L.Concat].function(None, L.Concat(-1), [x, y])
    assert torch.equal(found[3], torch.cat((x[3], y[0]), -1))
    counts = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[0.0, 1.0]]])
    assert increments(lambda c: c.amax(-1), counts).flatten().tolist() == [1, 0, 1]


@pytest.mark.parametrize("layer", [L.ReLU(), L.Softmax(), L.Reduce("max"), L.Multiply()])
def test_other_functions_wait_for_means(layer: L.Layer) -> None:
    assert row_of(layer) is None
