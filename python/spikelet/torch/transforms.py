"""The transforms of `torch.func` (grad, vmap, jacrev) and batched gradients: whether one is active, and rules for them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

__all__ = ["folded", "is_transformed", "of_batches", "one_by_one", "unfolded"]

Dims: TypeAlias = Sequence[Any]  # the batched dimension of each argument, or None


def is_transformed() -> bool:
    """Return whether a transform of `torch.func` is active, outside of ``torch.compile``.

    Tensors then stand for others: they have no memory, and may not tell whether they require a gradient.
    """
    return torch._C._are_functorch_transforms_active() and not torch.compiler.is_compiling()


def folded(tensor: Tensor | None, dim: int | None, size: int, at: int) -> Tensor | None:
    """Return a tensor whose batched dimension is folded into dimension `at`, or repeated there if it has none."""
    if tensor is None:
        return None
    if dim is None:
        whole = tensor.unsqueeze(at)
        whole = whole.expand(*whole.shape[:at], size, *whole.shape[at + 1 :])
    else:
        whole = tensor.movedim(dim, at)
    return whole.flatten(at, at + 1)


def unfolded(tensor: Tensor, size: int, at: int) -> Tensor:
    """Undo `folded`; the batched dimension is dimension `at`."""
    return tensor.unflatten(at, (size, tensor.shape[at] // size))


def one_by_one(
    apply: Callable[..., tuple[Tensor, ...]], size: int, dims: Dims, arguments: Sequence[Any]
) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """Call a function for each element of a batch; return stacked results and their batched dimension, 0."""
    results = [
        apply(
            *(
                value.select(dim, k) if isinstance(value, Tensor) and dim is not None else value
                for value, dim in zip(arguments, dims, strict=True)
            )
        )
        for k in range(size)
    ]
    stacked = tuple(torch.stack(parts) for parts in zip(*results, strict=True))
    return stacked, (0,) * len(stacked)


def of_batches(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Let a backward function of (ctx, *gradients) take those of ``torch.autograd.grad(..., is_grads_batched=True)``.

    PyTorch hands them over as tensors of an older vmap, which knows no rules for functions in Python; the backward function
    is called for one after another.
    """

    @functools.wraps(backward)
    def each(ctx: Any, *by: Tensor | None) -> Any:
        batched = [g is not None and torch._C._functorch.is_legacy_batchedtensor(g) for g in by]
        if not any(batched):
            return backward(ctx, *by)
        torch._C._vmapmode_increment_nesting()
        level = torch._C._vmapmode_decrement_nesting()  # what is left
        whole = [
            torch._remove_batch_dim(g, level, 1, 0) if g is not None and is_batched else g
            for g, is_batched in zip(by, batched, strict=True)
        ]
        size = next(len(g) for g, is_batched in zip(whole, batched, strict=True) if is_batched)  # type: ignore[arg-type]
        results = [
            backward(ctx, *(g[k] if is_batched else g for g, is_batched in zip(whole, batched, strict=True)))  # type: ignore[index]
            for k in range(size)
        ]
        return tuple(
            None if parts[0] is None else torch._add_batch_dim(torch.stack(parts), 0, level)
            for parts in zip(*results, strict=True)
        )

    return each
