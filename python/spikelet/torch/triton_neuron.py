"""The neurons that Triton kernels step, and their place in autograd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from spikelet._util.checks import fail
from spikelet._util.extras import extra
from spikelet.torch.cell import PARAMETERS, Cell, Reset, Surrogate, When

__all__ = ["neuron"]

_LEAK, _THRESHOLD = PARAMETERS.index("leak"), PARAMETERS.index("threshold")
_BLOCK = 256  # neurons of a program
_INTERPRETED = 4096


class _Kind(NamedTuple):
    """What kernels are compiled for."""

    charge: int
    reset: int
    late: bool
    strict: bool
    detached: bool
    surrogate: int
    give: str
    steps: int


def neuron(
    where: str,
    x: Tensor,
    parameters: Sequence[Tensor | None],
    states: Sequence[Tensor | None],
    recurrent: Tensor | None,
    cell: Cell,
    give: str,
    steps: int,
) -> tuple[Tensor, ...]:
    """Return what the operator of the core returns; see `spikelet.torch.plain.neuron` for the parameters.

    Raises
    ------
    TypeError
        If x is on the CPU, and kernels are not interpreted.
    ValueError
        If kernels do not have these neurons.
    """
    kernels = extra("spikelet.torch.triton_kernels", 'backend="triton"', "triton")
    if x.device.type == "cpu" and not kernels.interpreted():
        hint = (
            'choose backend="core" for the CPU; TRITON_INTERPRET=1 in the environment is for tests'
        )
        msg = f'{where}: x with backend="triton" must be on a GPU, got {x.dtype} on {x.device}; {hint}'
        raise TypeError(msg)
    _check(where, parameters, recurrent, cell)
    made: dict[str, Any] = {"dtype": x.dtype, "device": x.device}
    threshold, leak = (
        torch.tensor([number], **made)
        if tensor is None
        else tensor.expand(x.shape[1:]).contiguous()
        for tensor, number in (
            (parameters[_THRESHOLD], cell.threshold),
            (parameters[_LEAK], cell.leak),
        )
    )
    numbers = torch.tensor([cell.gain, cell.rest, cell.v_reset, cell.alpha], **made)
    late = cell.when == When.next and cell.reset == Reset.subtract
    kind = _Kind(
        int(cell.charge), int(cell.reset), late, cell.strict, cell.detached, int(cell.surrogate), give, steps
    )  # fmt: skip
    v = x.new_zeros(x.shape[1:]) if states[0] is None else states[0].contiguous()
    spikes, potentials, last = _Neuron.apply(x.contiguous(), v, leak, threshold, numbers, kind)
    none = x.new_empty(0)
    return (
        spikes if "s" in give else none,
        none,
        potentials if "v" in give else none,
        last,
        none,
        none,
    )


def _check(
    where: str, parameters: Sequence[Tensor | None], recurrent: Tensor | None, cell: Cell
) -> None:
    rest: Any = [p for k, p in enumerate(parameters) if k not in (_LEAK, _THRESHOLD)]
    what = {
        "a synaptic current": cell.synapse,
        "an adaptive threshold": cell.adaptive or any(p is not None for p in rest),
        "recurrent weights": recurrent is not None,
        "a table as surrogate": cell.surrogate == Surrogate.table,
        "this delayed reset": not cell.is_plain,
    }
    for name, has in what.items():
        if has:
            rule = f'has no neurons with {name}: choose backend="torch", or "core" on the CPU'
            fail(where, "backend", "triton", rule)


class _Neuron(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        v: Tensor,
        leak: Tensor,
        threshold: Tensor,
        numbers: Tensor,
        kind: _Kind,
    ) -> tuple[Tensor, Tensor, Tensor]:
        shape, none = (kind.steps, *x.shape[1:]), x.new_empty(0)
        keeps = any(ctx.needs_input_grad)
        spikes = x.new_empty(shape) if "s" in kind.give else none
        potentials = x.new_empty(shape) if "v" in kind.give else none
        charged, last = x.new_empty(shape) if keeps else none, torch.empty_like(v)
        if v.numel():
            kernels = extra("spikelet.torch.triton_kernels", 'backend="triton"', "triton")
            kernels.forward[_grid(v)](
                x, v, leak, threshold, numbers, spikes, charged, potentials, last, kind.steps, v.numel(),
                **_shared(x, leak, threshold, kind),
                give_spikes="s" in kind.give, give_charged=keeps, give_potentials="v" in kind.give,
            )  # fmt: skip
        ctx.kind, ctx.constant = kind, len(x) != kind.steps
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(charged, v, leak, threshold, numbers)
        return spikes, potentials, last

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(
        ctx: Any, by_spikes: Tensor | None, by_potentials: Tensor | None, by_last: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        charged, v, leak, threshold, numbers = ctx.saved_tensors
        kind: _Kind = ctx.kind
        has_spikes = by_spikes is not None and "s" in kind.give
        has_potentials = by_potentials is not None and "v" in kind.give
        given = [
            g.contiguous() if g is not None else charged
            for g in (by_spikes, by_potentials, by_last)
        ]
        by_x = charged.new_empty(1 if ctx.constant else kind.steps, *v.shape)
        by_v, by_leaks, by_thresholds = (torch.empty_like(v) for _ in range(3))
        if v.numel():
            kernels = extra("spikelet.torch.triton_kernels", 'backend="triton"', "triton")
            kernels.backward[_grid(v)](
                charged, v, leak, threshold, numbers, *given, by_x, by_v, by_leaks, by_thresholds, kind.steps, v.numel(),
                **_shared(by_x, leak, threshold, kind), detached=kind.detached, surrogate=kind.surrogate,
                has_spikes=has_spikes, has_potentials=has_potentials, has_last=by_last is not None,
            )  # fmt: skip
        learned = ctx.needs_input_grad
        return (
            by_x,
            by_v,
            by_leaks if learned[2] else None,
            by_thresholds if learned[3] else None,
            None,
            None,
        )


def _grid(v: Tensor) -> tuple[int]:
    return (-(-v.numel() // _block(v)),)


def _block(v: Tensor) -> int:
    return _BLOCK if v.device.type != "cpu" else _INTERPRETED


def _shared(x: Tensor, leak: Tensor, threshold: Tensor, kind: _Kind) -> dict[str, Any]:
    """Return the constants of both kernels."""
    neurons = x[0].numel()
    return {
        "x_step": int(len(x) == kind.steps),
        "leak_step": int(leak.numel() == neurons),
        "threshold_step": int(threshold.numel() == neurons),
        "charge": kind.charge,
        "reset": kind.reset,
        "late": kind.late,
        "strict": kind.strict,
        "block": _block(x),
        "enable_fp_fusion": False,  # products and sums are rounded one by one, as in the core
    }
