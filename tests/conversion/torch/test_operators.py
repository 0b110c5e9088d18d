"""Every operator of PyTorch that the reader knows gives what PyTorch gives."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.ann_zoo import SHAPE, trained
from tests.support.operator_calls import X, call, kinds, samples, values
from tests.support.torch_cases import cases
from tests.support.torch_modules import Lambda
from torch import nn

from spikelet import layers as L
from spikelet.conversion.folding import fold
from spikelet.conversion.load import read_torch
from spikelet.conversion.torch.movements import MOVEMENTS
from spikelet.conversion.torch.operators import OPERATORS, array
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


def test_buffers_that_normalize_are_affine() -> None:
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


# --- what arguments mean ------------------------------------------------------------------------------


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("bias", [True, False])
def test_linear(bias: bool) -> None:
    x, weight, offset = samples(4), random(3, 4), random(3) if bias else None
    c = call(4)
    made = OPERATORS["linear"](c, X, weight, offset)
    wanted = F.linear(torch.tensor(x), weight, offset)
    np.testing.assert_allclose(values(c, made, x), wanted, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize(
    "options",
    [
        {}, {"stride": (2, 1)}, {"padding": 1, "dilation": 2}, {"padding": "valid"}, {"padding": "same"},
        {"padding": "same", "dilation": (1, 2)}, {"groups": 2, "padding": (0, 2)},
    ],
)  # fmt: skip
def test_convolution(options: dict[str, Any]) -> None:
    x, weight, bias = samples(4, 9, 8), random(6, 4 // options.get("groups", 1), 3, 2), random(6)
    c = call(4, 9, 8)
    made = OPERATORS["conv2d"](c, X, weight, bias, **options)
    wanted = F.conv2d(torch.tensor(x), weight, bias, **options)
    np.testing.assert_allclose(values(c, made, x), wanted, rtol=1e-10, atol=1e-12)


def test_weights_that_depend_on_the_input_multiply() -> None:
    c, x = call(3, 4), samples(3, 4)
    made = OPERATORS["linear"](c, X, X)
    np.testing.assert_allclose(values(c, made, x), x @ x.swapaxes(1, 2), rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("conv1d", (X, X), "has a weight that depends on the input"),
        ("linear", (X, torch.full((2, 3), torch.nan)), r"weight must not contain NaN at index \(0, 0\)"),
        ("batch_norm", (X, None, None), "has no running statistics"),
        ("batch_norm", (X, torch.zeros(3), torch.ones(3), None, None, True), "has no running statistics"),
        ("scaled_dot_product_attention", (X, X, X, None, 0.1), "drops attention weights"),
        ("scaled_dot_product_attention", (X, X, X, None, 0.0, False, None, True), "groups queries"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted(name: str, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"^layer 'op' \(Op\): .*" + message):
        OPERATORS[name](call(3) if name == "linear" else call(3, 3), *arguments)


def test_arguments_in_float64() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        assert array(torch.ones(2, dtype=dtype)).dtype == np.float64
    for dtype, kept in ((torch.bool, np.bool_), (torch.uint8, np.uint8), (torch.int64, np.int64)):
        assert array(torch.ones(2, dtype=dtype)).dtype == kept
    assert array(torch.ones(2, requires_grad=True)).tolist() == [1.0, 1.0]
    assert [array(v) for v in (3, None, X)] == [3, None, X]


def test_vectors_of_length_zero_are_similar_to_nothing() -> None:
    c, x = call(3, 4), samples(3, 4)
    x[:, 0] = 0
    other = samples(3, 4)[0].copy()
    other[1] = 0
    found = values(c, OPERATORS["cosine_similarity"](c, X, other, -1, 1e-3), x)
    wanted = F.cosine_similarity(torch.tensor(x), torch.tensor(other), -1, 1e-3)
    assert (found[:, :2] == 0).all()
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


@pytest.mark.parametrize("p", [1, 2])
def test_distances_are_never_zero(p: int) -> None:
    """PyTorch shifts differences by eps."""
    c, x = call(3), samples(3)
    found = values(c, OPERATORS["pairwise_distance"](c, X, x[0], p, 0.5), x)
    wanted = F.pairwise_distance(torch.tensor(x), torch.tensor(x[0]), p, 0.5)
    np.testing.assert_allclose(found.ravel(), wanted, rtol=1e-10)


def test_a_product_with_constants_is_linear() -> None:
    for dims in (1, ([1], [0]), torch.tensor([[-1], [0]])):
        c, x = call(4), samples(4)
        weight = samples(3)[0].reshape(1, 3) * np.ones((4, 1))
        made = OPERATORS["tensordot"](c, X, weight, array(dims))
        assert "MatMul" not in kinds(c, made)
        np.testing.assert_allclose(values(c, made, x), x @ weight, rtol=1e-10)


@pytest.mark.parametrize("p", [3.0, float("inf")])
def test_other_distances_are_refused(p: Any) -> None:
    with pytest.raises(ValueError, match=r"distance of order .*; the order must be 1 or 2"):
        OPERATORS["pairwise_distance"](call(3), X, X, p)
