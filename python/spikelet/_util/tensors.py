"""Tensors of PyTorch, and what else may stand for an array, as arrays; torch itself is never imported."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray


def detached(where: str, argument: str, value: Any) -> Any:
    """Return a tensor of PyTorch as an array, without its gradient, and any other value as it is.

    bfloat16, which numpy does not have, becomes float32.

    Raises
    ------
    TypeError
        If the tensor is not a dense one in memory; the message says how to make one.
    """
    torch = sys.modules.get("torch")  # a tensor exists only if torch has been imported
    if torch is None or not isinstance(value, torch.Tensor):
        return value
    if value.device.type != "cpu":
        msg = f"{where}: {argument} must be on the CPU, got a tensor on {value.device}; pass .cpu()"
        if value.device.type == "meta":
            msg = f"{where}: {argument} must hold values, got a tensor on the device meta"
        raise TypeError(msg)
    if value.is_quantized:
        msg = f"{where}: {argument} must not be quantized, got {value.dtype}; pass .dequantize()"
        raise TypeError(msg)
    if value.layout != torch.strided:
        msg = f"{where}: {argument} must be dense, got layout {value.layout}; pass .to_dense()"
        raise TypeError(msg)
    value = value.detach().resolve_conj().resolve_neg()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()


def array_of(where: str, argument: str, value: Any) -> NDArray[Any]:
    """Return an array of real numbers of any type.

    Raises
    ------
    TypeError
        If the value is not a rectangular array of real numbers, or a tensor of `detached` that is not dense.
    """
    value = detached(where, argument, value)
    _refuse_data(where, argument, value)
    if isinstance(value, (list, tuple)):
        value = [detached(where, f"{argument}[{k}]", item) for k, item in enumerate(value)]
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        msg = f"{where}: {argument} must be a rectangular array of numbers ({error})"
        raise TypeError(msg) from None
    if array.dtype.kind not in "biuf":
        what = f"dtype {array.dtype}"
        if array.ndim == 0 and array.dtype == object:
            what = f"{type(value).__name__}"
            if hasattr(value, "__iter__"):
                what += "; join its batches with np.concatenate"
        msg = f"{where}: {argument} must be an array of numbers, got {what}"
        raise TypeError(msg)
    return array


def _refuse_data(where: str, argument: str, value: Any) -> None:
    """Refuse a data set or a loader of PyTorch: numpy would take its pairs of inputs and labels for values."""
    data = sys.modules.get("torch.utils.data")
    if data is None or not isinstance(value, (data.Dataset, data.DataLoader)):
        return
    if hasattr(value, "__array__"):  # which says what its values are
        return
    kind = type(value).__name__
    if isinstance(value, data.TensorDataset):
        way_out = "pass its inputs, such as dataset.tensors[0]"
    elif isinstance(value, data.DataLoader):
        way_out = "pass its inputs, such as torch.cat([x for x, _ in loader])"
    else:
        way_out = "pass its inputs, such as torch.stack([dataset[k][0] for k in range(500)])"
    msg = f"{where}: {argument} must be an array of numbers, got a {kind}; {way_out}"
    raise TypeError(msg)
