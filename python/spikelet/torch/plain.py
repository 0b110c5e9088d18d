"""The neurons in PyTorch's own operations, step after step: for any device, and for ``torch.compile`` to fuse.

The equations, their order and the surrogates are those of the core (``train/fused_rows.hpp``), so that spikes are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from spikelet.torch.cell import PARAMETERS, Cell, Charge, Reset, Surrogate, When


def neuron(
    x: Tensor,
    parameters: Sequence[Tensor | None],
    states: Sequence[Tensor | None],
    recurrent: Tensor | None,
    first_spikes: Tensor | None,
    cell: Cell,
    give: str,
    steps: int,
    charged: Tensor | None = None,
    total: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Return what the core returns: spikes, nothing kept, potentials, and the last v, i, a.

    Parameters
    ----------
    x : Tensor, [T, B, ...] or, the same at each step, [1, B, ...]
    parameters, states : sequences of Tensor or None
        Those of `spikelet.torch.cell`, in its order; None for a number of the cell, or a state of 0.
    recurrent, first_spikes : Tensor, optional
        Weights [N, N] (to, from), and spikes before the first step.
    cell : Cell
    give : str
        "s" for spikes and "v" for the potential after each step.
    steps : int
    charged, total : Tensor, optional
        Potentials before each reset, and inputs with those of recurrent weights, known from the forward pass: they replace
        the computed ones, whose gradients they have.
    """
    value: dict[str, Any] = {
        name: getattr(cell, name) if given is None else given
        for name, given in zip(PARAMETERS, parameters, strict=True)
    }
    zero = torch.zeros_like(x[0])
    v, i, a = (zero if state is None else state for state in states)
    s = zero if first_spikes is None else first_spikes
    spikes, potentials = [], []
    for t in range(steps):
        seen = x[t if len(x) > 1 else 0]
        if recurrent is not None:
            seen = seen + s @ recurrent.T
        if total is not None:
            seen = straight_through(seen, total[t])
        if cell.synapse:
            seen = i = value["syn_decay"] * i + seen
        s, v = _step(cell, value, v, seen, a, None if charged is None else charged[t])
        if cell.adaptive:
            a = value["adapt_decay"] * a + s
        if "s" in give:
            spikes.append(s)
        if "v" in give:
            potentials.append(v)
    none = x.new_empty(0)
    return (
        torch.stack(spikes) if spikes else none,
        none,
        torch.stack(potentials) if potentials else none,
        v,
        i if cell.synapse else none,
        a if cell.adaptive else none,
    )


def _step(
    cell: Cell, value: dict[str, Any], v: Tensor, x: Tensor, a: Tensor, charged: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the spikes of one step and the potential after it."""
    threshold, late = value["threshold"], None
    if cell.when != When.same and cell.reset != Reset.none:
        late = _reached((v - threshold).detach(), cell.strict)  # the reset of the step before
        if cell.reset == Reset.value:
            v = torch.where(late > 0, torch.full_like(v, cell.v_reset), v)
    h = _charged(cell, value["leak"], v, x)
    if late is not None and cell.reset == Reset.subtract:
        h = h - late * threshold
    h = h if charged is None else straight_through(h, charged)
    s = _crossed(cell, h - (threshold + value["boost"] * a if cell.adaptive else threshold))
    if cell.when == When.next or cell.reset == Reset.none:
        return s, h
    now = s.detach() if cell.detached else s
    if late is not None:
        now = now - late
    if cell.reset == Reset.subtract:
        return s, h - now * threshold
    return s, (1 - now) * h + now * cell.v_reset


def _charged(cell: Cell, leak: Any, v: Tensor, x: Tensor) -> Tensor:
    """Return the potential before the spike."""
    if cell.charge == Charge.decay:
        return leak * v + cell.gain * x
    if cell.charge == Charge.relax_input:
        return v + (cell.gain * x - (v - cell.rest)) / leak
    return v - (v - cell.rest) / leak + cell.gain * x


def _crossed(cell: Cell, u: Tensor) -> Tensor:
    """Return 1 where u has reached 0, with the derivative of the surrogate."""
    table = (cell.table_low, cell.table_step, cell.table)
    crossed: Tensor = _Crossed.apply(u, cell.strict, int(cell.surrogate), cell.alpha, *table)
    return crossed


def _reached(u: Tensor, strict: bool) -> Tensor:
    return ((u > 0) if strict else (u >= 0)).to(u.dtype)


def slope(cell: Cell, u: Tensor) -> Tensor:
    """Return the surrogate for the derivative of a spike at u, the potential less the threshold."""
    return _slope(u, int(cell.surrogate), cell.alpha, cell.table_low, cell.table_step, cell.table)


class _Crossed(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(u: Tensor, strict: bool, *_: Any) -> Tensor:
        return _reached(u, strict)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        del output
        u, _, *ctx.surrogate = inputs
        ctx.save_for_backward(u)

    @staticmethod
    def backward(ctx: Any, by_spikes: Tensor) -> tuple[Any, ...]:
        (u,) = ctx.saved_tensors
        return by_spikes * _slope(u, *ctx.surrogate), None, None, None, None, None, None


def straight_through(x: Tensor, value: Tensor) -> Tensor:
    """Return a copy of `value` that passes its gradient to `x`: the straight-through estimator."""
    result: Tensor = _Through.apply(x, value)
    return result


class _Through(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, value: Tensor) -> Tensor:  # noqa: ARG004
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        """Keep nothing."""

    @staticmethod
    def backward(ctx: Any, by: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return by, None


def gradients(
    run: Callable[..., Sequence[Tensor]],
    operands: Sequence[Tensor | None],
    wanted: Sequence[bool],
    by: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """Return gradients of a function of the operands by PyTorch, for calls that the core cannot compute.

    Parameters
    ----------
    run : callable
        Computes the results from the operands.
    operands : sequence of Tensor or None
    wanted : sequence of bool
        The operands whose gradients are wanted.
    by : sequence of Tensor or None
        Gradients with respect to the results.
    """
    again = torch.is_grad_enabled()
    sources = [t for t, need in zip(operands, wanted, strict=True) if need]
    with torch.enable_grad():
        pairs = [(y, g) for y, g in zip(run(*operands), by, strict=True) if g is not None]
        results, given = zip(*((y, g) for y, g in pairs if y.requires_grad), strict=True)
        found = torch.autograd.grad(results, sources, given, create_graph=again, allow_unused=True)
    rest = iter(found)
    return [next(rest) if need else None for need in wanted]


def _slope(
    u: Tensor, kind: int, a: float, low: float, step: float, table: tuple[float, ...]
) -> Tensor:
    """Return the surrogate for the derivative of a spike at u."""
    if kind == Surrogate.atan:
        return (a / 2) / (1 + (math.pi / 2 * a * u) ** 2)
    if kind == Surrogate.sigmoid:
        e = torch.exp(-a * u.abs())  # the same for e and 1 / e, and never too large
        return a * e / (1 + e) ** 2
    if kind == Surrogate.fast_sigmoid:
        return 1 / (1 + a * u.abs()) ** 2
    if kind == Surrogate.triangle:
        return (a - a * a * u.abs()).clamp(min=0)
    if kind == Surrogate.rectangle:
        return a * (u.abs() < 1 / (2 * a)).to(u.dtype)
    if kind == Surrogate.gaussian:
        return a / math.sqrt(2 * math.pi) * torch.exp(-((a * u) ** 2) / 2)
    values = torch.tensor(table, dtype=u.dtype, device=u.device)
    at = (u - low) / step
    inside = (at >= 0) & (at <= len(table) - 1)
    left = at.clamp(0, len(table) - 2).floor()
    k = torch.nan_to_num(left).long()
    return torch.where(
        inside, values[k] + (at - left) * (values[k + 1] - values[k]), torch.zeros_like(u)
    )
