"""The transforms of `torch.func` (grad, vmap, jacrev) and batched gradients: whether one is active, and rules for them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

__all__ = ["folded", "has_modes", "is_transformed", "of_batches", "one_by_one", "unfolded"]

Dims: TypeAlias = Sequence[Any]  # the batched dimension of each argument, or None


def _of_torch(*path: str) -> Any:
    """Return a private function of PyTorch, which has no public one for this; None if a release does not have it either."""
    found: Any = torch
    for name in path:
        found = getattr(found, name, None)
    return found


_is_active = _of_torch("_C", "_are_functorch_transforms_active") or (lambda: False)
_is_batched = _of_torch("_C", "_functorch", "is_legacy_batchedtensor")
_enter, _leave = (_of_torch("_C", f"_vmapmode_{way}crement_nesting") for way in ("in", "de"))
_unpack, _pack = (_of_torch(name) for name in ("_remove_batch_dim", "_add_batch_dim"))
# Without them, a mode may always be active.
_function_modes, _dispatch_modes = (
    _of_torch("_C", f"_len_torch_{kind}_stack") or (lambda: 1) for kind in ("function", "dispatch")
)
_HAS_BATCHES = all((_is_batched, _enter, _leave, _unpack, _pack))


def is_transformed() -> bool:
    """Return whether a transform of `torch.func` is active.

    Tensors then stand for others: they have no memory, and may not tell whether they require a gradient.
    """
    return bool(_is_active())


def has_modes() -> bool:
    """Return whether a mode sees each call of an operator, as the reader of `spikelet.convert` does."""
    return _function_modes() > 0 or _dispatch_modes() > 0


def folded(tensor: Tensor | None, dim: int | None, size: int, at: int) -> Tensor | None:
    """Return a tensor whose batched dimension is folded into dimension `at`, or repeated there if it has none.

    A batch without elements becomes one of zeros, which `unfolded` drops: its results have shapes, too.
    """
    if tensor is None:
        return None
    if size == 0:
        return tensor if dim is None else _zeros(tensor, dim)
    if dim is None:
        whole = tensor.unsqueeze(at)
        whole = whole.expand(*whole.shape[:at], size, *whole.shape[at + 1 :])
    else:
        whole = tensor.movedim(dim, at)
    return whole.flatten(at, at + 1)


def unfolded(tensor: Tensor, size: int, at: int) -> Tensor:
    """Undo `folded`; the batched dimension is dimension `at`."""
    if size == 0:
        return tensor.unsqueeze(at).narrow(at, 0, 0)
    return tensor.unflatten(at, (size, tensor.shape[at] // size))


def _zeros(tensor: Tensor, dim: int) -> Tensor:
    """Return zeros of the shape of an element."""
    return tensor.new_zeros([n for k, n in enumerate(tensor.shape) if k != dim % tensor.ndim])


def one_by_one(
    apply: Callable[..., tuple[Tensor, ...]], size: int, dims: Dims, arguments: Sequence[Any]
) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """Call a function for each element of a batch; return stacked results and their batched dimension, 0."""

    def element(value: Tensor, dim: int, k: int) -> Tensor:
        return value.select(dim, k) if size > 0 else _zeros(value, dim)

    results = [
        apply(
            *(
                element(value, dim, k) if isinstance(value, Tensor) and dim is not None else value
                for value, dim in zip(arguments, dims, strict=True)
            )
        )
        for k in range(max(size, 1))
    ]
    stacked = tuple(torch.stack(parts)[:size] for parts in zip(*results, strict=True))
    return stacked, (0,) * len(stacked)


def of_batches(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Let a backward function of (ctx, *gradients) take those of ``torch.autograd.grad(..., is_grads_batched=True)``.

    PyTorch hands them over as tensors of an older vmap, which knows no rules for functions in Python; the backward function
    is called for one after another.
    """
    if not _HAS_BATCHES:
        return backward

    @functools.wraps(backward)
    def each(ctx: Any, *by: Tensor | None) -> Any:
        batched = [g is not None and _is_batched(g) for g in by]
        if not any(batched):
            return backward(ctx, *by)
        _enter()
        level = _leave()  # what is left
        whole: list[Any] = [
            _unpack(g, level, 1, 0).unbind() if apart else g
            for g, apart in zip(by, batched, strict=True)
        ]
        size = next(len(g) for g, apart in zip(whole, batched, strict=True) if apart)
        results = [
            backward(ctx, *(g[k] if apart else g for g, apart in zip(whole, batched, strict=True)))
            for k in range(size)
        ]
        return tuple(
            None if parts[0] is None else _pack(torch.stack(parts), 0, level)
            for parts in zip(*results, strict=True)
        )

    return each
