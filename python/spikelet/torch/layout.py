"""The memory layout of tensors [T, B, ...], and views of them as [T, neurons] for the core, in any order of neurons."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from spikelet.torch.memory import array_of, empty

__all__ = ["arranged", "array", "groups", "memory_order", "ordered", "result", "shaped", "written"]

Array = Any  # a numpy array
_PLAIN = (Tensor, torch.nn.Parameter)


def memory_order(x: Tensor) -> tuple[int, ...] | None:
    """Return the dimensions of [T, B, ...] from slowest to fastest, or None if the memory must be rearranged first.

    Steps and samples must be the slowest; the other dimensions may have any order (channels last).
    """
    if x.is_contiguous():
        return tuple(range(x.ndim))
    # A call asks several times; the sizes of a fake tensor of torch.compile may be symbols.
    find = _order if type(x) in _PLAIN else _order.__wrapped__
    return find(tuple(x.shape), x.stride())


@lru_cache(maxsize=1024)
def _order(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...] | None:
    order = tuple(sorted(range(len(shape)), key=lambda d: -strides[d]))
    if order[:2] != (0, 1):
        return None
    step = 1
    for d in reversed(order):
        if shape[d] != 1 and strides[d] != step:
            return None
        step *= shape[d]
    return order


def arranged(x: Tensor) -> Tensor:
    """Return x, or a contiguous copy if x has no `memory_order`."""
    return x if memory_order(x) is not None else x.contiguous()


def groups(parameter: Tensor, x: Tensor) -> int | None:
    """Return how many consecutive neurons share each value of the parameter, or None if the number varies.

    The parameter broadcasts to ``x.shape[2:]``; x has a `memory_order`.
    """
    shape = (1,) * (x.ndim - parameter.ndim) + tuple(parameter.shape)
    inner, used, ended = 1, False, False
    for d in reversed(memory_order(x) or ()):
        if d < 2 or x.shape[d] == 1:
            continue
        if shape[d] == 1:
            ended = used
            inner *= 1 if used else x.shape[d]
        elif ended:
            return None
        else:
            used = True
    return inner


def array(tensor: Tensor | None, like: Tensor) -> Array:
    """Return a tensor with the shape of `like`, or of one of its steps, as an array; copied only if its layout differs."""
    if tensor is None:
        return None
    if not like.is_contiguous():
        whole = tensor if tensor.ndim == like.ndim else tensor[None]
        tensor = whole.permute(memory_order(like) or ())
    return tensor.detach().contiguous().numpy()


def ordered(parameter: Tensor | None, x: Tensor) -> tuple[Array, int] | None:
    """Return the values of a parameter in the memory order of x, and how many neurons share each value."""
    if parameter is None:
        return None
    inner = groups(parameter, x)
    assert inner is not None, "the parameter has been broadcast to x"
    return array(
        parameter.reshape((1,) * (x.ndim - parameter.ndim) + tuple(parameter.shape)), x
    ), inner


def shaped(values: Tensor, parameter: Tensor, x: Tensor) -> Tensor:
    """Undo `ordered`: reshape values in the memory order of x to the shape of the parameter."""
    order = memory_order(x) or ()
    shape = (1,) * (x.ndim - parameter.ndim) + tuple(parameter.shape)
    back = sorted(range(len(order)), key=lambda d: order[d])
    return values.reshape([shape[d] for d in order]).permute(back).reshape(parameter.shape)


def written(x: Tensor, steps: int | None) -> tuple[Tensor, Array]:
    """Return a tensor like `result`, and the same memory as an array that the core fills."""
    shape = x.shape[1:] if steps is None else (steps, *x.shape[1:])
    if x.is_contiguous():
        memory = array_of(shape, x.dtype)
        return torch.from_numpy(memory), memory
    order, back = _there_and_back(memory_order(x) or (), steps is not None)
    memory = array_of([shape[d] for d in order], x.dtype)
    return torch.from_numpy(memory.transpose(back)), memory


@lru_cache(maxsize=1024)
def _there_and_back(order: tuple[int, ...], has_steps: bool) -> tuple[list[int], list[int]]:
    """Return the order of memory of a result, with or without the dimension of steps, and its inverse."""
    there = list(order) if has_steps else [d - 1 for d in order[1:]]
    return there, sorted(range(len(there)), key=lambda d: there[d])


def result(x: Tensor, steps: int | None = None, wanted: bool = True) -> Tensor:
    """Return a tensor for results of `steps` steps (or one) in the memory order of x; empty if it is not wanted."""
    if not wanted:
        return x.new_empty(0)
    shape: tuple[int, ...] = tuple(x.shape[1:])
    order: tuple[int, ...] = ()
    if not x.is_contiguous():
        order = tuple(d - 1 for d in (memory_order(x) or ())[1:])
    if steps is not None:
        shape, order = (steps, *shape), (0, *(d + 1 for d in order)) if order else ()
    if type(x) not in _PLAIN:  # a fake tensor of torch.compile
        strides, stride = [1] * len(shape), 1
        for d in reversed(order or range(len(shape))):
            strides[d], stride = stride, stride * shape[d]
        return x.new_empty_strided(shape, strides)
    return empty(shape, x.dtype, order)
