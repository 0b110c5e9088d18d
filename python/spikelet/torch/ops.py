"""The operators ``torch.ops.spikelet.neuron`` and ``neuron_backward``: the core's fused steps as PyTorch sees them.

Registered with `torch.library`, so that autograd, ``torch.compile`` and ``torch.export`` take them as they take PyTorch's
own. Tensors reach the core as views of their memory. Use `spikelet.torch.lif` and the modules, which check arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikelet import _core
from spikelet.torch.cell import PARAMETERS, cell_of, core_cell
from spikelet.torch.memory import empty

__all__ = ["groups", "memory_order"]

_FORWARD = {torch.float32: _core.train_forward32, torch.float64: _core.train_forward64}
_BACKWARD = {torch.float32: _core.train_backward32, torch.float64: _core.train_backward64}

_GIVEN = ", ".join(f"Tensor? {name}" for name in (*PARAMETERS, "v", "i", "a"))
_LIBRARY = torch.library.Library("spikelet", "FRAGMENT")
_LIBRARY.define(
    f"neuron(Tensor x, {_GIVEN}, Tensor? recurrent, Tensor? first_spikes, str cell, str give)"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)"
)
_LIBRARY.define(
    f"neuron_backward(Tensor kept, bool is_charged, {_GIVEN}, Tensor? recurrent, Tensor? first_spikes, Tensor? spikes,"
    " Tensor? by_spikes, Tensor? by_v_seq, Tensor? by_v, Tensor? by_i, Tensor? by_a, str cell, bool[] wanted) -> Tensor[]"
)


def memory_order(x: Tensor) -> tuple[int, ...] | None:
    """Return the dimensions of [T, B, *] from the slowest to the fastest; None where memory has to be arranged first.

    Steps and samples have to be the slowest; what follows may lie in any order (channels last).
    """
    if x.is_contiguous():
        return tuple(range(x.ndim))
    strides = x.stride()
    order = tuple(sorted(range(x.ndim), key=lambda d: -strides[d]))
    if order[:2] != (0, 1) or not x.permute(order).is_contiguous():
        return None
    return order


def groups(parameter: Tensor, x: Tensor) -> int | None:
    """Return how many neurons in a row share a value of the parameter; None if such rows are not of one length.

    The parameter broadcasts to ``x.shape[2:]``; x has a `memory_order`.
    """
    order = memory_order(x)
    shape = [1] * (x.ndim - parameter.ndim) + list(parameter.shape)
    inner, used, ended = 1, False, False
    for d in reversed(order or ()):
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


def _values(parameter: Tensor | None, x: Tensor) -> tuple[Any, int] | None:
    """Return the values of a parameter in the order of x's memory, and how many neurons share each."""
    if parameter is None:
        return None
    inner = groups(parameter, x)
    assert inner is not None
    return _in_order(
        parameter.reshape([1] * (x.ndim - parameter.ndim) + list(parameter.shape)), x
    ), inner


def _in_order(tensor: Tensor, like: Tensor) -> Any:
    """Return a tensor of as many dimensions, with its elements in the order of `like`'s memory."""
    if not like.is_contiguous():
        tensor = tensor.permute(memory_order(like) or ())
    return tensor.detach().contiguous().numpy()


def _view(tensor: Tensor | None, like: Tensor) -> Any:
    """Return an array of a tensor of the shape of `like` or of one of its steps, in the order of `like`'s memory."""
    if tensor is None:
        return None
    return _in_order(tensor if tensor.ndim == like.ndim else tensor[None], like)


def _out(tensor: Tensor | None, like: Tensor) -> Any:
    """Return an array of what `_like` made, to be written to."""
    if tensor is None or tensor.ndim < like.ndim - 1:
        return None
    if like.is_contiguous():
        return tensor.numpy()
    order = memory_order(like) or ()
    whole = tensor if tensor.ndim == like.ndim else tensor[None]
    return whole.permute(order).numpy()


def _like(x: Tensor, wanted: bool, step: bool = False) -> Tensor:
    """Return a tensor for results like x, or like a step of it; without elements if it is not wanted."""
    if not wanted:
        return x.new_empty(0)
    start = 1 if step else 0
    return empty(x.shape[start:], x.stride()[start:], x.dtype)


def _arranged(x: Tensor) -> Tensor:
    return x if memory_order(x) is not None else x.contiguous()


def _recurrence(recurrent: Tensor | None, first_spikes: Tensor | None, x: Tensor) -> Any:
    if recurrent is None:
        return None
    return _core.Recurrence(
        recurrent.detach().contiguous().numpy(), _view(first_spikes, x), len(recurrent)
    )


def _neuron(
    x: Tensor,
    *given: Tensor | None,
) -> tuple[Tensor, ...]:
    *tensors, recurrent, first_spikes, text, give = given
    parameters, states = tensors[:5], tensors[5:]
    cell = cell_of(text)
    x = _arranged(x)
    spikes, charged, v_seq = (_like(x, name in give) for name in "shv")
    heard = _like(x, "x" in give)
    last = [_like(x, has, step=True) for has in cell.states]
    if x.numel() or x.ndim:
        _FORWARD[x.dtype](
            core_cell(text),
            [_values(p, x) for p in parameters],
            _view(x, x),
            len(x),
            [_view(state, x) for state in states],
            *(
                _out(t, x) if name in give else None
                for t, name in zip((spikes, charged, v_seq), "shv", strict=True)
            ),
            [_out(t, x) if has else None for t, has in zip(last, cell.states, strict=True)],
            _recurrence(recurrent, first_spikes, x),
            _out(heard, x) if "x" in give else None,
            torch.get_num_threads(),
        )
    return spikes, heard if recurrent is not None else charged, v_seq, *last


def _neuron_fake(x: Tensor, *given: Any) -> tuple[Tensor, ...]:
    recurrent, text, give = given[8], given[-2], given[-1]
    x = _arranged(x)
    like = [
        torch.empty_strided(x.shape, x.stride(), dtype=x.dtype) if name in give else x.new_empty(0)
        for name in "shvx"
    ]
    last = [
        torch.empty_strided(x.shape[1:], x.stride()[1:], dtype=x.dtype) if has else x.new_empty(0)
        for has in cell_of(text).states
    ]
    return like[0], like[3] if recurrent is not None else like[1], like[2], *last


def _neuron_backward(kept: Tensor, is_charged: bool, *given: Any) -> list[Tensor]:
    parameters, states = given[:5], given[5:8]
    recurrent, first_spikes, spikes, by_spikes, by_v_seq, *by_last = given[8:16]
    text, wanted = given[16:]
    cell = cell_of(text)
    by_x = _like(kept, True)
    by_parameters = [
        torch.empty(p.shape, dtype=kept.dtype) if w else None
        for p, w in zip(parameters, wanted[:5], strict=True)
    ]
    by_states = [_like(kept, True, step=True) if w else None for w in wanted[5:8]]
    by_weights = (
        torch.empty_like(recurrent, memory_format=torch.contiguous_format) if wanted[8] else None
    )
    by_first = _like(kept, True, step=True) if wanted[9] else None
    # The gradient of a parameter has the order of its values, which is that of memory.
    arrays = [None if g is None else np.empty(g.numel(), g.numpy().dtype) for g in by_parameters]
    _BACKWARD[kept.dtype](
        core_cell(text),
        [_values(p, kept) for p in parameters],
        None if is_charged else _view(kept, kept),
        _view(kept, kept) if is_charged else None,
        len(kept),
        kept[0].numel() if len(kept) else 0,
        [_view(state, kept) for state in states],
        _view(by_spikes, kept),
        _view(by_v_seq, kept),
        [_view(g, kept) if has else None for g, has in zip(by_last, cell.states, strict=True)],
        _out(by_x, kept),
        [_out(g, kept) for g in by_states],
        arrays,
        _recurrence(recurrent, first_spikes, kept),
        _view(spikes, kept),
        None if by_weights is None else by_weights.numpy(),
        _out(by_first, kept),
        torch.get_num_threads(),
    )
    for p, g, array in zip(parameters, by_parameters, arrays, strict=True):
        if array is not None:
            g.copy_(_unordered(array, p, kept))
    return [by_x, *(g for g in (*by_parameters, *by_states, by_weights, by_first) if g is not None)]


def _unordered(array: Any, parameter: Tensor, x: Tensor) -> Tensor:
    """Undo `_values`: give values in the order of x's memory the shape of the parameter."""
    values = torch.from_numpy(array)
    order = memory_order(x) or ()
    shape = [1] * (x.ndim - parameter.ndim) + list(parameter.shape)
    back = sorted(range(len(order)), key=lambda d: order[d])
    return values.reshape([shape[d] for d in order]).permute(back).reshape(parameter.shape)


def _neuron_backward_fake(kept: Tensor, is_charged: bool, *given: Any) -> list[Tensor]:  # noqa: ARG001
    parameters, recurrent, wanted = given[:5], given[8], given[17]
    step = [
        torch.empty_strided(kept.shape[1:], kept.stride()[1:], dtype=kept.dtype)
        for w in wanted[5:8]
        if w
    ]
    return [
        torch.empty_strided(kept.shape, kept.stride(), dtype=kept.dtype),
        *(
            torch.empty(p.shape, dtype=kept.dtype)
            for p, w in zip(parameters, wanted[:5], strict=True)
            if w
        ),
        *step,
        *([torch.empty(recurrent.shape, dtype=kept.dtype)] if wanted[8] else []),
        *(
            [torch.empty_strided(kept.shape[1:], kept.stride()[1:], dtype=kept.dtype)]
            if wanted[9]
            else []
        ),
    ]


def _setup(ctx: Any, inputs: Sequence[Any], output: Sequence[Tensor]) -> None:
    x, *given, text, give = inputs
    spikes, kept = output[:2]
    recurrent = given[8]
    ctx.text, ctx.is_charged = text, "h" in give
    ctx.set_materialize_grads(False)
    keeps = kept if ctx.is_charged or recurrent is not None else x
    ctx.save_for_backward(keeps, *given, spikes if recurrent is not None else None)


def _neuron_gradient(
    ctx: Any, by_spikes: Any, _: Any, by_v_seq: Any, *by_last: Any
) -> tuple[Any, ...]:
    kept, *given, spikes = ctx.saved_tensors
    if all(g is None for g in (by_spikes, by_v_seq, *by_last)):
        return (None,) * (len(given) + 3)
    wanted = [bool(w) for w in ctx.needs_input_grad[1:11]]
    kept = _arranged(kept)
    results = iter(
        torch.ops.spikelet.neuron_backward(
            kept, ctx.is_charged, *given, spikes, by_spikes, by_v_seq, *by_last, ctx.text, wanted
        )
    )
    return next(results), *(next(results) if w else None for w in wanted), None, None


_LIBRARY.impl("neuron", _neuron, "CPU")
_LIBRARY.impl("neuron_backward", _neuron_backward, "CPU")
torch.library.register_fake("spikelet::neuron", _neuron_fake, lib=_LIBRARY)
torch.library.register_fake("spikelet::neuron_backward", _neuron_backward_fake, lib=_LIBRARY)
torch.library.register_autograd(
    "spikelet::neuron", _neuron_gradient, setup_context=_setup, lib=_LIBRARY
)
