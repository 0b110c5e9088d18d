"""The operators ``torch.ops.spikelet.neuron`` and ``neuron_backward``: the core's fused steps as PyTorch sees them.

Registered with `torch.library`, so that autograd, ``torch.compile`` and ``torch.export`` take them as they take PyTorch's
own. Tensors reach the core as views of their memory. Use `spikelet.torch.lif` and the modules, which check arguments.

`neuron` is the operator, or, where only autograd observes the call, a function with the same results: PyTorch's dispatch
through Python takes 0.2 ms, most of the time of one step of a small layer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd import forward_ad

from spikelet import _core
from spikelet.torch.cell import PARAMETERS, STATES, states_of
from spikelet.torch.layout import arranged, array, ordered, result, shaped, written
from spikelet.torch.transforms import Dims, folded, is_transformed, of_batches, one_by_one, unfolded

__all__ = ["has_tangent", "is_watched", "neuron", "neuron_backward", "neuron_op"]

Optional: TypeAlias = Tensor | None

_LIBRARY = torch.library.Library("spikelet", "FRAGMENT")
_GIVEN = "Tensor?[] parameters, Tensor?[] states, Tensor? recurrent, Tensor? first_spikes"
_LIBRARY.define(
    "neuron(Tensor x, " + ", ".join(f"Tensor? {name}" for name in (*PARAMETERS, *STATES)) +
    ", Tensor? recurrent, Tensor? first_spikes, float[] cell, str give, SymInt steps)"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)"
)  # fmt: skip
_LIBRARY.define(
    f"neuron_backward(Tensor kept, bool is_charged, {_GIVEN}, Tensor? spikes, Tensor? by_spikes, Tensor? by_v_seq,"
    " Tensor?[] by_last, float[] cell, bool[] wanted, SymInt steps, bool constant) -> Tensor[]"
)
neuron_op = torch.ops.spikelet.neuron
neuron_backward = torch.ops.spikelet.neuron_backward


def _wanted(
    recurrent: Optional, cell: Sequence[float], give: str
) -> tuple[bool, bool, bool, bool, bool, bool]:
    """Return which results a call has: spikes, those kept for the backward pass, the potential at each step, last states.

    `give` says which: "s" spikes, "h" the potential before each reset, "x" the input with the recurrent one, "v".
    """
    return "s" in give, ("h" if recurrent is None else "x") in give, "v" in give, *states_of(cell)


def _forward(x: Tensor, *given: Any) -> tuple[Optional, ...]:
    """Return the results of the operator, and None for those that are not wanted."""
    parameters, states = given[:5], given[5:8]
    recurrent, first_spikes, cell, give, steps = given[8:]
    x = arranged(x)
    results: list[Optional] = []
    views: list[Any] = []
    for k, wanted in enumerate(_wanted(recurrent, cell, give)):
        tensor, view = written(x, steps if k < 3 else None) if wanted else (None, None)
        results.append(tensor)
        views.append(view)
    charged, total = (views[1], None) if recurrent is None else (None, views[1])
    # In the order of the core: named arguments would cost 3 us a call.
    _core.train_forward(
        cell,
        [None if p is None else ordered(p, x) for p in parameters],
        array(x, x),
        steps,
        len(x) != steps,
        [None if state is None else array(state, x) for state in states],
        views[0],
        charged,
        views[2],
        views[3:],
        None if recurrent is None else _recurrence(recurrent, first_spikes, x),
        total,
        torch.get_num_threads(),
    )
    return tuple(results)


def _whole_forward(x: Tensor, *given: Any) -> tuple[Tensor, ...]:
    """Return the results of the operator: those that are not wanted are empty."""
    return tuple(x.new_empty(0) if r is None else r for r in _forward(x, *given))


def _forward_fake(x: Tensor, *given: Any) -> tuple[Tensor, ...]:
    x = arranged(x)
    recurrent, _, cell, give, steps = given[8:]
    return tuple(
        result(x, steps if k < 3 else None, wanted)
        for k, wanted in enumerate(_wanted(recurrent, cell, give))
    )


def _recurrence(recurrent: Tensor, first_spikes: Optional, x: Tensor) -> _core.Recurrence:
    if x.ndim != 3 or recurrent.shape != (x.shape[2], x.shape[2]):
        msg = f"neuron: recurrent must be [N, N] for x of [T, B, N], got {tuple(recurrent.shape)}"
        raise ValueError(msg)
    return _core.Recurrence(
        recurrent.detach().contiguous().numpy(), array(first_spikes, x), len(recurrent)
    )


def _gradients(
    kept: Tensor, parameters: Sequence[Optional], recurrent: Optional, wanted: Sequence[bool]
) -> tuple[list[Optional], list[Optional], Optional, Optional]:
    """Return tensors for the gradients of parameters (flat, in memory order), states, weights and first spikes."""
    by_parameters = [
        kept.new_empty(p.numel()) if w and p is not None else None
        for p, w in zip(parameters, wanted[:5], strict=True)
    ]
    by_states = [result(kept) if w else None for w in wanted[5:8]]
    by_weights = kept.new_empty(recurrent.shape) if wanted[8] and recurrent is not None else None
    return by_parameters, by_states, by_weights, result(kept) if wanted[9] else None


# What `_gradients` returns if no gradient but that of the input is wanted.
_NONE_WANTED: tuple[list[Optional], list[Optional], Optional, Optional] = (
    [None] * len(PARAMETERS),
    [None] * len(STATES),
    None,
    None,
)


def _backward(
    kept: Tensor,
    is_charged: bool,
    parameters: Sequence[Optional],
    states: Sequence[Optional],
    recurrent: Optional,
    first_spikes: Optional,
    spikes: Optional,
    by_spikes: Optional,
    by_v_seq: Optional,
    by_last: Sequence[Optional],
    cell: Sequence[float],
    wanted: Sequence[bool],
    steps: int,
    constant: bool,
) -> list[Tensor]:
    kept = arranged(kept)
    by_x, by_x_view = written(kept, 1 if constant else steps)
    by_parameters, by_states, by_weights, by_first = (
        _gradients(kept, parameters, recurrent, wanted) if any(wanted) else _NONE_WANTED
    )
    memory = array(kept, kept)

    def over_time(g: Optional) -> Any:
        # What was not wanted has no elements, and neither has its gradient.
        if g is None or g.ndim < kept.ndim:
            return None
        alike = g.stride(0) == 0 and len(g) > 1  # that of a sum or mean over time
        return array(g[0] if alike else g, kept)

    _core.train_backward(
        cell,
        [None if p is None else ordered(p, kept) for p in parameters],
        None if is_charged else memory,
        memory if is_charged else None,
        steps,
        kept[0].numel(),
        constant,
        [None if state is None else array(state, kept) for state in states],
        over_time(by_spikes),
        over_time(by_v_seq),
        [
            array(g, kept) if g is not None and has else None
            for g, has in zip(by_last, states_of(cell), strict=True)
        ],
        by_x_view,
        [None if g is None else array(g, kept) for g in by_states],
        [None if g is None else g.numpy() for g in by_parameters],
        None if recurrent is None else _recurrence(recurrent, first_spikes, kept),
        array(spikes, kept),
        None if by_weights is None else by_weights.numpy(),
        array(by_first, kept),
        torch.get_num_threads(),
    )
    by_parameters = [
        None if g is None or p is None else shaped(g, p, kept)
        for g, p in zip(by_parameters, parameters, strict=True)
    ]
    return [by_x, *(g for g in (*by_parameters, *by_states, by_weights, by_first) if g is not None)]


def _backward_fake(kept: Tensor, is_charged: bool, *given: Any) -> list[Tensor]:  # noqa: ARG001
    kept = arranged(kept)
    by_parameters, by_states, by_weights, by_first = _gradients(kept, given[0], given[2], given[-3])
    shapes = [
        kept.new_empty(p.shape)
        for p, g in zip(given[0], by_parameters, strict=True)
        if g is not None
    ]
    return [
        result(kept, 1 if given[-1] else given[-2]),
        *shapes,
        *(g for g in (*by_states, by_weights, by_first) if g is not None),
    ]


def _save(ctx: Any, inputs: Sequence[Any], output: Sequence[Optional]) -> None:
    x, *given, cell, give, steps = inputs
    spikes, kept = output[:2]
    recurrent = given[8]
    ctx.steps, ctx.constant = steps, x.shape[0] != steps
    ctx.cell, ctx.is_charged = cell, recurrent is None and "h" in give
    ctx.direct = False
    ctx.set_materialize_grads(False)
    from_output = ctx.is_charged or recurrent is not None
    ctx.save_for_backward(
        kept if from_output else x, *given, spikes if recurrent is not None else None
    )


def _gradient(
    ctx: Any, by_spikes: Optional, _: Optional, by_v_seq: Optional, *by_last: Optional
) -> tuple[Any, ...]:
    kept, *given, spikes = ctx.saved_tensors
    if by_spikes is None and by_v_seq is None and all(g is None for g in by_last):
        return (None,) * 14
    wanted = [bool(w) for w in ctx.needs_input_grad[1:11]]
    tensors = (*given, spikes, by_spikes, by_v_seq, *by_last)
    numbers = (ctx.cell, wanted, ctx.steps, ctx.constant)
    found: Sequence[Tensor]
    if not ctx.direct:
        found = neuron_backward(kept, ctx.is_charged, *_grouped(tensors), *numbers)
    elif torch.is_grad_enabled() or is_transformed():
        # A derivative of the derivative is refused.
        found = _Gradient.apply(kept, *tensors, ctx.is_charged, *numbers)
    else:
        direct: Any = _backward
        found = direct(kept, ctx.is_charged, *_grouped(tensors), *numbers)
    results = iter(found)
    return next(results), *(next(results) if w else None for w in wanted), None, None, None


def _grouped(tensors: Sequence[Optional]) -> tuple[Any, ...]:
    """Return parameters, states, recurrent weights, first spikes, spikes and their gradients as `_backward` takes them."""
    return tensors[:5], tensors[5:8], *tensors[8:13], tensors[13:]


_LIBRARY.impl("neuron", _whole_forward, "CPU")
_LIBRARY.impl("neuron_backward", _backward, "CPU")
torch.library.register_fake("spikelet::neuron", _forward_fake, lib=_LIBRARY)
torch.library.register_fake("spikelet::neuron_backward", _backward_fake, lib=_LIBRARY)
torch.library.register_autograd("spikelet::neuron", _gradient, setup_context=_save, lib=_LIBRARY)


def _no_second(ctx: Any, *_: Any) -> Any:  # noqa: ARG001
    raise RuntimeError(
        "spikelet.torch: neurons can be differentiated once; a surrogate has no derivative"
    )


torch.library.register_autograd("spikelet::neuron_backward", _no_second, lib=_LIBRARY)


def _no_tangent(*_: Any) -> Any:
    raise RuntimeError(
        "spikelet.torch: neurons have no forward-mode derivative (torch.func.jvp, forward_ad); use backward()"
    )


class _Gradient(torch.autograd.Function):
    """`_backward` for `torch.func` and for batched gradients."""

    @staticmethod
    def forward(kept: Tensor, *given: Any) -> tuple[Tensor, ...]:
        """Return the gradients of the operator."""
        tensors, (is_charged, *numbers) = given[:16], given[16:]
        return tuple(_backward(kept, is_charged, *_grouped(tensors), *numbers))

    @staticmethod
    def setup_context(ctx: Any, inputs: Sequence[Any], output: Sequence[Tensor]) -> None:
        """Keep nothing."""

    backward = staticmethod(_no_second)
    jvp = staticmethod(_no_second)

    @staticmethod
    def vmap(info: Any, in_dims: Dims, *given: Any) -> tuple[Any, Any]:
        """Return the gradients of each element; those that neurons do not share come from one call."""
        size, wanted = info.batch_size, given[-3]
        shared = any(d is not None for d in (*in_dims[1:6], in_dims[9]))
        if shared or any(wanted[:5]) or wanted[8]:
            return one_by_one(_Gradient.apply, size, in_dims, given)
        ndim = given[0].ndim - (in_dims[0] is not None)

        def fold(k: int, over_time: bool = True) -> Optional:
            tensor, dim = given[k], in_dims[k]
            if tensor is None or tensor.ndim - (dim is not None) < ndim - (not over_time):
                return None  # nothing, or the gradient of a result that was not wanted
            return folded(tensor, dim, size, int(over_time))

        states = states_of(given[-4])
        results = _Gradient.apply(
            fold(0),
            *given[1:6],
            *(fold(k, False) for k in (6, 7, 8)),
            given[9],
            fold(10, False),
            *(fold(k) for k in (11, 12, 13)),
            *(fold(14 + k, False) if has else None for k, has in enumerate(states)),
            *given[17:],
        )
        places = (1, *(0 for _ in results[1:]))
        parts = (unfolded(r, size, at) for r, at in zip(results, places, strict=True))
        return tuple(parts), places


class _Neuron(torch.autograd.Function):
    """The operator without its dispatch; results that are not wanted are None."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Optional, ...]:
        """Return the results of the operator, and keep what it keeps."""
        results = _forward(*given)
        _save(ctx, given, results)
        ctx.direct = True
        return results

    @staticmethod
    @of_batches
    def backward(ctx: Any, *by: Optional) -> tuple[Any, ...]:
        """Return the gradients of the inputs."""
        return _gradient(ctx, *by)

    jvp = staticmethod(_no_tangent)


class _TransformedNeuron(torch.autograd.Function):
    """`_Neuron` for `torch.func`, which requires a context apart from `forward`; that costs 10 us more."""

    @staticmethod
    def forward(*given: Any) -> tuple[Tensor, ...]:
        """Return the results of the operator."""
        return _whole_forward(*given)

    @staticmethod
    def setup_context(ctx: Any, inputs: Sequence[Any], output: Sequence[Tensor]) -> None:
        """Keep what the operator keeps."""
        _save(ctx, inputs, output)
        ctx.direct = True

    @staticmethod
    @of_batches
    def backward(ctx: Any, *by: Optional) -> tuple[Any, ...]:
        """Return the gradients of the inputs."""
        return _gradient(ctx, *by)

    jvp = staticmethod(_no_tangent)

    @staticmethod
    def vmap(info: Any, in_dims: Dims, *given: Any) -> tuple[Any, Any]:
        """Return the results for each element: from one call, as more samples, unless parameters differ."""
        size, (cell, give, steps), recurrent = info.batch_size, given[11:], given[9]
        if any(d is not None for d in (*in_dims[1:6], in_dims[9])):
            return one_by_one(_TransformedNeuron.apply, size, in_dims, given)
        results = _TransformedNeuron.apply(
            folded(given[0], in_dims[0], size, 1),
            *given[1:6],
            *(folded(given[k], in_dims[k], size, 0) for k in (6, 7, 8)),
            recurrent,
            folded(given[10], in_dims[10], size, 0),
            cell,
            give,
            steps,
        )
        there = _wanted(recurrent, cell, give)
        places = tuple((1 if k < 3 else 0) if has else None for k, has in enumerate(there))
        parts = (
            r if at is None else unfolded(r, size, at)
            for r, at in zip(results, places, strict=True)
        )
        return tuple(parts), places


_PLAIN = (Tensor, torch.nn.Parameter)


def _is_recorded() -> bool:
    """Return whether `make_fx` records operators; without its module, which is slow to import, it does not."""
    proxies = sys.modules.get("torch.fx.experimental.proxy_tensor")
    return proxies is not None and proxies.get_proxy_mode() is not None


def _has_memory(tensor: Tensor) -> bool:
    """Return whether a tensor has numbers; those of vmap look like plain ones and have none."""
    try:
        tensor.data_ptr()
    except RuntimeError:
        return False
    return True


def is_watched(tensors: Iterable[Optional]) -> bool:
    """Return whether more than autograd observes a call: a compiler, a tracer, vmap, a subclass of tensors."""
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or _is_recorded()
        or any(type(t) not in _PLAIN or not _has_memory(t) for t in tensors if t is not None)
    )


def has_tangent(tensors: Iterable[Optional]) -> bool:
    """Return whether a tensor carries a forward-mode derivative."""
    return not torch.compiler.is_compiling() and any(
        forward_ad.unpack_dual(t).tangent is not None for t in tensors if t is not None
    )


def _filled(results: Sequence[Optional]) -> tuple[Tensor, ...]:
    """Return results with one empty tensor for all that are not wanted."""
    v = results[3]
    assert v is not None, "all neurons have a potential"
    none = v.new_empty(0)
    return tuple(none if r is None else r for r in results)


def neuron(x: Tensor, *given: Any) -> tuple[Tensor, ...]:
    """Return the operator's results; calls the operator itself if the call is being traced or compiled."""
    tensors = [t for t in (x, *given[:10]) if t is not None]
    transformed = is_transformed() and not _is_recorded()
    watched = not transformed and is_watched(tensors)
    if has_tangent(tensors):  # which PyTorch would drop, as if the derivative were 0
        _no_tangent()
    if watched:
        return neuron_op(x, *given)  # type: ignore[no-any-return]  # autograd has no types
    if transformed:
        return _TransformedNeuron.apply(x, *given)  # type: ignore[no-any-return]  # autograd has no types
    return _filled(_Neuron.apply(x, *given) if torch.is_grad_enabled() else _forward(x, *given))
