"""How ONNX says layers with a state: each step maps states and inputs to new states and an output, within a scan over time.

A scan keeps the number of steps open, and the graph as small as one step.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from spikelet import layers
from spikelet.conversion.to_onnx.builder import Arithmetic, Builder
from spikelet.conversion.to_onnx.rows import row_of
from spikelet.layers import Shape
from spikelet.layers.neurons import Synaptic, running_counts
from spikelet.layers.predictive import PredictiveNeuron

States = dict[str, str]


class Step(NamedTuple):
    """A layer with a state.

    Parameters
    ----------
    start : callable
        ``start(layer, shapes, shape)`` returns the states before the first step of one sample, by name.
    step : callable
        ``step(b, layer, xs, states, shapes, shape)`` adds the operators of a step, puts the new states in place of those
        before, and returns the output.
    """

    start: Callable[[Any, list[Shape], Shape], dict[str, Any]]
    step: Callable[[Builder, Any, list[str], States, list[Shape], Shape], str]


def step_of(layer: layers.Layer) -> Step | None:
    """Return the row of the nearest class."""
    return next((STEPS[kind] for kind in type(layer).__mro__ if kind in STEPS), None)


def _filled(value: Any, shape: Shape) -> Any:
    """Return a parameter, one number, one a channel or one a neuron, for a sample of this shape."""
    if np.ndim(value) == 1 and len(shape) > 1:
        value = np.reshape(value, (-1, *[1] * (len(shape) - 1)))
    return np.broadcast_to(value, shape)


def _neuron_start(layer: Any, _: Any, shape: Shape) -> dict[str, Any]:
    states = {"v": _filled(layer.v_init, shape)}
    if isinstance(layer, Synaptic) and layer.has_synapse:
        states["i"] = np.zeros(shape)
    if isinstance(layer, layers.ALIF):
        states["a"] = np.zeros(shape)
    return states


def _neuron(b: Builder, layer: Any, xs: list[str], states: States, _: Any, shape: Shape) -> str:
    o = Arithmetic(b)

    def number(value: Any) -> Any:
        return value if np.ndim(value) == 0 else _filled(value, shape)

    def sum_of(*terms: tuple[Any, str]) -> str:
        """Return the sum of products with numbers, from left to right, without those that change nothing."""
        products = [
            x if np.all(np.equal(factor, 1)) else o.Mul(number(factor), x)
            for factor, x in terms
            if np.any(factor)
        ]
        return reduce(o.Add, products)

    v, x = states["v"], xs[0]
    decay, gain = layer.coefficients()
    terms = [(decay, v)]
    if "i" in states:
        before = states["i"]
        syn_decay, syn_gain, pull = layer.synapse()
        states["i"] = sum_of((syn_decay, before), (syn_gain, x))
        terms += [(gain, states["i"])] if pull is None else [(pull, before), (gain, x)]
    else:
        terms.append((gain, x))
    h = sum_of(*terms)
    if np.any(getattr(layer, "drive", 0.0)):
        h = o.Add(h, number(layer.drive))
    if isinstance(layer, layers.LI):
        states["v"] = h
        return h
    threshold = level = b.constant(number(layer.threshold), "threshold")
    if layer.reset_delay:
        h = o.Sub(h, o.Mul(b.crossed(v, threshold, strict=layer.strict), threshold))
    if "a" in states:
        adapt_decay, boost = layer.adaptation()
        level = o.Add(threshold, o.Mul(number(boost), states["a"]))
    spikes = b.crossed(h, level, strict=layer.strict)
    if "a" in states:
        states["a"] = o.Add(o.Mul(number(adapt_decay), states["a"]), spikes)
    states["v"] = h
    if layer.reset == "subtract" and not layer.reset_delay:
        states["v"] = o.Sub(h, o.Mul(spikes, threshold))
    elif layer.reset in ("zero", "value"):
        value = layer.v_reset if layer.reset == "value" else 0.0
        states["v"] = o.Where(o.Greater(spikes, 0.0), number(value), h)
    return sum_of((layer.amplitude, spikes)) if np.any(layer.amplitude) else o.Mul(spikes, 0.0)


def _at_step(b: Builder, t: str, table: Any, axes: int = 0) -> str:
    """Return the entry of step t of a table [T], or [T, channels] for samples of so many axes."""
    largest = np.finfo(b.real).max
    rows = np.reshape(table, (len(table), *([-1, *[1] * (axes - 1)] if axes else [])))
    place = b.add("Cast", t, to=TensorProto.INT64)
    return b.add("Gather", b.constant(np.clip(rows, -largest, largest), "schedule"), place, axis=0)


def _predictive_start(layer: Any, _: Any, shape: Shape) -> dict[str, Any]:
    return {"v": _filled(layer.v_init, shape), "sent": np.zeros(shape), "t": np.zeros(())}


def _predictive(b: Builder, layer: Any, xs: list[str], states: States, _: Any, shape: Shape) -> str:
    """Write neurons with a schedule: at step t they compare an estimate with what they have sent."""
    o, t, sent = Arithmetic(b), states["t"], states["sent"]

    def now(name: str) -> str:
        return _at_step(b, t, getattr(layer, name), len(shape))

    size: Any = 1.0 if layer.sizes is None else _at_step(b, t, layer.sizes)
    states["v"] = o.Add(states["v"], o.Mul(xs[0], size))
    estimate = o.Mul(states["v"], now("pace"))
    if isinstance(layer, layers.PredictiveIF):
        sign = o.Sign(size)
        spikes = b.crossed(o.Mul(o.Sub(estimate, sent), sign), now("limit"))
        if layer.ceiling is not None:
            spikes = o.Mul(spikes, b.crossed(now("ceiling"), o.Mul(sent, sign)))
    else:
        spikes = _pair(b, layer, o.Add(estimate, now("offset")), sent, size, now, shape)
    states["sent"] = o.Add(sent, o.Mul(spikes, size))
    states["t"] = o.Add(t, 1.0)
    return o.Mul(spikes, _filled(layer.amplitude, shape))


def _pair(
    b: Builder, layer: Any, aim: str, sent: str, size: Any, now: Callable[[str], str], shape: Shape
) -> str:
    """Return the spikes of ON and OFF neurons: the largest size that is nearer than the next smaller one."""
    o = Arithmetic(b)
    if isinstance(layer, layers.PredictiveActivation):
        row = row_of(layer.activation)
        assert row is not None
        value = row(b, layer.activation, [aim], [shape], shape)
        aim = o.Mul(value, _filled(layer.scale, shape))
    else:
        aim = o.Relu(aim)
        aim = aim if layer.ceiling is None else o.Min(aim, now("ceiling"))
    ahead = o.Sub(aim, sent)
    distance, gains = o.Abs(ahead), layer.level_ratio ** np.arange(layer.levels)
    bound = o.Mul(now("limit"), gains[-1])
    spike: Any = 0.0
    for k in reversed(range(layer.levels)):
        following = gains[k + 1] if k + 1 < layer.levels else -gains[k]
        least = o.Max(bound, o.Mul(size, (gains[k] + following) / 2))
        spike = o.Where(o.GreaterOrEqual(distance, least), gains[k], spike)
    return o.Mul(o.Sign(ahead), spike)


def _delay_start(layer: Any, _: Any, shape: Shape) -> dict[str, Any]:
    return {f"step{k}": np.zeros(shape) for k in range(int(np.max(layer.steps)))}


def _delay(b: Builder, layer: Any, xs: list[str], states: States, _: Any, shape: Shape) -> str:
    """Write a line of earlier inputs: state k is the one of k + 1 steps before. The input may come later, if all do."""
    line = [*(xs or [""]), *states.values()]
    steps = _filled(layer.steps, shape)
    parts = []
    for k in np.unique(steps).tolist():
        mask = (steps == k).astype(float)
        parts.append(line[k] if mask.all() else b.add("Mul", line[k], b.constant(mask, "mask")))
    if xs:
        shifted(states, xs[0])
    first, *others = parts
    for other in others:
        first = b.add("Add", first, other)
    return first


def shifted(states: States, x: str) -> None:
    """Put an input in front of a line of earlier ones."""
    states.update(zip(list(states), [x, *states.values()], strict=False))


def _delayed_start(layer: Any, _: Any, _shape: Shape) -> dict[str, Any]:
    out, longest = len(layer.weight), int(np.max(layer.delay))
    bias = np.zeros(out) if layer.bias is None else layer.bias
    return {"ring": np.broadcast_to(bias, (longest + 1, out))}


def _delayed(b: Builder, layer: Any, xs: list[str], states: States, _: Any, shape: Shape) -> str:
    """Add the weights of an input to the sums of the steps at which it arrives; the first of them is given."""
    slots, out = int(np.max(layer.delay)) + 1, len(layer.weight)
    weight = np.zeros((layer.weight.shape[1], slots, out))
    to, from_ = np.indices(layer.weight.shape)
    weight[from_, layer.delay, to] = layer.weight
    arriving = b.add("MatMul", xs[0], b.constant(weight.reshape(len(weight), -1), "delayed"))
    sums = b.add("Add", states["ring"], b.shaped(arriving, slots, out))
    first = b.add("Slice", sums, b.ints(0), b.ints(1), b.ints(1))
    bias = b.constant(np.zeros(out) if layer.bias is None else layer.bias, "bias")
    fresh = b.add("Add", b.add("Mul", first, b.constant(0.0, "zero")), bias)
    rest = b.add("Slice", sums, b.ints(1), b.ints(slots), b.ints(1))
    states["ring"] = b.add("Concat", rest, fresh, axis=1)
    return b.shaped(first, *shape)


def _sums_start(_layer: Any, shapes: list[Shape], shape: Shape) -> dict[str, Any]:
    sums = {f"sum{k}": np.zeros(s) for k, s in enumerate(shapes)}
    return {**sums, "t": np.zeros(()), "before": np.zeros(shape)}


def sums_step(*, of_means: bool, sizes: NDArray[Any] | None, delay: int) -> Step:
    """Return the row of a function of the sums of inputs so far, or of their means, whose increments are sent.

    So does a pool of the greatest counts, and a graded unit, which keeps the mean of all it has sent the function of its
    mean inputs. With sizes, or a delay of the means, `running_counts` says what means divide by.
    """

    def step(
        b: Builder, layer: Any, xs: list[str], states: States, shapes: list[Shape], shape: Shape
    ) -> str:
        o, t, row, before = Arithmetic(b), states["t"], row_of(layer), states["before"]
        assert row is not None
        size: Any = 1.0
        kept: Any = 1.0
        states["t"] = count = o.Add(t, 1.0)
        less, keeps = t, None
        if sizes is not None:
            counts, counts_before, keeping = running_counts(sizes, delay)
            size, count, less = (_at_step(b, t, a) for a in (sizes, counts, counts_before))
            kept = _at_step(b, t, np.where(np.arange(len(sizes)) == delay, 0.0, 1.0))
            keeps = keeping if keeping.any() else None
        given = []
        for k, x in enumerate(xs):
            sums = o.Mul(states[f"sum{k}"], kept) if of_means and delay else states[f"sum{k}"]
            sums = states[f"sum{k}"] = o.Add(sums, o.Mul(x, size))
            given.append(o.Div(sums, count) if of_means else sums)
        now = states["before"] = row(b, layer, given, shapes, shape)
        if not of_means:
            return o.Div(o.Sub(now, before), size)
        sent = o.Div(o.Sub(o.Mul(count, now), o.Mul(less, before)), size)
        if keeps is None:
            return sent
        keep = b.add("Cast", _at_step(b, t, keeps), to=TensorProto.BOOL)
        states["before"] = o.Where(keep, before, now)
        return o.Where(keep, before, sent)

    return Step(_sums_start, step)


STEPS: dict[type[layers.Layer], Step] = {
    **dict.fromkeys(
        (layers.IF, layers.LIF, layers.LI, layers.CubaLIF, layers.ALIF),
        Step(_neuron_start, _neuron),
    ),
    PredictiveNeuron: Step(_predictive_start, _predictive),
    layers.Delay: Step(_delay_start, _delay),
    layers.DelayedLinear: Step(_delayed_start, _delayed),
}
"""Of each class, or of its nearest base class."""
