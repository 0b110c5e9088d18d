"""Tensors and other things that stand for arrays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.conftest import spawn

from spikelet._util.tensors import array_of, detached


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_tensors_are_read_without_their_gradient(dtype):
    x = torch.rand(3, 4).to(dtype)
    for given in (x, x.clone().requires_grad_(), torch.nn.Parameter(x)):
        found = array_of("f", "x", given)
        np.testing.assert_array_equal(found.astype(np.float64), x.double().numpy())
    rows = array_of("f", "x", [torch.rand(4, requires_grad=True) for _ in range(3)])
    assert rows.shape == (3, 4)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.ones(2, device="meta"), "x must hold values, got a tensor on the device meta"),
        (torch.ones(2).to_sparse(), "x must be dense, got layout torch.sparse_coo; pass .to_dense"),
        (torch.ones(2, dtype=torch.complex64), "x must be an array of numbers, got dtype complex64"),
        ([[1.0], [1.0, 2.0]], "x must be a rectangular array of numbers"),
        ((k for k in range(3)), "must be an array of numbers, got generator; join its batches"),
        (torch.utils.data.DataLoader([1, 2]), "got a DataLoader; pass its inputs, such as torch.cat"),
        (torch.utils.data.TensorDataset(torch.ones(2, 3)), "got a TensorDataset; .* such as dataset.tensors"),
        (torch.utils.data.Subset([1, 2], [0]), "got a Subset; pass its inputs, such as torch.stack"),
        ("images", "x must be an array of numbers, got dtype <U6"),
        (None, "x must be an array of numbers, got NoneType"),
    ],
)  # fmt: skip
def test_what_is_no_array_is_refused(value, message):
    with pytest.raises(TypeError, match=f"f: .*{message}"):
        array_of("f", "x", value)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")  # deprecated
def test_quantized_tensors_are_refused():
    value = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    with pytest.raises(TypeError, match=r"f: x must not be quantized, got .*; pass .dequantize"):
        array_of("f", "x", value)


def test_other_values_stay_as_they_are():
    value = object()
    assert detached("f", "x", value) is value
    code = "import sys, spikelet._util.tensors as t; t.array_of('f', 'x', [1]); print('torch' in sys.modules)"
    assert spawn(code).strip() == "False"
