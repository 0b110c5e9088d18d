"""Neurons as functions of their input over time."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from spikelet._util.checks import choice, fail, integer
from spikelet.torch import plain
from spikelet.torch.cell import PARAMETERS, Table
from spikelet.torch.conventions import HALVES, RASTERS, Setting, flag, setting, single
from spikelet.torch.ops import neuron
from spikelet.torch.watched import is_watched, refuse_tangents

Backend: TypeAlias = Literal["core", "torch"]
BACKENDS = ("core", "torch")


class Run(NamedTuple):
    """The result of a run over time; the next run may start from the last states [B, ...]."""

    spikes: Tensor
    v_seq: Tensor
    v: Tensor
    i: Tensor
    a: Tensor


def lif(
    x: Tensor,
    *,
    convention: str = "spikelet",
    v_threshold: float | Tensor = 1.0,
    surrogate: str | Table | None = "atan",
    alpha: float | None = None,
    v: Tensor | None = None,
    return_v: bool = False,
    checkpoint: bool | None = None,
    steps: int | None = None,
    backend: Backend = "core",
    **parameters: Any,
) -> Tensor | tuple[Tensor, Tensor]:
    r"""Leaky integrate-and-fire neurons over all steps at once, forward and backward in the compiled core.

    With ``convention="spikelet"`` the potential decays exactly, ``h[t] = decay v[t-1] + gain x[t]`` with
    ``decay = exp(-dt / tau_m)`` and a gain of 1; the neuron spikes if ``h[t] >= v_threshold``, and the threshold is
    subtracted (`reset`).
    The other conventions use the integration, reset and derivative of the named library.

    Parameters
    ----------
    x : Tensor, [T, B, ...], float32 or float64, on the CPU (or, with ``backend="torch"``, any device)
        The input at each step. Channels may come last in memory. bfloat16 and float16, as under autocast, are computed in
        float32: spikes have the type of x, potentials are float32. A raster of uint8 or bool, as encoders return it, is
        computed in the type of the first given tensor, or PyTorch's default; a backward pass keeps its bytes.
    convention : "spikelet", "snntorch", "spikingjelly" or "norse"
        Library whose update, reset and gradient are used; parameters have the names of that library, see below.
    v_threshold : float or Tensor
        Threshold. A Tensor may require a gradient, and broadcasts to ``x.shape[2:]``; this holds for all parameters that
        may be tensors.
    surrogate : str, Table or None
        Surrogate for the derivative of a spike, a function of u = h - v_threshold with a = alpha: "atan"
        ``(a/2) / (1 + (pi a u/2)^2)``, "sigmoid" ``a e / (1 + e)^2`` with ``e = exp(-a u)``, "fast_sigmoid" and "superspike" ``1 / (1 + a|u|)^2``, "triangle"
        ``max(0, a - a^2 |u|)``, "rectangle" ``a where |u| < 1/(2a)``, "gaussian" ``a exp(-(a u)^2 / 2) / sqrt(2 pi)``.
        None is for inference and keeps nothing for a backward pass.
    alpha : float > 0, optional
        Parameter of the surrogate; by default 2, 4, 25 (superspike 100), 1, 1, 1 in that order.
    v : Tensor, [B, ...], optional
        Potential before the first step; by default 0, or the resting potential of the convention.
    return_v : bool
        Also return the potential after the last step, [B, ...].
    checkpoint : bool, optional
        What to keep for the backward pass: the potential before each reset (False), or only the input, from which the
        potentials are recomputed (True), with half the memory but more time. By default the potential if this is
        enough. Results are bit-identical.
    steps : int >= 1, optional
        Number of steps; x is then [B, ...], the same input at each step (direct coding), and its gradient is the sum over
        the steps.
    backend : "core" or "torch"
        Implementation: the compiled core, on the CPU, or PyTorch's own operations, one step after another, on any device.
        The spikes are the same. The core also takes PyTorch's operations where a call is traced, compiled or transformed.
    **parameters
        spikelet: `tau_m` (float or Tensor, ms, 20), `dt` (ms, 1), or `decay` (float or Tensor), `gain` (1, or "normalized":
        ``1 - decay``, with which a constant x drives the potential to x), `reset` ("subtract", "zero", "value",
        "none"), `v_reset` (for "value"), `detach_reset` (True), `tau_syn` (ms: ``i[t] = exp(-dt/tau_syn) i[t-1] + x[t]``
        replaces x), `tau_adapt` and `boost` (threshold ``v_threshold + boost a``,
        ``a[t] = exp(-dt/tau_adapt) a[t-1] + spikes[t]``).
        snntorch (Leaky): `beta` (float or Tensor), `reset` ("subtract", "zero", "none"), `reset_delay` (True).
        spikingjelly (LIFNode; `tau` None: IFNode): `tau` (float or Tensor, 2.0), `decay_input` (True), `detach_reset` (False),
        `v_reset` (0.0; None: soft).
        norse (lif_feed_forward_step): `tau_mem_inv`, `tau_syn_inv` (1/s, 100, 200), `v_leak`, `v_reset`, `dt` (s, 0.001).

    Returns
    -------
    spikes : Tensor, [T, B, ...]
        0 and 1, of the type of x, for a raster of that of the computation; with `return_v`, also the last potential.

    Raises
    ------
    TypeError
        If x is not a tensor of floating-point numbers, uint8 or bool, another tensor cannot be converted to its type
        without loss, or a learnable tensor is given for a parameter that must be a number.
    ValueError
        If a parameter is unknown, out of range or of the wrong shape, or x has no dimension for time.

    Notes
    -----
    All gradients, including those of parameters that neurons share, are bit-identical for any number of threads
    (``torch.set_num_threads``) and on any processor.

    References
    ----------
    Neftci, Mostafa & Zenke, "Surrogate gradient learning in spiking neural networks", IEEE Signal Process. Mag. 36 (2019);
    Fang et al., "SpikingJelly", Sci. Adv. 9 (2023); Eshraghian et al., "Training spiking neural networks using lessons from
    deep learning", Proc. IEEE 111 (2023).
    """
    return_v = flag("lif", "return_v", return_v)
    made = setting("lif", convention, v_threshold, surrogate, alpha, parameters)
    result = run(
        "lif",
        x,
        made,
        v=v,
        inference=surrogate is None,
        checkpoint=checkpoint,
        steps=steps,
        backend=backend,
    )
    return (result.spikes, result.v) if return_v else result.spikes


def integrate(
    x: Tensor,
    *,
    tau_m: float | Tensor | None = None,
    dt: float = 1.0,
    decay: Any = None,
    gain: float | str = 1.0,
    v: Tensor | None = None,
    backend: Backend = "core",
) -> Tensor:
    """Leaky integration without spikes, as a readout; returns the potential after each step, [T, B, ...].

    Parameters and errors are those of `lif`; `tau_m` is 20 ms without `decay`.
    """
    parameters = {"tau_m": tau_m, "dt": dt, "decay": decay, "gain": gain, "reset": "none"}
    made = setting("integrate", "spikelet", 1.0, "atan", None, parameters)
    return run("integrate", x, made, v=v, give_spikes=False, give_v_seq=True, backend=backend).v_seq


def run(
    where: str,
    x: Tensor,
    made: Setting,
    *,
    v: Tensor | None = None,
    i: Tensor | None = None,
    a: Tensor | None = None,
    recurrent: Tensor | None = None,
    first_spikes: Tensor | None = None,
    give_spikes: bool = True,
    give_v_seq: bool = False,
    inference: bool = False,
    checkpoint: bool | None = None,
    steps: int | None = None,
    backend: Backend = "core",
) -> Run:
    """Run neurons of any setting; `lif`, `integrate` and the modules are based on it.

    Parameters
    ----------
    where : str
        The caller, for error messages.
    x : Tensor, [T, B, ...]
    made : Setting
    v, i, a, first_spikes : Tensor, [B, ...], optional
        State before the first step.
    recurrent : Tensor, [N, N], optional
        Recurrent weights (to, from), applied to the spikes of the previous step; x is then [T, B, N].
    give_spikes, give_v_seq : bool
        Whether to return the spikes and potentials of all steps; otherwise they are empty.
    inference : bool
        Keep nothing for a backward pass.
    checkpoint : bool, optional
    steps : int, optional
    backend : "core" or "torch"
        See `lif`.

    Returns
    -------
    Run
    """
    cell, given = made.cell, x
    if backend not in BACKENDS:
        choice(where, "backend", backend, *BACKENDS)
    checkpoint = None if checkpoint is None else flag(where, "checkpoint", checkpoint)
    if backend != "core" and checkpoint is not None:
        rule = f"must be None with backend={backend!r}: use torch.utils.checkpoint"
        fail(where, "checkpoint", checkpoint, rule)
    real = _real(given, (*made.tensors.values(), v, i, a, recurrent))
    x, steps = _checked_input(where, given, steps, real, backend)
    kind = real if given.dtype in RASTERS else given.dtype
    if recurrent is not None:
        x = x.expand(steps, *x.shape[1:])
        recurrent = _like(where, "recurrent", recurrent, x)
        if x.ndim != 3 or recurrent.shape != 2 * x.shape[2:]:
            rule = f"must be [N, N] for x of [T, B, N], {tuple(x.shape)}"
            fail(where, "recurrent", tuple(recurrent.shape), rule, got="shape")
    parameters: list[Tensor | None] = [None] * len(PARAMETERS)
    for name, tensor in made.tensors.items():
        named = made.names.get(name, name)
        parameters[PARAMETERS.index(name)] = _of_neurons(where, named, tensor, x)
    if v is None and made.v_first != 0:
        v = x.new_full(x.shape[1:], made.v_first)
    states: list[Tensor | None] = [
        None if state is None else _state(where, name, state, has, x)
        for name, state, has in (
            ("v", v, True),
            ("i", i, cell.synapse),
            ("a", a, cell.adaptive),
            ("first_spikes", first_spikes, recurrent is not None),
        )
    ]
    give = ("s" if give_spikes or recurrent is not None else "") + ("v" if give_v_seq else "")
    operands = (x, *parameters, *states, recurrent)
    keeps = not inference and torch.is_grad_enabled()
    refuse_tangents(*operands)
    if backend == "torch" or is_watched(*operands):
        with torch.set_grad_enabled(keeps):
            *states, first_spikes = states
            result = plain.neuron(x, parameters, states, recurrent, first_spikes, cell, give, steps)
        return _run(result, kind)
    keeps = keeps and any(t is not None and t.requires_grad for t in operands)
    if keeps:
        learned = any(t is not None and t.requires_grad for t in parameters)
        if recurrent is not None:
            give += "x"
        elif checkpoint is not True and cell.is_plain and not learned:
            give += "h"
        elif checkpoint is False:
            what = "learned parameters" if learned else "these neurons"
            rule = f"must be True or None for {what}: the backward pass needs the input"
            fail(where, "checkpoint", checkpoint, rule)
    with kept_as(given, x) if keeps and given.dtype in RASTERS else _grad_enabled(keeps):
        result = neuron(made, give, steps, x, parameters, states[:3], recurrent, states[3])
    return _run(result, kind)


_AS_IT_IS: AbstractContextManager[Any] = nullcontext()


def _grad_enabled(enabled: bool) -> AbstractContextManager[Any]:
    return _AS_IT_IS if torch.is_grad_enabled() == enabled else torch.set_grad_enabled(enabled)


def _run(result: tuple[Tensor, ...], kind: torch.dtype) -> Run:
    spikes, _, v_seq, *last = result
    return Run(spikes if spikes.dtype == kind else spikes.to(kind), v_seq, *last)


def _like(where: str, name: str, tensor: Any, x: Tensor) -> Tensor:
    """Return a tensor in the type of x; one that would lose digits is refused, unless it is a single number."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{where}: {name} must be a torch.Tensor, got {type(tensor).__name__}")
    dtype = tensor.dtype
    if dtype == x.dtype and tensor.device == x.device and tensor.layout == torch.strided:
        return tensor
    known = dtype in (*HALVES, torch.float32, torch.float64) or dtype in _INTEGERS
    wider = dtype == torch.float64 != x.dtype and tensor.ndim > 0
    if not known or wider or tensor.device != x.device or tensor.layout != torch.strided:
        what = f"{dtype} on {tensor.device}" + (
            "" if tensor.layout == torch.strided else f" with layout {tensor.layout}"
        )
        device = "the CPU" if x.device.type == "cpu" else str(x.device)
        rule = f"must be a {x.dtype} tensor on {device} like x"
        raise TypeError(f"{where}: {name} {rule}, got {what}; move it, or its module, with .to()")
    return tensor.to(x.dtype)


_INPUTS = (torch.float32, torch.float64, *HALVES, *RASTERS)
_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def _real(x: Any, others: Iterable[Tensor | None]) -> torch.dtype:
    """Return the type in which a raster is computed: that of the first floating-point tensor, or the default."""
    if isinstance(x, Tensor) and x.dtype in RASTERS:
        for tensor in others:
            if isinstance(tensor, Tensor) and tensor.is_floating_point():
                return torch.float32 if tensor.dtype in HALVES else tensor.dtype
    return torch.get_default_dtype()


def kept_as(given: Tensor, x: Tensor) -> AbstractContextManager[Any]:
    """Keep the bytes of a raster for the backward pass, in place of x, made of it."""
    kind, at, shape = x.dtype, x.data_ptr(), x.shape

    def pack(tensor: Tensor) -> tuple[bool, Tensor]:
        is_x = tensor.data_ptr() == at and tensor.shape == shape
        return is_x, given if is_x else tensor

    def unpack(packed: tuple[bool, Tensor]) -> Tensor:
        is_x, tensor = packed
        return tensor.to(kind).expand(shape).reshape(shape) if is_x else tensor

    hooks: AbstractContextManager[Any] = torch.autograd.graph.saved_tensors_hooks(pack, unpack)
    return hooks


def _checked_input(
    where: str, x: Any, steps: int | None, real: torch.dtype, backend: Backend
) -> tuple[Tensor, int]:
    """Return the input as [T, B, ...], or as [1, B, ...] if it is the same at each step, and the number of steps."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{where}: x must be a torch.Tensor, got {type(x).__name__}")
    if x.dtype not in _INPUTS or x.layout != torch.strided:
        rule = "must be a dense tensor of float32, float64, bfloat16, float16, uint8 or bool"
        raise TypeError(f"{where}: x {rule}, got {x.dtype} {x.layout} on {x.device}")
    if backend == "core" and x.device.type != "cpu":
        rule = 'with backend="core" must be on the CPU'
        hint = 'move it with .cpu(), or choose backend="torch", which computes on any device'
        raise TypeError(f"{where}: x {rule}, got {x.dtype} on {x.device}; {hint}")
    x = x.to(real) if x.dtype in RASTERS else single(x)
    if steps is not None:
        steps = integer(where, "steps", steps, 1, 2**31 - 1)
        if x.ndim < 1:
            fail(where, "x", tuple(x.shape), "must be [B, ...]", got="shape")
        return x[None], steps
    if x.ndim < 2 or x.shape[0] == 0:
        fail(where, "x", tuple(x.shape), "must be [T, B, ...] with T >= 1", got="shape")
    return x, x.shape[0]


def _of_neurons(where: str, name: str, tensor: Tensor, x: Tensor) -> Tensor:
    """Return a parameter that broadcasts to the neurons of x."""
    tensor = _like(where, name, tensor, x)
    features = x.shape[2:]
    while tensor.ndim > len(features) and tensor.shape[0] == 1:
        tensor = tensor[0]
    pairs = zip(reversed(tensor.shape), reversed(features), strict=False)
    if tensor.ndim > len(features) or any(n not in (1, m) for n, m in pairs):
        rule = f"must broadcast to the neurons of x, {tuple(features)}"
        fail(where, name, tuple(tensor.shape), rule, got="shape")
    return tensor


def _state(where: str, name: str, state: Tensor, has: bool, x: Tensor) -> Tensor:
    """Return a state before the first step, [B, ...]."""
    state = _like(where, name, state, x)
    if not has or state.shape != x.shape[1:]:
        rule = (
            f"must have the shape {tuple(x.shape[1:])} of one step"
            if has
            else "is a state that these neurons do not have"
        )
        fail(where, name, tuple(state.shape), rule, got="shape")
    return state
