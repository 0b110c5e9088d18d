"""PyTorch's operators that move values: they are found from what they do to an array of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch

from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import arithmetic, movement, pooling, resizing
from spikelet.conversion.torch.tracing import Step, Value, leaves, mapped
from spikelet.conversion.torch.weights import array

__all__ = ["JOINS", "MOVEMENTS", "moved_by"]

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
    "atleast_1d", "atleast_2d", "atleast_3d", "as_strided", "constant_pad_nd", "im2col", "index",
    *(f"{how}_pad{n}d" for how in ("reflection", "replication") for n in (1, 2, 3)),
})  # fmt: skip


def moved_by(c: Call, step: Step, data: dict[Value, Any]) -> Any:
    """Convert an operator of `MOVEMENTS`; of several results, each."""
    first = next(v for v in leaves((step.args, step.kwargs)) if isinstance(v, Value))
    if step.args and isinstance(step.args[0], torch.Tensor):
        c.refuse("looks up rows of a constant by the input", "its indices must be constant")
    if step.kind == "constant_pad_nd" and any(step.args[2:]):
        c.refuse("pads with another value than 0", "use torch.nn.functional.pad")
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
            return out.numpy().astype(np.int64)

        return function

    if len(results) == 1 and isinstance(step.result, Value):
        return movement.moved(c, x, moved(0))
    return [movement.moved(c.inner(str(k)), x, moved(k)) for k in range(len(results))]


def _broadcast(c: Call, *tensors: Any) -> list[Any]:
    """Convert torch.broadcast_tensors; a constant remains one."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    shape = torch.broadcast_shapes(
        *(c.tensor(t) if isinstance(t, Data) else t.shape for t in given)
    )
    return [
        movement.moved(c.inner(str(k)), t, lambda a: np.broadcast_to(a, shape))
        if isinstance(t, Data)
        else t.expand(shape)
        for k, t in enumerate(given)
    ]


def _cat(c: Call, tensors: Any, dim: int = 0, **names: int) -> Data:
    return movement.concat(c, _constants(tensors), names.get("axis", dim))


def _stack(c: Call, tensors: Any, dim: int = 0) -> Data:
    return movement.stack(c, _constants(tensors), dim)


def _constants(tensors: Any) -> list[Any]:
    return [array(t) for t in tensors]


def _joined(axis: int) -> Handler:
    def handler(c: Call, tensors: Any) -> Data:
        return movement.concat(c, _constants(tensors), axis)

    return handler


def _pad(c: Call, x: Data, pad: Any, mode: str = "constant", value: float | None = None) -> Data:
    n = len(c.tensor(x))
    sides = [int(p) for p in pad]
    before, after = [0] * n, [0] * n
    for k in range(len(sides) // 2):  # from the last axis on
        before[n - 1 - k], after[n - 1 - k] = sides[2 * k], sides[2 * k + 1]
    names = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    return movement.pad(c, x, before, after, names[mode], float(value or 0.0))


def _setitem(c: Call, x: Any, index: Any, value: Any) -> Data:
    """Convert ``x[index] = value``: the rest of x, and the value in its place."""
    if any(isinstance(i, Data) for i in leaves(index)):
        c.refuse("writes to places that depend on the input", "the index must be constant")
    shape = c.tensor(x) if isinstance(x, Data) else tuple(x.shape)

    def written(target: Any, values: Any) -> Any:
        given = torch.from_numpy(np.array(target, dtype=np.float64))
        given[index] = values if isinstance(values, float) else torch.from_numpy(values.astype(np.float64))  # fmt: skip
        return given.numpy()

    def rest(numbers: Any) -> Any:
        return written(numbers, 0.0).astype(np.int64)

    def inside(numbers: Any) -> Any:
        return written(np.zeros(shape), numbers).astype(np.int64)

    kept = movement.moved(c.inner("rest"), x, rest) if isinstance(x, Data) else rest(array(x))
    if not isinstance(x, Data):
        kept = written(array(x), 0.0)
    if isinstance(value, Data):
        return arithmetic.add(c, kept, movement.moved(c.inner("written"), value, inside))
    return arithmetic.add(c, kept, written(np.zeros(shape), np.asarray(array(value))))


def _interpolate(
    c: Call,
    x: Data,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Data:
    if antialias:
        c.refuse("interpolates with antialias=True", "pass antialias=False")
    given = c.shape(c.batch_first(x))[1:]
    n = len(given)
    factors = None
    if scale_factor is not None:
        factors = [float(f) for f in (scale_factor if isinstance(scale_factor, (tuple, list)) else [scale_factor] * n)]  # fmt: skip
        target = [int(np.floor(m * f)) for m, f in zip(given, factors, strict=True)]
    else:
        target = [int(s) for s in (size if isinstance(size, (tuple, list)) else [size] * n)]
    scale = None if recompute_scale_factor else factors
    if mode in ("nearest", "nearest-exact"):
        how = ("asymmetric", "floor") if mode == "nearest" else ("half_pixel", "round_prefer_ceil")
        return resizing.resize(c, x, target, "nearest", *how, scale)
    if mode == "area":
        return pooling.adaptive_avg_pool(c, x, tuple(target))
    coordinates = "align_corners" if align_corners else "half_pixel"
    kind = "cubic" if mode == "bicubic" else "linear"
    return resizing.resize(c, x, target, kind, coordinates, scale=scale)


JOINS: dict[str, Handler] = {
    **dict.fromkeys(("cat", "concat", "concatenate"), _cat),
    "stack": _stack,
    "broadcast_tensors": _broadcast,
    "hstack": _joined(1),
    "dstack": _joined(2),
    "pad": _pad,
    "setitem": _setitem,
    **dict.fromkeys(("interpolate", "upsample"), _interpolate),
}
