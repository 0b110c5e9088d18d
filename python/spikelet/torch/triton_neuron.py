"""The neurons that Triton kernels step, and their place in autograd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from spikelet._util.checks import fail
from spikelet._util.extras import extra
from spikelet.torch.cell import PARAMETERS, STATES, Cell, Reset, Surrogate, When

__all__ = ["neuron"]

# In the order of the kernels.
_GIVEN = ("leak", "threshold", "syn_decay", "adapt_decay", "boost")
_BLOCK = 256  # neurons of a program
_INTERPRETED = 4096


class _Kind(NamedTuple):
    """What kernels are compiled for."""

    charge: int
    reset: int
    late: bool
    strict: bool
    synapse: bool
    adaptive: bool
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
    kernels = _kernels()
    if x.device.type == "cpu" and not kernels.interpreted():
        hint = (
            'choose backend="core" for the CPU; TRITON_INTERPRET=1 in the environment is for tests'
        )
        msg = f'{where}: x with backend="triton" must be on a GPU, got {x.dtype} on {x.device}; {hint}'
        raise TypeError(msg)
    late = cell.when == When.next and cell.reset == Reset.subtract
    _check(where, recurrent, cell, late)
    made: dict[str, Any] = {"dtype": x.dtype, "device": x.device}
    tensors = dict(zip(PARAMETERS, parameters, strict=True))
    values = [
        torch.tensor([getattr(cell, name)], **made)
        if (tensor := tensors[name]) is None
        else tensor.expand(x.shape[1:]).contiguous()
        for name in _GIVEN
    ]
    first = [x.new_zeros(x.shape[1:]) if state is None else state.contiguous() for state in states]
    numbers = torch.tensor([cell.gain, cell.rest, cell.v_reset, cell.alpha], **made)
    kind = _Kind(
        int(cell.charge), int(cell.reset), late, cell.strict, cell.synapse, cell.adaptive, cell.detached,
        int(cell.surrogate), give, steps,
    )  # fmt: skip
    spikes, potentials, *last = _Neuron.apply(kind, numbers, x.contiguous(), *first, *values)
    has = dict(zip(STATES, (True, cell.synapse, cell.adaptive), strict=True))
    none = x.new_empty(0)
    left = [state if there else none for state, there in zip(last, has.values(), strict=True)]
    return spikes, none, potentials, *left


def _check(where: str, recurrent: Tensor | None, cell: Cell, late: bool) -> None:
    what = {
        "recurrent weights": recurrent is not None,
        "a table as surrogate": cell.surrogate == Surrogate.table,
        "this delayed reset": cell.when != When.same and cell.reset != Reset.none and not late,
        "a delayed reset and an adaptive threshold": late and cell.adaptive,
    }
    for name, has in what.items():
        if has:
            rule = f'has no neurons with {name}: choose backend="torch", or "core" on the CPU'
            fail(where, "backend", "triton", rule)


def _kernels() -> Any:
    return extra("spikelet.torch.triton_kernels", 'backend="triton"', "triton")


class _Neuron(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, kind: _Kind, numbers: Tensor, x: Tensor, *given: Tensor
    ) -> tuple[Tensor, ...]:
        v = given[0]
        shape, none = (kind.steps, *v.shape), x.new_empty(0)
        keeps = any(ctx.needs_input_grad)

        def seq(wanted: bool) -> Tensor:
            return x.new_empty(shape) if wanted else none

        spikes, potentials = seq("s" in kind.give), seq("v" in kind.give)
        charged = seq(keeps)
        currents, adaptations = seq(keeps and kind.synapse), seq(keeps and kind.adaptive)
        last = [torch.empty_like(v) for _ in STATES]
        if v.numel():
            _kernels().forward[_grid(v)](
                x, *given, numbers, spikes, charged, currents, adaptations, potentials, *last, kind.steps, v.numel(),
                **_shared(x, given, kind),
                give_spikes="s" in kind.give, keep=keeps, give_potentials="v" in kind.give,
            )  # fmt: skip
        ctx.kind, ctx.constant = kind, len(x) != kind.steps
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(numbers, charged, currents, adaptations, v, *given[len(STATES) :])
        return spikes, potentials, *last

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]  # autograd has no types
    def backward(ctx: Any, *by: Tensor | None) -> tuple[Tensor | None, ...]:
        numbers, charged, currents, adaptations, v, *values = ctx.saved_tensors
        kind: _Kind = ctx.kind
        has = [g is not None for g in by]
        has[0] &= "s" in kind.give
        has[1] &= "v" in kind.give
        given = [charged if g is None else g.contiguous() for g in by]
        by_x = charged.new_empty(1 if ctx.constant else kind.steps, *v.shape)
        results = [torch.zeros_like(v) for _ in (*STATES, *_GIVEN)]
        if v.numel():
            _kernels().backward[_grid(v)](
                charged, currents, adaptations, v, *values, numbers, *given, by_x, *results, kind.steps, v.numel(),
                **_shared(by_x, [v, v, v, *values], kind), detached=kind.detached, surrogate=kind.surrogate,
                has_spikes=has[0], has_potentials=has[1], has_v=has[2], has_i=has[3], has_a=has[4],
            )  # fmt: skip
        wanted = ctx.needs_input_grad[3:]
        return None, None, by_x, *(g if w else None for g, w in zip(results, wanted, strict=True))


def _grid(v: Tensor) -> tuple[int]:
    return (-(-v.numel() // _block(v)),)


def _block(v: Tensor) -> int:
    return _BLOCK if v.device.type != "cpu" else _INTERPRETED


def _shared(x: Tensor, given: Sequence[Tensor], kind: _Kind) -> dict[str, Any]:
    """Return the constants of both kernels; a parameter without a step is one for all neurons."""
    names = ("leak_step", "threshold_step", "syn_step", "adapt_step", "boost_step")
    neurons = given[0].numel()
    steps = {
        name: int(value.numel() == neurons)
        for name, value in zip(names, given[len(STATES) :], strict=True)
    }
    return {
        "x_step": int(len(x) == kind.steps),
        **steps,
        "charge": kind.charge,
        "reset": kind.reset,
        "late": kind.late,
        "strict": kind.strict,
        "synapse": kind.synapse,
        "adaptive": kind.adaptive,
        "block": _block(x),
        "enable_fp_fusion": False,  # products and sums are rounded one by one, as in the core
    }
