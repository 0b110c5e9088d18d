"""Decide whether a call may run in the compiled core, or something observes the operations of PyTorch in it.

The operators of this package are each an `autograd.Function` around the core. It is opaque, so only autograd may watch
it; for all others there is the same computation in PyTorch's own operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.utils._device import DeviceContext


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
_function_stack = _of_torch("overrides", "_get_current_function_mode_stack") or (lambda: [None])


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
        or _has_tangents()
        or _dispatch_modes() > 0
        or (_function_modes() > 0 and _is_observed())
        or any(t is not None and (type(t) not in _PLAIN or not _has_memory(t)) for t in tensors)
    )


def _has_tangents() -> bool:
    """Return whether forward-mode differentiation is active."""
    return getattr(forward_ad, "_current_level", -1) >= 0


def _is_observed() -> bool:
    """Return whether a function mode is active other than a default device, which only changes where tensors are made."""
    return any(type(mode) is not DeviceContext for mode in _function_stack())


def _has_memory(tensor: Tensor) -> bool:
    """Return whether a tensor has numbers; batched ones look like plain ones and have none."""
    try:
        tensor.data_ptr()
    except RuntimeError:
        return False
    return True


def refuse_tangents(*tensors: Tensor | None) -> None:
    """Refuse forward-mode derivatives, which neurons do not have."""
    if torch.compiler.is_compiling() or not _has_tangents():
        return
    if any(t is not None and forward_ad.unpack_dual(t).tangent is not None for t in tensors):
        raise RuntimeError(
            "spikelet.torch: neurons have no forward-mode derivative (torch.func.jvp, forward_ad); use backward()"
        )


def differentiated_once(what: str, found: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Return gradients that raise an error if they are differentiated again."""
    message = (
        f'spikelet.torch: {what} can be differentiated once; backend="torch" differentiates again'
    )
    there = [g.detach().requires_grad_() for g in found if g is not None]
    # As `once_differentiable` of PyTorch, whose message does not say what to do.
    marked = _of_torch("_C", "_functions", "DelayedError")(message.encode(), len(there))(*there)
    rest = iter([marked] if isinstance(marked, Tensor) else marked)
    return [None if g is None else next(rest) for g in found]
