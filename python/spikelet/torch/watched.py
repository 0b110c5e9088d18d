"""Decide whether a call may run in the compiled core, or something observes the operations of PyTorch in it.

The operators of this package are each an `autograd.Function` around the core. It is opaque, so only autograd may watch
it; for all others there is the same computation in PyTorch's own operations.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.overrides import _get_current_function_mode_stack
from torch.utils._device import DeviceContext

__all__ = ["differentiated_once", "is_transformed", "is_watched", "of_batches", "refuse_tangents"]


def _of_torch(*path: str) -> Any:
    """Return a private function of PyTorch, which has no public one for this; None if a release lacks it."""
    found: Any = torch
    for name in path:
        found = getattr(found, name, None)
    return found


_PLAIN = (Tensor, torch.nn.Parameter)
_is_active = _of_torch("_C", "_are_functorch_transforms_active") or (lambda: False)
_function_modes, _dispatch_modes = (
    _of_torch("_C", f"_len_torch_{kind}_stack") or (lambda: 0) for kind in ("function", "dispatch")
)
_is_batched = _of_torch("_C", "_functorch", "is_batchedtensor")
_is_legacy_batched = _of_torch("_C", "_functorch", "is_legacy_batchedtensor")
_enter, _leave = (_of_torch("_C", f"_vmapmode_{way}crement_nesting") for way in ("in", "de"))


def is_transformed() -> bool:
    """Return whether a transform of `torch.func` is active.

    Tensors then stand for others: they have no memory, and may not tell whether they require a gradient.
    """
    return bool(_is_active())


def is_watched(*tensors: Tensor | None) -> bool:
    """Return whether more than reverse-mode autograd observes a call with these tensors.

    Observers are compilers, exporters and tracers, the transforms of `torch.func`, modes, forward-mode derivatives,
    batches of gradients, and subclasses of tensors.
    """
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or is_transformed()
        or forward_ad._current_level >= 0
        or _dispatch_modes() > 0
        or (_function_modes() > 0 and _is_observed())
        or any(t is not None and (type(t) not in _PLAIN or not _has_memory(t)) for t in tensors)
    )


def _is_observed() -> bool:
    """Return whether a function mode is active other than a default device, which only changes where tensors are made."""
    return any(type(mode) is not DeviceContext for mode in _get_current_function_mode_stack())


def _has_memory(tensor: Tensor) -> bool:
    """Return whether a tensor has numbers; batched ones look like plain ones and have none."""
    try:
        tensor.data_ptr()
    except RuntimeError:
        return False
    return True


def refuse_tangents(*tensors: Tensor | None) -> None:
    """Refuse forward-mode derivatives, which neurons do not have."""
    if torch.compiler.is_compiling() or forward_ad._current_level < 0:
        return
    if any(t is not None and forward_ad.unpack_dual(t).tangent is not None for t in tensors):
        raise RuntimeError(
            "spikelet.torch: neurons have no forward-mode derivative (torch.func.jvp, forward_ad); use backward()"
        )


def of_batches(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Let a backward function of (ctx, *gradients) take batches of gradients, one after another.

    They come from ``torch.autograd.grad(..., is_grads_batched=True)``, or from `torch.func.vmap` around the derivative of
    a result that was computed outside of it.
    """

    @functools.wraps(backward)
    def each(ctx: Any, *by: Tensor | None) -> Any:
        split = _split_functorch if is_transformed() else _split_legacy
        parts = [g if g is None else split(g) for g in by]
        batched = next((part for part in parts if isinstance(part, tuple)), None)
        if batched is None:
            return backward(ctx, *by)
        elements, pack = batched
        results = [
            each(ctx, *(part[0][k] if isinstance(part, tuple) else part for part in parts))
            for k in range(len(elements))
        ]
        return tuple(
            None if found[0] is None else pack(torch.stack(found))
            for found in zip(*results, strict=True)
        )

    return each


_Batch = tuple[tuple[Tensor, ...], Callable[[Tensor], Tensor]]


def _split_legacy(tensor: Tensor) -> Tensor | _Batch:
    """Return the elements of a batch and the function that makes a batch of a stack, or a tensor without a batch."""
    if _is_legacy_batched is None or not _is_legacy_batched(tensor):
        return tensor
    _enter()
    level = _leave()  # the level that remains
    unpacked: Tensor = torch._remove_batch_dim(tensor, level, 1, 0)
    return unpacked.unbind(), lambda stack: torch._add_batch_dim(stack, 0, level)


def _split_functorch(tensor: Tensor) -> Tensor | _Batch:
    if not _is_batched(tensor):
        return tensor
    functorch = torch._C._functorch
    level = functorch.maybe_get_level(tensor)
    unpacked, dim = functorch._unwrap_batched(tensor, level)
    return unpacked.unbind(dim), lambda stack: functorch._add_batch_dim(stack, 0, level)


def differentiated_once(
    what: str, found: list[Tensor | None], *sources: Tensor | None
) -> list[Tensor | None]:
    """Return gradients that depend on `sources`, but raise an error if they are differentiated again."""
    there = [g for g in found if g is not None]
    marked = iter(_Once.apply(what, len(there), *there, *sources))
    return [None if g is None else next(marked) for g in found]


class _Once(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(_: str, n: int, *tensors: Tensor | None) -> tuple[Any, ...]:
        return tuple(t.view_as(t) for t in tensors[:n] if t is not None)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        del output
        ctx.what = inputs[0]

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise RuntimeError(
            f'spikelet.torch: {ctx.what} can be differentiated once; backend="torch" differentiates again'
        )
