"""Neurons over all steps as Triton kernels, forward and backward: for CUDA tensors, or Triton's interpreter.

One program steps a block of neurons through time, with their state in registers. The equations and their order are those of
the core (``train/fused_rows.hpp``), and products and sums are not contracted, so that spikes are the same.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["backward", "forward", "interpreted"]

# Numbers of `Charge`, `Reset` and `Surrogate` of the core, which kernels see as constants.
RELAX_INPUT, RELAX = tl.constexpr(1), tl.constexpr(2)
SUBTRACT, VALUE = tl.constexpr(0), tl.constexpr(1)
ATAN, SIGMOID, FAST_SIGMOID = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)
TRIANGLE, RECTANGLE, GAUSSIAN = tl.constexpr(3), tl.constexpr(4), tl.constexpr(5)


def interpreted() -> bool:
    """Return whether kernels run in Triton's interpreter, on CPU tensors: TRITON_INTERPRET=1 when this was imported."""
    return type(forward).__name__ == "InterpretedFunction"


@triton.jit
def _crossed(u, strict: tl.constexpr):
    return u > 0 if strict else u >= 0


@triton.jit
def _quotient(a, b):
    # A plain division of float32 is approximate.
    return a / b if a.dtype == tl.float64 else tl.div_rn(a, b)


@triton.jit
def _charged(v, x, leak, gain, rest, charge: tl.constexpr):
    if charge == RELAX_INPUT:
        h = v + _quotient(gain * x - (v - rest), leak)
    elif charge == RELAX:
        h = v - _quotient(v - rest, leak) + gain * x
    else:
        h = leak * v + gain * x
    return h


@triton.jit
def _slope(u, alpha, kind: tl.constexpr):
    if kind == ATAN:
        scaled = 1.5707963267948966 * alpha * u
        slope = alpha / 2 / (1 + scaled * scaled)
    elif kind == SIGMOID:
        e = tl.exp(-alpha * tl.abs(u))
        slope = alpha * e / ((1 + e) * (1 + e))
    elif kind == FAST_SIGMOID:
        width = 1 + alpha * tl.abs(u)
        slope = 1 / (width * width)
    elif kind == TRIANGLE:
        slope = tl.maximum(alpha - alpha * alpha * tl.abs(u), 0.0)
    elif kind == RECTANGLE:
        slope = tl.where(tl.abs(u) < 1 / (2 * alpha), alpha, 0.0)
    else:
        slope = alpha / 2.5066282746310002 * tl.exp(-(alpha * u) * (alpha * u) / 2)
    return slope


@triton.jit
def forward(
    x, v_first, i_first, a_first, leaks, thresholds, syn_decays, adapt_decays, boosts, numbers,
    spikes, charged, currents, adaptations, potentials, v_last, i_last, a_last, steps, size,
    x_step: tl.constexpr, leak_step: tl.constexpr, threshold_step: tl.constexpr, syn_step: tl.constexpr,
    adapt_step: tl.constexpr, boost_step: tl.constexpr,
    charge: tl.constexpr, reset: tl.constexpr, late: tl.constexpr, strict: tl.constexpr, synapse: tl.constexpr,
    adaptive: tl.constexpr, give_spikes: tl.constexpr, keep: tl.constexpr, give_potentials: tl.constexpr,
    block: tl.constexpr,
):  # fmt: skip
    """Step neurons forward over an input [steps or 1, size]: spikes, potentials after each step, and the last states.

    With `keep`, what `backward` needs of each step: the potential before the reset, the current and the adaptation before it.
    """
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    row_size = tl.full((), 0, tl.int64) + size  # a size of 1 is no tensor
    inside = at < size
    v = tl.load(v_first + at, mask=inside)
    leak = tl.load(leaks + at * leak_step, mask=inside, other=1.0)
    threshold = tl.load(thresholds + at * threshold_step, mask=inside)
    gain, rest, v_reset = tl.load(numbers), tl.load(numbers + 1), tl.load(numbers + 2)
    if synapse:
        i = tl.load(i_first + at, mask=inside)
        syn_decay = tl.load(syn_decays + at * syn_step, mask=inside)
    if adaptive:
        a = tl.load(a_first + at, mask=inside)
        adapt_decay = tl.load(adapt_decays + at * adapt_step, mask=inside)
        boost = tl.load(boosts + at * boost_step, mask=inside)
    for t in range(steps):
        row = t * row_size + at
        seen = tl.load(x + (t * row_size) * x_step + at, mask=inside)
        if synapse:
            if keep:
                tl.store(currents + row, i, mask=inside)
            i = syn_decay * i + seen
            seen = i
        h = _charged(v, seen, leak, gain, rest, charge)
        if late:
            h = h - tl.where(_crossed(v - threshold, strict), threshold, 0.0)
        limit = threshold
        if adaptive:
            limit = threshold + boost * a
        fired = _crossed(h - limit, strict)
        v = h
        if reset == SUBTRACT and not late:
            v = h - tl.where(fired, threshold, 0.0)
        if reset == VALUE:
            v = tl.where(fired, v_reset, h)
        if keep:
            tl.store(charged + row, h, mask=inside)
        if adaptive:
            if keep:
                tl.store(adaptations + row, a, mask=inside)
            a = adapt_decay * a + tl.where(fired, 1.0, 0.0).to(h.dtype)
        if give_spikes:
            tl.store(spikes + row, tl.where(fired, 1.0, 0.0), mask=inside)
        if give_potentials:
            tl.store(potentials + row, v, mask=inside)
    tl.store(v_last + at, v, mask=inside)
    if synapse:
        tl.store(i_last + at, i, mask=inside)
    if adaptive:
        tl.store(a_last + at, a, mask=inside)


@triton.jit
def backward(
    charged, currents, adaptations, v_first, leaks, thresholds, syn_decays, adapt_decays, boosts, numbers,
    by_spikes, by_potentials, by_v_last, by_i_last, by_a_last,
    by_x, by_v_first, by_i_first, by_a_first, by_leaks, by_thresholds, by_syn_decays, by_adapt_decays, by_boosts,
    steps, size,
    x_step: tl.constexpr, leak_step: tl.constexpr, threshold_step: tl.constexpr, syn_step: tl.constexpr,
    adapt_step: tl.constexpr, boost_step: tl.constexpr,
    charge: tl.constexpr, reset: tl.constexpr, late: tl.constexpr, strict: tl.constexpr, synapse: tl.constexpr,
    adaptive: tl.constexpr, detached: tl.constexpr, surrogate: tl.constexpr, has_spikes: tl.constexpr,
    has_potentials: tl.constexpr, has_v: tl.constexpr, has_i: tl.constexpr, has_a: tl.constexpr,
    block: tl.constexpr,
):  # fmt: skip
    """Step back from the last step: gradients of x, of the first states, and of the parameters of each neuron."""
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    row_size = tl.full((), 0, tl.int64) + size
    inside = at < size
    start = tl.load(v_first + at, mask=inside)
    leak = tl.load(leaks + at * leak_step, mask=inside, other=1.0)
    threshold = tl.load(thresholds + at * threshold_step, mask=inside)
    gain, rest, v_reset, alpha = (
        tl.load(numbers), tl.load(numbers + 1), tl.load(numbers + 2), tl.load(numbers + 3)
    )  # fmt: skip
    zero = start * 0
    carry, carry_i, carry_a = zero, zero, zero
    if has_v:
        carry = tl.load(by_v_last + at, mask=inside)
    if has_i:
        carry_i = tl.load(by_i_last + at, mask=inside)
    if has_a:
        carry_a = tl.load(by_a_last + at, mask=inside)
    by_leak, by_threshold, sum_by_x = zero, zero, zero
    by_syn_decay, by_adapt_decay, by_boost = zero, zero, zero
    last = (steps - 1) * row_size + at
    h = tl.load(charged + last, mask=inside)
    limit = threshold
    if synapse:
        syn_decay = tl.load(syn_decays + at * syn_step, mask=inside)
    if adaptive:
        adapt_decay = tl.load(adapt_decays + at * adapt_step, mask=inside)
        boost = tl.load(boosts + at * boost_step, mask=inside)
        a = tl.load(adaptations + last, mask=inside)
        limit = threshold + boost * a
    for back in range(steps):
        row = (steps - 1 - back) * row_size + at
        # The potential before this step follows from that before the reset of the step before.
        earlier = tl.maximum(row - row_size, at)
        before = tl.load(charged + earlier, mask=inside)
        limit_before = threshold
        if adaptive:
            a_before = tl.load(adaptations + earlier, mask=inside)
            limit_before = threshold + boost * a_before
        v = before
        if reset == SUBTRACT and not late:
            v = before - tl.where(_crossed(before - limit_before, strict), threshold, 0.0)
        if reset == VALUE:
            v = tl.where(_crossed(before - limit_before, strict), v_reset, before)
        v = tl.where(row >= row_size, v, start)
        slope = _slope(h - limit, alpha, surrogate)
        by_spike = carry_a
        if has_spikes:
            by_spike = by_spike + tl.load(by_spikes + row, mask=inside)
        by_v = carry
        if has_potentials:
            by_v = by_v + tl.load(by_potentials + row, mask=inside)
        fired = tl.where(_crossed(h - limit, strict), 1.0, 0.0).to(h.dtype)
        by_h = by_v
        if reset == SUBTRACT and not late:
            by_threshold -= by_v * fired
            if not detached:
                by_spike -= by_v * threshold
        if reset == VALUE:
            by_h -= by_v * fired
            if not detached:
                by_spike += by_v * (v_reset - h)
        by_u = by_spike * slope
        by_h += by_u
        by_threshold -= by_u
        if adaptive:
            by_boost -= by_u * a
            by_adapt_decay += carry_a * a
            carry_a = carry_a * adapt_decay - by_u * boost
            a = a_before
        if late:
            by_threshold -= by_h * tl.where(_crossed(v - threshold, strict), 1.0, 0.0).to(h.dtype)
        if charge == RELAX_INPUT:
            by_input = by_h * gain / leak
            carry = by_h * (1 - 1 / leak)
            if late:
                h = h + tl.where(_crossed(v - threshold, strict), threshold, 0.0)
            by_leak -= by_h * (h - v) / leak
        elif charge == RELAX:
            by_input = by_h * gain
            carry = by_h * (1 - 1 / leak)
            by_leak += by_h * (v - rest) / (leak * leak)
        else:
            by_input = by_h * gain
            carry = by_h * leak
            by_leak += by_h * v
        if synapse:
            by_input += carry_i
            carry_i = by_input * syn_decay
            by_syn_decay += by_input * tl.load(currents + row, mask=inside)
        if x_step:
            tl.store(by_x + row, by_input, mask=inside)
        else:
            sum_by_x += by_input
        h = before
        limit = limit_before
    if x_step == 0:
        tl.store(by_x + at, sum_by_x, mask=inside)
    tl.store(by_v_first + at, carry, mask=inside)
    tl.store(by_leaks + at, by_leak, mask=inside)
    tl.store(by_thresholds + at, by_threshold, mask=inside)
    if synapse:
        tl.store(by_i_first + at, carry_i, mask=inside)
        tl.store(by_syn_decays + at, by_syn_decay, mask=inside)
    if adaptive:
        tl.store(by_a_first + at, carry_a, mask=inside)
        tl.store(by_adapt_decays + at, by_adapt_decay, mask=inside)
        tl.store(by_boosts + at, by_boost, mask=inside)
