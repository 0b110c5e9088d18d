"""Values and shapes of single operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from tests.support.onnx_models import model, node
from torch.nn import functional as F

from spikelet.conversion.onnx.model import Operation
from spikelet.conversion.onnx.runtime import Runtime, Tensor

rng = np.random.default_rng(0)
FLOAT = onnx.TensorProto.FLOAT


def values(*shape: int) -> Any:
    return rng.normal(size=shape).astype(np.float32)


def one(kind: str, inputs: str = "a", **attributes: Any) -> Operation:
    return Operation(node(kind, inputs, "y", **attributes))


def runtime(version: int = 18) -> Runtime:
    return Runtime(model([node("Relu", "x", "y")], opset=version))


@pytest.mark.parametrize("version", [7, 13, 18, 21])
def test_values_at_any_version(version: int) -> None:
    x, w = values(2, 4, 7, 6), values(6, 2, 3, 2)
    conv = one("Conv", "a b", strides=[2, 2], pads=[1, 1, 1, 1], group=2)
    expected = F.conv2d(torch.tensor(x), torch.tensor(w), None, 2, 1, 1, 2)
    np.testing.assert_allclose(runtime(version).values(conv, [x, w])[0], expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float64, "bfloat16"])
def test_what_has_no_kernel_is_computed_all_the_same(dtype: Any) -> None:
    """ONNX Runtime normalises in single precision only."""
    kind = dtype if dtype is np.float64 else helper.tensor_dtype_to_np_dtype(onnx.TensorProto.BFLOAT16)  # fmt: skip
    x = values(2, 3, 5).astype(kind)
    norm = one("InstanceNormalization", "a b c")
    (found,) = runtime().values(norm, [x, np.ones(3, kind), np.zeros(3, kind)])
    assert found.dtype == kind
    t = torch.tensor(x.astype(np.float64))
    np.testing.assert_allclose(found.astype(float), F.instance_norm(t), atol=1e-9 if dtype is np.float64 else 0.05)  # fmt: skip


def test_omitted_outputs_keep_their_place() -> None:
    split = Operation(helper.make_node("Split", ["a"], ["", "y"], axis=0, num_outputs=2))
    first, second = runtime().values(split, [np.arange(4.0)])
    np.testing.assert_array_equal(first, [0, 1])
    np.testing.assert_array_equal(second, [2, 3])


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [(7, 2, 2, 1), (8, 1, 2, 0), (6, 3, 2, 1), (5, 2, 3, 0)],
)
def test_windows_that_begin_behind_the_image_are_none(
    kind: str, size: int, kernel: int, stride: int, padding: int
) -> None:
    """Shape inference of versions before 22 counts them."""
    x = values(2, 3, size)
    window = {"kernel_shape": [kernel], "strides": [stride], "pads": [padding] * 2, "ceil_mode": 1}
    pooled = F.max_pool1d if kind == "MaxPool" else F.avg_pool1d
    expected = tuple(pooled(torch.tensor(x), kernel, stride, padding, ceil_mode=True).shape)
    pool = one(kind, **window)
    assert runtime(11).results(pool, [Tensor(x.shape, FLOAT)]) == [Tensor(expected, FLOAT)]
    assert runtime(11).values(pool, [x])[0].shape == expected


def test_shapes_follow_from_shapes_and_short_constants() -> None:
    x, r = Tensor((2, 3, 4), FLOAT), runtime()
    reshape = one("Reshape", "a b")
    assert r.results(reshape, [x, np.array([0, -1])]) == [Tensor((2, 12), FLOAT)]
    (many,) = r.results(one("ConstantOfShape"), [np.array([1 << 30, 1 << 30])])
    assert many.shape == (1 << 30, 1 << 30)
    own = Operation(helper.make_node("Own", ["a"], ["y", "z"], domain="own"))
    assert r.results(own, [x]) == [Tensor(None, FLOAT)] * 2
    with pytest.raises(ValueError, match=r"(?i)incompatible"):
        r.results(one("MatMul", "a b"), [x, Tensor((5, 5), FLOAT)])
    assert r.results(one("Cast", to=onnx.TensorProto.DOUBLE), [x])[0].kind == FLOAT
