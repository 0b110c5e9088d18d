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
    x, v_first, leaks, thresholds, numbers, spikes, charged, potentials,
    v_last, steps, size,
    x_step: tl.constexpr, leak_step: tl.constexpr, threshold_step: tl.constexpr,
    charge: tl.constexpr, reset: tl.constexpr, late: tl.constexpr, strict: tl.constexpr,
    give_spikes: tl.constexpr, give_charged: tl.constexpr, give_potentials: tl.constexpr,
    block: tl.constexpr,
):  # fmt: skip
    """Step neurons forward: h, spikes, and the potential after each step, of x [steps or 1, size]."""
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    row_size = tl.full((), 0, tl.int64) + size  # a size of 1 is no tensor
    inside = at < size
    v = tl.load(v_first + at, mask=inside)
    leak = tl.load(leaks + at * leak_step, mask=inside, other=1.0)
    threshold = tl.load(thresholds + at * threshold_step, mask=inside)
    gain, rest, v_reset = tl.load(numbers), tl.load(numbers + 1), tl.load(numbers + 2)
    for t in range(steps):
        row = t * row_size + at
        seen = tl.load(x + (t * row_size) * x_step + at, mask=inside)
        h = _charged(v, seen, leak, gain, rest, charge)
        if late:
            h = h - tl.where(_crossed(v - threshold, strict), threshold, 0.0)
        fired = _crossed(h - threshold, strict)
        v = h
        if reset == SUBTRACT and not late:
            v = h - tl.where(fired, threshold, 0.0)
        if reset == VALUE:
            v = tl.where(fired, v_reset, h)
        if give_spikes:
            tl.store(spikes + row, tl.where(fired, 1.0, 0.0), mask=inside)
        if give_charged:
            tl.store(charged + row, h, mask=inside)
        if give_potentials:
            tl.store(potentials + row, v, mask=inside)
    tl.store(v_last + at, v, mask=inside)


@triton.jit
def backward(
    charged, v_first, leaks, thresholds, numbers, by_spikes, by_potentials, by_last,
    by_x, by_first, by_leaks, by_thresholds, steps, size,
    x_step: tl.constexpr, leak_step: tl.constexpr, threshold_step: tl.constexpr,
    charge: tl.constexpr, reset: tl.constexpr, late: tl.constexpr, strict: tl.constexpr, detached: tl.constexpr,
    surrogate: tl.constexpr, has_spikes: tl.constexpr, has_potentials: tl.constexpr, has_last: tl.constexpr,
    block: tl.constexpr,
):  # fmt: skip
    """Step back from the last step: gradients of x, of the first potential, and of leak and threshold of each neuron."""
    at = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    row_size = tl.full((), 0, tl.int64) + size  # a size of 1 is no tensor
    inside = at < size
    start = tl.load(v_first + at, mask=inside)
    leak = tl.load(leaks + at * leak_step, mask=inside, other=1.0)
    threshold = tl.load(thresholds + at * threshold_step, mask=inside)
    gain, rest, v_reset, alpha = (
        tl.load(numbers), tl.load(numbers + 1), tl.load(numbers + 2), tl.load(numbers + 3)
    )  # fmt: skip
    carry = start * 0
    if has_last:
        carry = tl.load(by_last + at, mask=inside)
    by_leak, by_threshold, sum_by_x = start * 0, start * 0, start * 0
    h = tl.load(charged + (steps - 1) * row_size + at, mask=inside)
    for back in range(steps):
        t = steps - 1 - back
        row = t * row_size + at
        # The potential before this step follows from h of the step before.
        before = tl.load(charged + tl.maximum(row - row_size, at), mask=inside)
        v = before
        if reset == SUBTRACT and not late:
            v = before - tl.where(_crossed(before - threshold, strict), threshold, 0.0)
        if reset == VALUE:
            v = tl.where(_crossed(before - threshold, strict), v_reset, before)
        v = tl.where(row >= row_size, v, start)
        slope = _slope(h - threshold, alpha, surrogate)
        by_spike = start * 0
        if has_spikes:
            by_spike = tl.load(by_spikes + row, mask=inside)
        by_v = carry
        if has_potentials:
            by_v = by_v + tl.load(by_potentials + row, mask=inside)
        fired = tl.where(_crossed(h - threshold, strict), 1.0, 0.0).to(h.dtype)
        by_h = by_spike * slope + by_v
        by_threshold -= by_spike * slope
        if reset == SUBTRACT and not late:
            by_threshold -= by_v * fired
            if not detached:
                by_h -= by_v * threshold * slope
                by_threshold += by_v * threshold * slope
        if reset == VALUE:
            by_h -= by_v * fired
            if not detached:
                by_h += by_v * (v_reset - h) * slope
                by_threshold -= by_v * (v_reset - h) * slope
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
        if x_step:
            tl.store(by_x + row, by_input, mask=inside)
        else:
            sum_by_x += by_input
        h = before
    if x_step == 0:
        tl.store(by_x + at, sum_by_x, mask=inside)
    tl.store(by_first + at, carry, mask=inside)
    tl.store(by_leaks + at, by_leak, mask=inside)
    tl.store(by_thresholds + at, by_threshold, mask=inside)
