"""Spiking neurons in plain PyTorch, step after step: what the fused kernels are compared with.

Written from the equations that snnTorch, SpikingJelly and Norse document, and compared with each of them by
bench/python/compare_training.py. Nothing here is fast; autograd computes the backward pass, except for the derivative of a spike.

`simulate` is the general neuron; `lif` takes the parameters of the library whose convention it follows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

Tensor = torch.Tensor
Number = float | Tensor
Slope = Callable[[Tensor], Tensor]

SURROGATES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "atan": lambda u, a: (a / 2) / (1 + (math.pi / 2 * a * u) ** 2),
    # e / (1 + e)^2 is the same for e = exp(-a u) and its inverse; this one does not overflow.
    "sigmoid": lambda u, a: a * torch.exp(-a * u.abs()) / (1 + torch.exp(-a * u.abs())) ** 2,
    "fast_sigmoid": lambda u, a: 1 / (1 + a * u.abs()) ** 2,
    "superspike": lambda u, a: 1 / (1 + a * u.abs()) ** 2,
    "triangle": lambda u, a: (a - a * a * u.abs()).clamp(min=0),
    "rectangle": lambda u, a: a * (u.abs() < 1 / (2 * a)).to(u),
    "gaussian": lambda u, a: a / math.sqrt(2 * math.pi) * torch.exp(-((a * u) ** 2) / 2),
}
"""What stands for the derivative of a spike by u = potential - threshold."""


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, strict: bool, slope: Slope) -> Tensor:
        ctx.save_for_backward(u)
        ctx.slope = slope
        return ((u > 0) if strict else (u >= 0)).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (u,) = ctx.saved_tensors
        return grad * ctx.slope(u), None, None


def spike(u: Tensor, strict: bool, surrogate: str | Slope | None, alpha: float) -> Tensor:
    """Return 1 where u is above 0, with the derivative of the surrogate; None: none."""
    if surrogate is None:
        return ((u > 0) if strict else (u >= 0)).to(u.dtype)
    if callable(surrogate):
        return _Spike.apply(u, strict, surrogate)
    function = SURROGATES[surrogate]
    return _Spike.apply(u, strict, lambda at: function(at, alpha))


def simulate(
    x: Tensor,
    charge: Callable[[Tensor, Tensor], Tensor],
    *,
    v: Number = 0.0,
    v_threshold: Number = 1.0,
    strict: bool = False,
    surrogate: str | Slope | None = "atan",
    alpha: float = 2.0,
    reset: str = "subtract",
    v_reset: Number = 0.0,
    when: str = "same",
    detach_reset: bool = True,
    syn_decay: Number | None = None,
    adapt_decay: Number | None = None,
    boost: Number = 0.0,
    recurrent: Tensor | None = None,
) -> dict[str, Tensor]:
    """Run neurons on `x`, [T, B, ...].

    At each step the input charges the potential, h = charge(v, input), and there is a spike where h reaches v_threshold
    (strict: is above it). With `recurrent`, s[t-1] @ recurrent.T is added to the input; with `syn_decay` the current
    i[t] = syn_decay i[t-1] + input takes its place. With `adapt_decay` the threshold of spikes, not that of resets, is
    v_threshold + boost a[t-1], a[t] = adapt_decay a[t-1] + s[t].

    `reset` takes v_threshold off ("subtract"), sets v_reset ("value") or is "none". With when="same" it happens in the
    step of the spike, and `detach_reset` cuts the gradient from it to the spike. With when="next" a potential that is
    above v_threshold is reset in the next step: "value" before the charge, "subtract" after it; this has no gradient.
    "both" does the second and then the first, less what the second did.

    Returns spikes, charged (h) and v (after reset), [T, B, ...], and what the last step leaves: last_v, last_i, last_a.
    """
    assert reset in ("subtract", "value", "none")
    assert when in ("same", "next", "both")

    def crossed(u: Tensor) -> Tensor:
        return spike(u, strict, surrogate, alpha)

    zero = torch.zeros_like(x[0])
    potential, current, adaptation, s = zero + v, zero, zero, zero
    found: dict[str, list[Tensor]] = {"spikes": [], "charged": [], "v": []}
    for given in x:
        seen = given if recurrent is None else given + s @ recurrent.T
        if syn_decay is not None:
            seen = current = syn_decay * current + seen
        limit = v_threshold if adapt_decay is None else v_threshold + boost * adaptation
        late = zero
        if when != "same" and reset != "none":
            late = crossed(potential - v_threshold).detach()
        if reset == "value":
            potential = (1 - late) * potential + late * v_reset
        h = charge(potential, seen)
        if reset == "subtract":
            h = h - late * v_threshold
        s = crossed(h - limit)
        now = zero
        if when != "next":
            now = (s.detach() if detach_reset else s) - late
        potential = h
        if reset == "subtract":
            potential = h - now * v_threshold
        elif reset == "value":
            potential = (1 - now) * h + now * v_reset
        if adapt_decay is not None:
            adaptation = adapt_decay * adaptation + s
        for name, value in (("spikes", s), ("charged", h), ("v", potential)):
            found[name].append(value)
    states = {"last_v": potential, "last_i": current, "last_a": adaptation}
    return {name: torch.stack(values) for name, values in found.items()} | states


def lif(
    x: Tensor,
    *,
    convention: str = "spikelet",
    surrogate: str | Slope | None = "atan",
    alpha: float = 2.0,
    v_threshold: Number = 1.0,
    v: Tensor | None = None,
    return_v: bool = False,
    checkpoint: int | None = None,
    **parameters: Any,
) -> Any:
    """Return the spikes of `x`, [T, B, ...], and with `return_v` the potential after the last step.

    `parameters` are those of the convention (see the functions below), and those of `simulate` that it leaves free, such
    as `syn_decay`, `adapt_decay`, `boost` and `recurrent`.
    """
    given = {"v_threshold": v_threshold, "surrogate": surrogate, "alpha": alpha} | parameters
    lower = {
        "spikelet": _spikelet,
        "snntorch": _snntorch,
        "spikingjelly": _spikingjelly,
        "norse": _norse,
    }
    charge, general = lower[convention](**given)
    if v is not None:
        general["v"] = v
    found = simulate(x, charge, **general)
    return (found["spikes"], found["last_v"]) if return_v else found["spikes"]


Lowered = tuple[Callable[[Tensor, Tensor], Tensor], dict[str, Any]]


def _spikelet(
    *, beta: Number = 0.9, reset: str = "subtract", v_reset: Number = 0.0, reset_delay: bool = False,
    **general: Any,
) -> Lowered:  # fmt: skip
    """h = beta v + x; s = (h >= v_threshold); the reset has no gradient unless detach_reset=False."""
    general |= {"reset": "value" if reset == "zero" else reset, "v_reset": v_reset}
    general["when"] = "next" if reset_delay else "same"
    return lambda v, x: beta * v + x, general


def _snntorch(
    *, beta: Number, reset: str = "subtract", reset_delay: bool = True, **general: Any
) -> Lowered:
    """snn.Leaky: h = beta v + x, beta in [0, 1]; s = (h > v_threshold); reset "subtract", "zero" or "none".

    The reset comes a step late and without a gradient; without reset_delay at once too, with one, less the late one.
    """
    if isinstance(beta, Tensor):
        beta = beta.clamp(0, 1)
    general |= {"reset": "value" if reset == "zero" else reset, "strict": True}
    general |= {"when": "next" if reset_delay else "both", "detach_reset": False}
    return lambda v, x: beta * v + x, general


def _spikingjelly(
    *, tau: Number | None, decay_input: bool = True, v_reset: float | None = 0.0, detach_reset: bool = False,
    **general: Any,
) -> Lowered:  # fmt: skip
    """neuron.LIFNode, neuron.IFNode (tau None): s = (h >= v_threshold); v_reset None: the threshold is subtracted.

    h = v + (x - (v - rest)) / tau; with decay_input=False v - (v - rest) / tau + x; rest is v_reset, or 0.
    """
    rest = 0.0 if v_reset is None else v_reset
    general |= {"reset": "subtract" if v_reset is None else "value", "v_reset": rest}
    general |= {"detach_reset": detach_reset, "v": rest}
    if tau is None:
        return lambda v, x: v + x, general
    if decay_input:
        return lambda v, x: v + (x - (v - rest)) / tau, general
    return lambda v, x: v - (v - rest) / tau + x, general


def _norse(
    *, tau_mem_inv: Number = 100.0, tau_syn_inv: Number | None = 200.0, v_leak: Number = 0.0,
    v_reset: Number = 0.0, dt: float = 0.001, **general: Any,
) -> Lowered:  # fmt: skip
    """lif_feed_forward_step: i += x; h = v + dt tau_mem_inv ((v_leak - v) + i); i -= dt tau_syn_inv i.

    s = (h > v_threshold); the reset sets v_reset and has a gradient. It starts from v_leak. tau_syn_inv None: no
    current, as in lif_box_feed_forward_step.
    """
    general |= {
        "reset": "value",
        "v_reset": v_reset,
        "strict": True,
        "detach_reset": False,
        "v": v_leak,
    }
    if tau_syn_inv is not None:
        # i before its decay, as it acts on v, is what simulate holds.
        general["syn_decay"] = 1 - dt * tau_syn_inv
    return lambda v, x: v + dt * tau_mem_inv * ((v_leak - v) + x), general
