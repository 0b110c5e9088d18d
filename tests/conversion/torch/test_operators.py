"""Every operator of PyTorch that the reader knows gives what PyTorch gives."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from tests.support.ann_zoo import SHAPE, trained
from tests.support.torch_cases import cases
from tests.support.torch_modules import Lambda
from torch import nn

from spikelet import layers as L
from spikelet.conversion.folding import fold
from spikelet.conversion.from_torch import read_torch
from spikelet.conversion.torch.movements import MOVEMENTS
from spikelet.conversion.torch.operators import OPERATORS
from spikelet.layers.spiking_model import SpikingModel

CASES = cases()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight:UserWarning")
def test_an_operator_gives_what_pytorch_gives(name: str) -> None:
    """In a batch of another size than that of the reader's own check."""
    given, shape = CASES[name]
    if isinstance(given, nn.Module):
        module = given
        for m in module.modules():
            if isinstance(m, nn.BatchNorm1d | nn.BatchNorm3d):
                m.num_batches_tracked += 1
    else:
        module = Lambda(lambda _, x: given(x))
    graph = read_torch(module, shape)
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        wanted = module.eval()(x).double().numpy()
    found = SpikingModel(graph, dtype="float64", threads=1).run(x.double(), steps=1).output
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=0, atol=1e-4 * scale)


def test_names_of_operators_are_those_of_one_table() -> None:
    assert not MOVEMENTS & set(OPERATORS)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, (2, 5)])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
def test_same_padding_of_any_kernel(kernel: Any, dilation: int) -> None:
    module = trained(nn.Conv2d(3, 4, kernel, padding="same", dilation=dilation))
    graph = read_torch(module, SHAPE)
    assert graph.shapes(SHAPE)[graph.output.name] == (4, 9, 8)


def test_a_bounded_relu_is_one_layer() -> None:
    for module, upper in ((nn.ReLU6(), 6.0), (nn.Hardtanh(0, 2), 2.0), (nn.ReLU(), None)):
        (node,) = read_torch(module, (5,))
        assert isinstance(node.layer, L.ReLU)
        assert node.layer.upper == upper


def test_buffers_that_normalise_are_affine() -> None:
    module = Lambda(lambda m, x: m.c((x - m.mean.weight[:, :, None, None][0]) * 2), c=nn.Conv2d(3, 1, 1),
                    mean=nn.Embedding(1, 3))  # fmt: skip
    graph = fold(read_torch(module, SHAPE))
    assert [type(n.layer) for n in graph] == [L.Conv2d]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: torch.clamp(x, 1, 1), r"'clamp' \(clamp\): clips to 1 .. 1"),
        (lambda x: x.div(2, rounding_mode="floor"), r"'div' .*rounding_mode='floor'"),
        (lambda x: x.norm(p=3), r"'norm' .*norm of order 3"),
        (lambda x: x.mean(), r"'mean' .*which is the batch"),
        (
            lambda x: x.int(),
            r"'int' \(int\): casts to torch.int32|'int' \(int\): cannot be converted",
        ),
        (lambda x: x.argmax(1), r"'argmax' .*result\.output"),
        (lambda x: x.sort(dim=1)[0], r"'sort' \(sort\): cannot be converted"),
        (lambda x: (x > 0) + x, r"'gt' \(gt\): cannot be converted; .*steps"),
        (lambda x: x**x, r"'pow' .*data to the power of data"),
        (lambda x: torch.max_pool2d(x, 2, padding=2), r"'max_pool2d' .*cannot take samples"),
    ],
)
def test_what_has_no_layers_is_refused_with_a_remedy(function: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_torch(Lambda(lambda _, x: function(x)), (4, 6, 5))


def test_modules_are_left_as_they_are() -> None:
    given, shape = CASES["convolutions: weight norm"]
    before = copy.deepcopy(given.state_dict())
    read_torch(given, shape)
    for key, value in given.state_dict().items():
        torch.testing.assert_close(value, before[key])
