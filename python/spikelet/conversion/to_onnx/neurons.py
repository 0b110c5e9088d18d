"""How ONNX says layers with a state: each step maps states and inputs to new states and an output, within a scan over time.

A scan keeps the number of steps open, and the graph as small as one step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from spikelet import layers
from spikelet.conversion.to_onnx.builder import Builder
from spikelet.conversion.to_onnx.rows import row_of
from spikelet.layers import Shape
from spikelet.layers.leaky import Synaptic

__all__ = ["GRADED", "INCREMENTS", "STEPS", "Step", "obstacle", "shifted", "step_of"]

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
    def number(value: Any, name: str) -> str:
        return b.constant(value if np.ndim(value) == 0 else _filled(value, shape), name)

    def sum_of(*terms: tuple[Any, str]) -> str:
        """Return the sum of products with numbers, from left to right, without those that change nothing."""
        products = [
            x if np.all(np.equal(factor, 1)) else b.add("Mul", number(factor, "factor"), x)
            for factor, x in terms
            if np.any(factor)
        ]
        first, *others = products
        for other in others:
            first = b.add("Add", first, other)
        return first

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
        h = b.add("Add", h, number(layer.drive, "drive"))
    if isinstance(layer, layers.LI):
        states["v"] = h
        return h
    threshold = level = number(layer.threshold, "threshold")
    if layer.reset_delay:
        late = b.crossed(v, threshold, strict=layer.strict)
        h = b.add("Sub", h, b.add("Mul", late, threshold))
    if "a" in states:
        adapt_decay, boost = layer.adaptation()
        level = b.add("Add", threshold, b.add("Mul", number(boost, "boost"), states["a"]))
    spikes = b.crossed(h, level, strict=layer.strict)
    if "a" in states:
        states["a"] = b.add(
            "Add", b.add("Mul", number(adapt_decay, "adapt_decay"), states["a"]), spikes
        )
    states["v"] = h
    if layer.reset == "subtract" and not layer.reset_delay:
        states["v"] = b.add("Sub", h, b.add("Mul", spikes, threshold))
    elif layer.reset in ("zero", "value"):
        value = layer.v_reset if layer.reset == "value" else 0.0
        states["v"] = b.add("Where", b.add("Cast", spikes, to=9), number(value, "v_reset"), h)
    amplitude = layer.amplitude
    return (
        spikes
        if np.all(np.equal(amplitude, 1))
        else b.add("Mul", spikes, number(amplitude, "amplitude"))
    )


def obstacle(layer: layers.Layer) -> str | None:
    """Return why ONNX cannot say a layer with a state, if it cannot."""
    if isinstance(layer, layers.Neuron) and layer.code != "binary":
        return "sends signed spikes"
    given = (getattr(layer, name, None) for name in ("sizes", "ceiling", "activation"))
    if any(value is not None for value in given):
        return "has sizes, a ceiling or an activation"
    return None


def _predictive_start(layer: Any, _: Any, shape: Shape) -> dict[str, Any]:
    return {"v": _filled(layer.v_init, shape), "sent": np.zeros(shape), "t": np.zeros(())}


def _predictive(b: Builder, layer: Any, xs: list[str], states: States, _: Any, shape: Shape) -> str:
    """Write neurons with a schedule: at step t they compare with the entries of t."""
    place = b.add("Cast", states["t"], to=7)

    def now(table: Any, name: str) -> str:
        largest = np.finfo(b.real).max
        table = np.clip(table, -largest, largest).reshape(layer.steps, -1, *[1] * (len(shape) - 1))
        return b.add("Gather", b.constant(table, name), place, axis=0)

    states["v"] = b.add("Add", states["v"], xs[0])
    estimate = b.add("Mul", states["v"], now(layer.pace, "pace"))
    ahead = b.add("Sub", estimate, states["sent"])
    spikes = b.crossed(ahead, now(layer.limit, "limit"))
    states["sent"] = b.add("Add", states["sent"], spikes)
    states["t"] = b.add("Add", states["t"], b.constant(1.0, "one"))
    return b.add("Mul", spikes, b.constant(_filled(layer.amplitude, shape), "amplitude"))


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
    return {**sums, "count": np.zeros(()), "before": np.zeros(shape)}


def _of_sums(of_means: bool) -> Step:
    """Return the row of a function of the sums of inputs so far, or of their means, whose increments are sent."""

    def step(
        b: Builder, layer: Any, xs: list[str], states: States, shapes: list[Shape], shape: Shape
    ) -> str:
        row, less = row_of(layer), states["count"]
        assert row is not None
        count = states["count"] = b.add("Add", less, b.constant(1.0, "one"))
        given = []
        for k, x in enumerate(xs):
            states[f"sum{k}"] = b.add("Add", states[f"sum{k}"], x)
            given.append(b.add("Div", states[f"sum{k}"], count) if of_means else states[f"sum{k}"])
        before, now = states["before"], row(b, layer, given, shapes, shape)
        states["before"] = now
        if of_means:
            now, before = b.add("Mul", count, now), b.add("Mul", less, before)
        return b.add("Sub", now, before)

    return Step(_sums_start, step)


GRADED = _of_sums(of_means=True)
"""Of a unit that sends what keeps the mean of all it has sent the function of its mean inputs."""
INCREMENTS = _of_sums(of_means=False)
"""Of a pool that sends the increment of the greatest sum so far."""
STEPS: dict[type[layers.Layer], Step] = {
    **dict.fromkeys(
        (layers.IF, layers.LIF, layers.LI, layers.CubaLIF, layers.ALIF),
        Step(_neuron_start, _neuron),
    ),
    layers.PredictiveIF: Step(_predictive_start, _predictive),
    layers.Delay: Step(_delay_start, _delay),
    layers.DelayedLinear: Step(_delayed_start, _delayed),
}
"""Of each class, or of its nearest base class."""
