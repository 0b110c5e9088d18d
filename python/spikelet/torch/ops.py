"""Neurons in the compiled core, as a function that autograd can differentiate.

Tensors [T, B, ...] reach the core as views of their memory [T, neurons], in any order of neurons. Use
`spikelet.torch.lif` and the modules, which check arguments, and choose `spikelet.torch.plain` where a call is watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

from spikelet import _core
from spikelet.torch import plain
from spikelet.torch.cell import PARAMETERS, Cell
from spikelet.torch.memory import array_of
from spikelet.torch.watched import differentiated_once, is_watched

if TYPE_CHECKING:
    from spikelet.torch.conventions import Setting

Array: TypeAlias = Any  # of numpy
Optional: TypeAlias = Tensor | None
_N_GIVEN = len(PARAMETERS) + 5  # three states, recurrent weights, first spikes


def neuron(
    made: Setting,
    give: str,
    steps: int,
    x: Tensor,
    parameters: Sequence[Optional],
    states: Sequence[Optional],
    recurrent: Optional,
    first_spikes: Optional,
) -> tuple[Tensor, ...]:
    """Return spikes, what was kept for the backward pass, potentials, and the last v, i and a; empty if not wanted.

    Parameters
    ----------
    made : Setting
    give : str
        "s" for spikes, "v" for the potential after each step; for the backward pass "h", the potential before each reset,
        or "x", the input with that of recurrent weights. Without either it keeps x.
    steps : int
    x : Tensor, [T, B, ...] or, the same at each step, [1, B, ...]
    parameters : sequence of Tensor or None
        Those of `spikelet.torch.cell`, which broadcast to the neurons.
    states : sequence of Tensor or None
        v, i and a before the first step.
    recurrent, first_spikes : Tensor, optional
    """
    parameters = [p if p is None else _grouped(p, x) for p in parameters]
    x = x if memory_order(x) is not None else x.contiguous()
    given = (made, give, steps, x, *parameters, *states, recurrent, first_spikes)
    results = _Neuron.apply(*given) if torch.is_grad_enabled() else _forward(*given)
    none = x.new_empty(0)
    return tuple(none if r is None else r for r in results)


class _Neuron(torch.autograd.Function):
    # PyTorch takes 10 us for a context that is apart from `forward`.
    @staticmethod
    def forward(
        ctx: Any, made: Setting, give: str, steps: int, x: Tensor, *given: Optional
    ) -> tuple[Optional, ...]:
        results = _forward(made, give, steps, x, *given)
        spikes, kept = results[:2]
        recurrent = given[-2]
        ctx.cell, ctx.numbers, ctx.steps, ctx.constant = (
            made.cell,
            made.numbers,
            steps,
            len(x) != steps,
        )
        ctx.is_charged = kept is not None and recurrent is None
        ctx.set_materialize_grads(False)
        before = None if recurrent is None else spikes
        ctx.save_for_backward(x if kept is None else kept, *given, before)
        return results

    @staticmethod
    def backward(
        ctx: Any, by_spikes: Optional, _: Optional, by_v_seq: Optional, *by_last: Optional
    ) -> tuple[Any, ...]:
        saved = ctx.saved_tensors
        by = (by_spikes, by_v_seq, *by_last)
        if all(g is None for g in by):
            return (None,) * (_N_GIVEN + 4)
        backward = _backward_of_torch if is_watched(*by) else _backward
        found = backward(ctx, saved, by)
        if torch.is_grad_enabled():
            found = differentiated_once("neurons", found)
        return None, None, None, *found


def _forward(
    made: Setting, give: str, steps: int, x: Tensor, *given: Optional
) -> tuple[Optional, ...]:
    """Return the results, and None for those that are not wanted."""
    *operands, recurrent, first_spikes = given
    kept = "h" if recurrent is None else "x"
    each, last = [kind in give for kind in ("s", kept, "v")], _states(made.cell)
    pairs = [_written(x, steps) if wanted else (None, None) for wanted in each]
    pairs += [_written(x, None) if wanted else (None, None) for wanted in last]
    tensors, views = zip(*pairs, strict=True)
    charged, total = (views[1], None) if recurrent is None else (None, views[1])
    # In the order of the core: named arguments would cost 3 us a call.
    _core.train_forward(
        made.numbers,
        [None if p is None else _ordered(p, x) for p in operands[:5]],
        _array(x, x),
        steps,
        len(x) != steps,
        [_array(state, x) for state in operands[5:]],
        views[0],
        charged,
        views[2],
        list(views[3:]),
        _recurrence(recurrent, first_spikes, x),
        total,
        torch.get_num_threads(),
    )
    return tensors


def _states(cell: Cell) -> tuple[bool, bool, bool]:
    """Return which of v, i and a a cell has."""
    return True, cell.synapse, cell.adaptive


def _recurrence(recurrent: Optional, first_spikes: Optional, x: Tensor) -> _core.Recurrence | None:
    if recurrent is None:
        return None
    weights = recurrent.detach().contiguous().numpy()
    return _core.Recurrence(weights, _array(first_spikes, x), x.shape[-1])


def _backward(ctx: Any, saved: Sequence[Optional], by: Sequence[Optional]) -> list[Optional]:
    """Return the gradients of x, parameters, states, recurrent weights and first spikes; None if not wanted."""
    kept, *given, recurrent, first_spikes, spikes = saved
    assert kept is not None, "each call keeps something"
    parameters, states = given[:5], given[5:]
    wanted = ctx.needs_input_grad[4:]
    by_x, by_x_view = _written(kept, 1 if ctx.constant else ctx.steps)
    # Those of parameters are flat, in memory order.
    by_parameters = [
        kept.new_empty(p.numel()) if w and p is not None else None
        for p, w in zip(parameters, wanted[:5], strict=True)
    ]
    by_states, by_state_views = zip(
        *(_written(kept, None) if w else (None, None) for w in (*wanted[5:8], wanted[9])),
        strict=True,
    )
    by_weights = kept.new_empty(recurrent.shape) if wanted[8] and recurrent is not None else None
    memory = _array(kept, kept)

    def over_time(g: Optional) -> Array:
        alike = g is not None and g.stride(0) == 0 and len(g) > 1  # that of a sum or mean over time
        return _array(g[0] if g is not None and alike else g, kept)

    _core.train_backward(
        ctx.numbers,
        [None if p is None else _ordered(p, kept) for p in parameters],
        None if ctx.is_charged else memory,
        memory if ctx.is_charged else None,
        ctx.steps,
        kept[0].numel(),
        ctx.constant,
        [_array(state, kept) for state in states],
        over_time(by[0]),
        over_time(by[1]),
        [_array(g, kept) for g in by[2:]],
        by_x_view,
        list(by_state_views[:3]),
        [None if g is None else g.numpy() for g in by_parameters],
        _recurrence(recurrent, first_spikes, kept),
        _array(spikes, kept),
        None if by_weights is None else by_weights.numpy(),
        by_state_views[3],
        torch.get_num_threads(),
    )
    by_parameters = [
        None if g is None or p is None else _shaped(g, p, kept)
        for g, p in zip(by_parameters, parameters, strict=True)
    ]
    return [by_x, *by_parameters, *by_states[:3], by_weights, by_states[3]]


def _backward_of_torch(
    ctx: Any, saved: Sequence[Optional], by: Sequence[Optional]
) -> list[Optional]:
    """Return the gradients of `_backward` for batches of gradients, which the core does not take."""
    kept, *given, recurrent, first_spikes, _ = saved
    assert kept is not None, "each call keeps something"
    charged = kept.detach() if ctx.is_charged else None
    total = None if recurrent is None else kept.detach()
    if charged is not None or total is not None:
        # The gradient with respect to the input does not depend on its values.
        kept = torch.zeros_like(kept[:1] if ctx.constant else kept, requires_grad=True)

    def run(x: Tensor, *given: Optional) -> tuple[Tensor, ...]:
        parts = (x, given[:5], given[5:8], given[8], given[9])
        found = plain.neuron(*parts, ctx.cell, "sv", ctx.steps, charged, total)
        return found[0], *found[2:]

    operands = (kept, *given, recurrent, first_spikes)
    return plain.gradients(run, operands, ctx.needs_input_grad[3:], by)


# ---- the memory of tensors [T, B, ...] ----


def memory_order(x: Tensor) -> tuple[int, ...] | None:
    """Return the dimensions of [T, B, ...] from slowest to fastest, or None if the memory must be rearranged first.

    Steps and samples must be the slowest; the other dimensions may have any order (channels last).
    """
    if x.is_contiguous():
        return tuple(range(x.ndim))
    return _order(tuple(x.shape), x.stride())  # a call asks several times


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


def _grouped(parameter: Tensor, x: Tensor) -> Tensor:
    """Return a parameter of which each value is shared by the same number of consecutive neurons."""
    is_shared = memory_order(x) is not None and _groups(parameter, x) is not None
    return parameter if is_shared else parameter.expand(x.shape[2:])


def _groups(parameter: Tensor, x: Tensor) -> int | None:
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


def _array(tensor: Tensor | None, like: Tensor) -> Array:
    """Return a tensor with the shape of `like`, or of one of its steps, as an array; copied only if its layout differs."""
    if tensor is None:
        return None
    if not like.is_contiguous():
        whole = tensor if tensor.ndim == like.ndim else tensor[None]
        tensor = whole.permute(memory_order(like) or ())
    return tensor.detach().contiguous().numpy()


def _ordered(parameter: Tensor, x: Tensor) -> tuple[Array, int]:
    """Return the values of a parameter in the memory order of x, and how many neurons share each value."""
    inner = _groups(parameter, x)
    assert inner is not None, "the parameter has been broadcast to x"
    return _array(
        parameter.reshape((1,) * (x.ndim - parameter.ndim) + tuple(parameter.shape)), x
    ), inner


def _shaped(values: Tensor, parameter: Tensor, x: Tensor) -> Tensor:
    """Undo `_ordered`: reshape values in the memory order of x to the shape of the parameter."""
    order = memory_order(x) or ()
    shape = (1,) * (x.ndim - parameter.ndim) + tuple(parameter.shape)
    back = sorted(range(len(order)), key=lambda d: order[d])
    return values.reshape([shape[d] for d in order]).permute(back).reshape(parameter.shape)


def _written(x: Tensor, steps: int | None) -> tuple[Tensor, Array]:
    """Return a tensor of steps, or of one, in the memory order of x, and the same memory as an array that the core fills."""
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
