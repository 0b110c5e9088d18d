"""Values and shapes of single operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch.nn import functional as F

from spikelet.conversion.onnx.operation import Operation
from spikelet.conversion.onnx.reference import Reference, Tensor

rng = np.random.default_rng(0)
FLOAT = onnx.TensorProto.FLOAT
reference = Reference(onnx, 18, {})


def values(*shape: int) -> Any:
    return rng.normal(size=shape).astype(np.float32)


def one(kind: str, n: int, **attributes: Any) -> Operation:
    return Operation(kind, tuple("abcdef"[:n]), ("y",), attributes)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_convolutions_are_those_of_pytorch(axes: int) -> None:
    x, w, b = values(2, 4, *(7, 6, 5)[:axes]), values(6, 2, *(3, 2, 2)[:axes]), values(6)
    options: dict[str, Any] = {"stride": 2, "padding": 1, "dilation": 1, "groups": 2}
    expected = [None, F.conv1d, F.conv2d, F.conv3d][axes](*map(torch.tensor, (x, w, b)), **options)  # type: ignore[misc]
    conv = one("Conv", 3, strides=[2] * axes, pads=[1] * 2 * axes, group=2)
    np.testing.assert_allclose(reference.values(conv, [x, w, b])[0], expected, atol=1e-5)


@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("size", [2, 3, 8])
def test_pools_are_those_of_pytorch(size: int, ceil: int) -> None:
    x = values(2, 3, size, size + 1)
    t = torch.tensor(x)
    window: dict[str, Any] = {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 1, 1, 1], "ceil_mode": ceil}  # fmt: skip
    found = reference.values(one("MaxPool", 1, **window), [x])[0]
    np.testing.assert_array_equal(found, F.max_pool2d(t, (3, 2), (2, 1), 1, ceil_mode=bool(ceil)))
    for include in (0, 1):
        pool = one("AveragePool", 1, **window, count_include_pad=include)
        expected = F.avg_pool2d(t, (3, 2), (2, 1), 1, bool(ceil), bool(include))
        np.testing.assert_allclose(reference.values(pool, [x])[0], expected, rtol=1e-5)


def test_what_the_reference_implementation_gets_wrong() -> None:
    x = values(1, 5, 3, 4)
    lrn = one("LRN", 1, size=3, alpha=0.1, beta=0.7, bias=1.5)
    expected = F.local_response_norm(torch.tensor(x), 3, 0.1, 0.7, 1.5)
    np.testing.assert_allclose(reference.values(lrn, [x])[0], expected, rtol=1e-5)
    norm = reference.values(one("LpNormalization", 1, axis=1, p=1), [x])[0]
    np.testing.assert_allclose(norm, F.normalize(torch.tensor(x), 1, 1), rtol=1e-5)
    parameters = [values(5), values(5), values(5), rng.uniform(1, 2, 5).astype(np.float32)]
    gamma, beta, mean, var = map(torch.tensor, parameters)
    bn = reference.values(one("BatchNormalization", 5), [x, *parameters])[0]
    np.testing.assert_allclose(bn, F.batch_norm(torch.tensor(x), mean, var, gamma, beta), atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_transposed_convolutions_are_those_of_pytorch(axes: int, groups: int) -> None:
    x, w, b = values(2, 4, *(7, 6, 5)[:axes]), values(4, 3, *(3, 2, 2)[:axes]), values(3 * groups)
    transposed = [None, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][axes]
    assert transposed is not None
    expected = transposed(*map(torch.tensor, (x, w, b)), 2, 1, 1, groups, 2)
    operation = one("ConvTranspose", 3, strides=[2] * axes, pads=[1] * 2 * axes, group=groups,
                    output_padding=[1] * axes, dilations=[2] * axes)  # fmt: skip
    np.testing.assert_allclose(reference.values(operation, [x, w, b])[0], expected, atol=1e-5)


@pytest.mark.parametrize("late", [True, False])
def test_transposed_convolutions_of_a_given_size(late: bool) -> None:
    x, w = values(1, 2, 4, 5), values(2, 3, 4, 4)
    whole = F.conv_transpose2d(torch.tensor(x), torch.tensor(w), stride=2).numpy()  # 10 x 12
    auto = "SAME_UPPER" if late else "SAME_LOWER"
    same = one("ConvTranspose", 2, strides=[2, 2], auto_pad=auto)
    np.testing.assert_allclose(
        reference.values(same, [x, w])[0], whole[:, :, 1:-1, 1:-1], atol=1e-5
    )
    given = one("ConvTranspose", 2, strides=[2, 2], output_shape=[9, 13], auto_pad=auto)
    found = reference.values(given, [x, w])[0]
    cut = whole[:, :, :-1] if late else whole[:, :, 1:]
    np.testing.assert_allclose(found, np.pad(cut, [(0, 0)] * 3 + [(0, 1)]), atol=1e-5)


@pytest.mark.parametrize("size", [(7,), (4, 3), (4, 3, 5)])
def test_maxima_over_all_places_are_those_of_pytorch(size: tuple[int, ...]) -> None:
    x = values(2, 3, *size)
    expected = torch.tensor(x).amax(tuple(range(2, x.ndim)), keepdim=True)
    np.testing.assert_array_equal(reference.values(one("GlobalMaxPool", 1), [x])[0], expected)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_norms_of_windows_are_those_of_pytorch(p: int) -> None:
    x = values(2, 3, 6, 5)
    pool = one("LpPool", 1, kernel_shape=[3, 2], strides=[2, 1], p=p)
    expected = F.lp_pool2d(torch.tensor(x).abs(), p, (3, 2), (2, 1))
    np.testing.assert_allclose(reference.values(pool, [x])[0], expected, rtol=1e-5)
    ceil = reference.values(pool.with_attributes(ceil_mode=1), [x])[0]
    last = np.linalg.norm(x[:, :, 4:, :2].reshape(2, 3, -1), ord=p, axis=2)
    np.testing.assert_allclose(ceil[:, :, 2, 0], last, rtol=1e-5)


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [(7, 2, 2, 1), (8, 1, 2, 0), (6, 3, 2, 1), (5, 2, 3, 0)],
)
def test_windows_that_begin_behind_the_image_are_none(
    kind: str, size: int, kernel: int, stride: int, padding: int
) -> None:
    x = values(2, 3, size)
    options: dict[str, Any] = {
        "kernel_shape": [kernel],
        "strides": [stride],
        "pads": [padding] * 2,
        "ceil_mode": 1,
    }
    pool = one(kind, 1, **options)
    pooled = F.max_pool1d if kind == "MaxPool" else F.avg_pool1d
    expected = pooled(torch.tensor(x), kernel, stride, padding, ceil_mode=True)
    assert reference.shapes(pool, [Tensor(x.shape, FLOAT)])["y"].shape == tuple(expected.shape)
    assert reference.values(pool, [x])[0].shape == tuple(expected.shape)


def test_shapes_follow_from_shapes_and_short_constants() -> None:
    x = Tensor((2, 3, 4), FLOAT)
    found = reference.shapes(one("Reshape", 2), [x, np.array([0, -1])])
    assert found == {"y": Tensor((2, 12), FLOAT)}
    many = reference.shapes(one("ConstantOfShape", 1), [np.array([1 << 30, 1 << 30])])
    assert many["y"].shape == (1 << 30, 1 << 30)
    assert reference.shapes(Operation("Own", ("a",), ("y",), domain="own"), [x]) == {}
    with pytest.raises(ValueError, match=r"(?i)incompatible"):
        reference.shapes(one("MatMul", 2), [x, Tensor((5, 5), FLOAT)])
    assert reference.shapes(one("Cast", 1, to=onnx.TensorProto.DOUBLE), [x])["y"].kind == FLOAT


def test_the_effort_grows_with_the_products() -> None:
    weight = values(8, 16, 3, 3)
    few, many = (reference.effort(one("Conv", 2), [None, weight], (1, 8, n, n)) for n in (4, 400))
    assert many == pytest.approx(10_000 * few)
