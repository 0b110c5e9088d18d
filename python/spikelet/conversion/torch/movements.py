"""PyTorch's operators that move values: they are found from what they do to an array of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch

from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import arithmetic, movement
from spikelet.conversion.torch.tracing import Step, Value, leaves, mapped

Handler: TypeAlias = Callable[..., Any]

# Operators that only move values of their first operand.
MOVEMENTS = frozenset({
    "view", "reshape", "flatten", "unflatten", "ravel", "squeeze", "unsqueeze", "expand", "expand_as",
    "view_as", "reshape_as", "broadcast_to",
    "permute", "transpose", "swapaxes", "swapdims", "t", "T", "mT", "H", "mH", "adjoint", "movedim",
    "moveaxis",
    "getitem", "select", "narrow", "slice", "index_select", "gather", "take_along_dim", "take", "diagonal",
    "tril", "triu",
    "chunk", "split", "split_with_sizes", "unsafe_chunk", "unsafe_split", "tensor_split", "hsplit", "vsplit",
    "dsplit", "unbind",
    "repeat", "tile", "repeat_interleave", "roll", "flip", "fliplr", "flipud", "rot90",
    "unfold", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle",
    "atleast_1d", "atleast_2d", "atleast_3d", "as_strided", "im2col", "index",
    *(f"{how}_pad{n}d" for how in ("reflection", "replication") for n in (1, 2, 3)),
})  # fmt: skip


def moved_by(c: Call, step: Step, data: dict[Value, Any]) -> Any:
    """Convert an operator of `MOVEMENTS`; of several results, each."""
    first = next(v for v in leaves((step.args, step.kwargs)) if isinstance(v, Value))
    if step.args and isinstance(step.args[0], torch.Tensor):
        c.refuse("looks up rows of a constant by the input", "its indices must be constant")
    x = data[first]
    results = list(leaves(step.result))

    def moved(k: int) -> Callable[[Any], Any]:
        def function(numbers: Any) -> Any:
            # Exact, and known to every operator; in order, as a view may need it.
            given = torch.from_numpy(np.ascontiguousarray(numbers, np.float64))

            def operand(a: Any) -> Any:
                return given if a is first else a.tensor if isinstance(a, Value) else a

            args, kwargs = mapped(operand, (step.args, step.kwargs))
            out = list(leaves(step.function(*args, **kwargs)))[k]
            return out.numpy()

        return function

    if len(results) == 1 and isinstance(step.result, Value):
        return movement.moved(c, x, moved(0))
    return [movement.moved(c.inner(str(k)), x, moved(k)) for k in range(len(results))]


def _broadcast(c: Call, *tensors: Any) -> list[Any]:
    """Convert torch.broadcast_tensors; a constant remains one."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    shape = np.broadcast_shapes(*map(c.tensor, given))

    def wide(numbers: Any) -> Any:
        return np.broadcast_to(numbers, shape)

    return [movement.moved(c.inner(str(k)), t, wide) for k, t in enumerate(given)]


def _cat(c: Call, tensors: Any, dim: int = 0, **names: int) -> Data:
    return movement.concat(c, tensors, names.get("axis", dim))


def _stack(c: Call, tensors: Any, dim: int = 0) -> Data:
    return movement.stack(c, tensors, dim)


def _pad(c: Call, x: Data, pad: Any, mode: str = "constant", value: float | None = None) -> Data:
    n = len(c.tensor(x))
    sides = [int(p) for p in pad]
    before, after = [0] * n, [0] * n
    for k in range(len(sides) // 2):  # from the last axis on
        before[n - 1 - k], after[n - 1 - k] = sides[2 * k], sides[2 * k + 1]
    names = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    return movement.pad(c, x, before, after, names[mode], float(value or 0.0))


def _constant_pad(c: Call, x: Data, pad: Any, value: float = 0) -> Data:
    return _pad(c, x, pad, value=value)


def _setitem(c: Call, x: Any, index: Any, value: Any) -> Data:
    """Convert ``x[index] = value``."""
    if any(isinstance(i, Data) for i in leaves(index)):
        c.refuse("writes to places that depend on the input", "the index must be constant")

    def write(target: Any, values: Any) -> Any:
        target[index] = values
        return target

    return _written(c, x, value, write)


def _written(c: Call, x: Any, value: Any, write: Callable[[Any, Any], Any]) -> Data:
    """Convert an operator that writes a value to places of x: the rest of x, and the value in its place."""
    shape, inside = c.tensor(x), c.tensor(value)

    def written(target: Any, values: Any) -> Any:
        return write(
            *(torch.from_numpy(np.array(v, dtype=np.float64)) for v in (target, values))
        ).numpy()

    kept: Any = movement.moved(c.inner("rest"), x, lambda v: written(v, np.zeros(inside)))
    part: Any = movement.moved(c.inner("written"), value, lambda v: written(np.zeros(shape), v))
    return part if not isinstance(kept, Data) and not kept.any() else arithmetic.add(c, kept, part)


def _scattered(function: Any) -> Handler:
    """Return a handler of a function that returns a copy of x with a value written to it."""

    def handler(c: Call, x: Any, value: Any, *where: Any, **names: Any) -> Data:
        return _written(
            c, x, value, lambda target, values: function(target, values, *where, **names)
        )

    return handler


def _index_put(c: Call, x: Any, indices: Any, value: Any, accumulate: bool = False) -> Data:
    if any(isinstance(i, Data) for i in indices):
        c.refuse("writes to places that depend on the input", "the index must be constant")
    places = [None if i is None else torch.as_tensor(i) for i in indices]
    if accumulate:
        return _added(c, x, places, value)
    put = torch.ops.aten.index_put
    return _written(c, x, value, lambda target, values: put(target, places, values))


def _added(c: Call, x: Any, indices: Any, value: Any) -> Data:
    """Add values to places of x, as `torch.nn.Fold` does: in turn the first value of each place, the second one, and so on."""
    shape = c.tensor(x)
    numbered = torch.arange(math.prod(shape)).reshape(shape)
    places = np.asarray(numbered[tuple(slice(None) if i is None else i for i in indices)])
    flat = places.ravel()
    order = np.argsort(flat, kind="stable")
    rank = np.empty_like(flat)
    rank[order] = np.arange(flat.size) - np.searchsorted(flat[order], flat[order])

    def turn(k: int) -> Callable[[Any], Any]:
        def function(numbers: Any) -> Any:
            found = np.zeros(math.prod(shape), np.asarray(numbers).dtype)
            found[flat[rank == k]] = np.broadcast_to(numbers, places.shape).ravel()[rank == k]
            return found.reshape(shape)

        return function

    turns = [
        movement.moved(c.inner(f"turn{k}"), value, turn(k)) for k in range(int(rank.max()) + 1)
    ]
    return arithmetic.total(c, [x, *turns])


def _copy(c: Call, target: Any, source: Any, non_blocking: bool = False) -> Data:
    """Convert a copy of a value into the shape of another one."""
    del non_blocking
    return movement.moved(c, c.one(source), lambda v: np.broadcast_to(v, c.tensor(target)))


JOINS: dict[str, Handler] = {
    **dict.fromkeys(("cat", "concat", "concatenate"), _cat),
    "stack": _stack,
    "broadcast_tensors": _broadcast,
    "hstack": lambda c, tensors: movement.concat(c, tensors, 1),
    "dstack": lambda c, tensors: movement.concat(c, tensors, 2),
    "pad": _pad,
    "constant_pad_nd": _constant_pad,
    "copy": _copy,
    "slice_scatter": _scattered(torch.slice_scatter),
    "select_scatter": _scattered(torch.select_scatter),
    "diagonal_scatter": _scattered(torch.diagonal_scatter),
    "index_put": _index_put,
    "setitem": _setitem,
}
