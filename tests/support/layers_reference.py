"""Layered models in PyTorch and float64, layer by layer over all steps: what the engine is compared with.

Graphs have no loops, and what a layer makes of step t is there at once for the next (no delay). So layer after layer, each
over all its steps, gives what stepping the whole gives; and a `ReLU`, which takes the mean over all steps, needs no special
order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike

from spikelet import layers as L
from spikelet.layers.graph import INPUT, Graph

Tensor = torch.Tensor

# What is run here; other layers are compared one by one, in their own files.
COMPARED = {
    *("AdaptiveAvgPool2d", "Add", "Affine", "AvgPool2d", "Concat", "Conv2d", "Flatten", "IF"),
    *("LIF", "Linear", "MaxPool2d", "PredictiveIF", "ReLU", "Upsample"),
}


def run_reference(
    graph: Graph,
    x: ArrayLike,
    steps: int,
    *,
    constant: bool = True,
    delay: int = 0,
    record: Collection[str] = (),
) -> dict[str, Tensor]:
    """Return what every layer gives at every step, [T, B, ...], and the input as "input".

    `x` is [B, ...], the same at each step, or with constant=False [T, B, ...]. Means that a `ReLU` takes are over the steps
    from `delay` on. `record` names the layers to return; by default all.
    """
    given = torch.as_tensor(np.asarray(x, dtype=np.float64))
    inputs = given.expand(steps, *given.shape) if constant else given
    assert len(inputs) == steps
    values: dict[str, Tensor] = {INPUT: inputs}
    for node in graph:
        values[node.name] = _apply(node.layer, [values[name] for name in node.inputs], delay)
    return {name: values[name] for name in record or values}


def _apply(layer: L.Layer, xs: Sequence[Tensor], delay: int) -> Tensor:
    x = xs[0]
    if isinstance(layer, L.Neuron):
        return spikes(layer, x)[0]
    if isinstance(layer, L.ReLU):
        return _relu(layer, x[delay:].mean(0)).expand_as(x)
    if isinstance(layer, L.MaxPool2d) and layer.of == "counts":
        counts = torch.cat([torch.zeros_like(x[:1]), x.cumsum(0)])
        return _linear(layer, [counts]).diff(dim=0)
    return _linear(layer, xs)


def _relu(layer: L.ReLU, x: Tensor) -> Tensor:
    y = F.relu(x)
    if layer.upper is None:
        return y
    upper = _per_neuron(layer.upper, x)
    if layer.levels:
        y = torch.floor(y / upper * layer.levels + 0.5) / layer.levels * upper
    return torch.minimum(y, upper)


def _linear(layer: L.Layer, xs: Sequence[Tensor]) -> Tensor:
    """Every step is a sample of its own."""
    y = stateless(layer, [x.flatten(0, 1) for x in xs])
    return y.unflatten(0, xs[0].shape[:2])


def stateless(layer: Any, xs: Sequence[Tensor]) -> Tensor:
    x = xs[0]
    match layer:
        case L.Linear():
            return F.linear(x, _tensor(layer.weight), _maybe(layer.bias))
        case L.Conv2d():
            top, bottom, left, right = layer.padding
            return F.conv2d(
                F.pad(x, (left, right, top, bottom)),
                _tensor(layer.weight),
                _maybe(layer.bias),
                stride=layer.stride,
                dilation=layer.dilation,
                groups=layer.groups,
            )
        case L.Affine():
            y = x * _per_neuron(layer.scale, x)
            return y if layer.shift is None else y + _per_neuron(layer.shift, x)
        case L.AvgPool2d():
            return F.avg_pool2d(
                x,
                layer.kernel_size,
                layer.stride,
                layer.padding,
                ceil_mode=layer.ceil_mode,
                count_include_pad=layer.count_include_pad,
            )
        case L.MaxPool2d():
            return F.max_pool2d(
                x, layer.kernel_size, layer.stride, layer.padding, ceil_mode=layer.ceil_mode
            )
        case L.AdaptiveAvgPool2d():
            return F.adaptive_avg_pool2d(x, layer.output_size)
        case L.Flatten():
            return x.flatten(1)
        case L.Add():
            return torch.stack(tuple(xs)).sum(0)
        case L.Concat():
            return torch.cat(tuple(xs), dim=1)
        case L.Upsample():
            return F.interpolate(
                x, scale_factor=tuple(map(float, layer.scale_factor)), mode="nearest"
            )
    raise TypeError(layer)


def spikes(layer: L.Neuron, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a neuron means by what it sends, and its potential behind each step, [T, B, ...].

    At each step ``v = decay * v + gain * x``. Then a spike of `size` s leaves, and with reset="subtract" ``v -= s``:

    * binary: s = threshold where v >= threshold, else 0.
    * signed, n levels: the sizes are threshold / 2**k for k = 0 .. n - 1. Positive: the largest size that v reaches,
      ``v >= size``. Negative: the largest size for which ``v < smallest - size`` and which is at most what has been sent so
      far, net. So v + size stays below the smallest size: what is taken back is not sent again at once. With one level that
      is: ``v < 0`` and something has been sent.

    What is sent is ``amplitude * s / threshold``.

    * differential: with m the mean of s so far, s weighted by one over its step, what a receiver takes from the spike is
      ``m + s``; so ``v += x - m`` before the decision, and what has been sent is the sum of these m + s, with the m of this
      step. ``m += s / t`` behind it.
    """
    if isinstance(layer, L.PredictiveIF):
        return _predictive(layer, x)
    decay, gain = layer.coefficients()
    threshold = _per_neuron(layer.threshold, x[0])
    amplitude = _per_neuron(layer.amplitude, x[0])
    v = _per_neuron(layer.v_init, x[0]) * torch.ones_like(x[0])
    net = torch.zeros_like(v)  # sent so far, in thresholds; sums of powers of 2 are exact
    differential = layer.code == "differential"
    mean = torch.zeros_like(v)  # differential: of s; and net is in units of s
    sent, potentials = [], []
    for step, now in enumerate(x, 1):
        v = decay * v + gain * now - mean
        net = net + mean
        units = torch.zeros_like(v)
        for k in range(layer.levels):
            units = torch.where((units == 0) & (v >= threshold * 2.0**-k), 2.0**-k, units)
        if layer.code != "binary":
            smallest = threshold * 2.0 ** (1 - layer.levels)
            for k in range(layer.levels):
                held = threshold * 2.0**-k if differential else 2.0**-k
                fits = (v < smallest - threshold * 2.0**-k) & (net >= held)
                units = torch.where((units == 0) & fits, -(2.0**-k), units)
        if layer.reset == "subtract":
            v = v - threshold * units
        else:
            v = torch.where(units != 0, torch.full_like(v, layer.v_reset), v)
        if differential:
            sent.append(amplitude * (mean / threshold + units))
            net = net + threshold * units
            mean = mean + threshold * units / step
        else:
            net = net + units
            sent.append(amplitude * units)
        potentials.append(v)
    return torch.stack(sent), torch.stack(potentials)


def _predictive(layer: L.PredictiveIF, x: Tensor) -> tuple[Tensor, Tensor]:
    """With S the sum of the input so far and n the spikes sent, one is sent where ``pace S - n >= limit``."""
    amplitude = _per_neuron(layer.amplitude, x[0])
    total = _per_neuron(layer.v_init, x[0]) * torch.ones_like(x[0])
    count = torch.zeros_like(x[0])
    sent, ahead = [], []
    for now, pace, limit in zip(x, layer.pace, layer.limit, strict=True):
        total = total + now
        estimate = total * _per_neuron(pace, now)
        spike = (estimate - count >= _per_neuron(limit, now)).double()
        count = count + spike
        sent.append(amplitude * spike)
        ahead.append(estimate - count)
    return torch.stack(sent), torch.stack(ahead)


def _tensor(array: ArrayLike) -> Tensor:
    return torch.tensor(np.asarray(array, dtype=np.float64))


def _maybe(array: ArrayLike | None) -> Tensor | None:
    return None if array is None else _tensor(array)


def _per_neuron(value: ArrayLike, x: Tensor) -> Tensor:
    """Shape one number, one for each channel, or one for each neuron, for [B, ...]."""
    array = _tensor(value)
    if array.ndim == 1:
        array = array.reshape(-1, *[1] * (x.ndim - 2))
    return array


# --- graphs at random --------------------------------------------------------------------------


class _Growing:
    """A graph that grows at random; weights have no simple ratios, so that no potential is ever just at a threshold."""

    def __init__(self, rng: np.random.Generator, *, spiking: bool, steps: int | None) -> None:
        self.rng, self.spiking, self.steps = rng, spiking, steps
        self.nodes: list[tuple[str, L.Layer, tuple[str, ...]]] = []
        self.shape: tuple[int, ...] = (
            int(rng.integers(1, 5)),
            int(rng.integers(5, 10)),
            int(rng.integers(5, 10)),
        )
        self.shapes = {INPUT: self.shape}
        self.last = INPUT

    def add(self, layer: L.Layer, *inputs: str) -> None:
        name = f"{type(layer).__name__.lower()}{len(self.nodes)}"
        inputs = inputs or (self.last,)
        self.shape = layer.output_shape([self.shapes[i] for i in inputs], name)
        self.nodes.append((name, layer, inputs))
        self.shapes[name], self.last = self.shape, name

    def pick(self, *choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def normal(self, *shape: int, fan_in: int = 1) -> Any:
        # More excitation than inhibition: most layers shall spike.
        return self.rng.normal(0.3, 1.0, shape) * (2.5 / np.sqrt(fan_in))

    def bias(self, n: int) -> Any:
        return self.pick(None, self.rng.normal(size=n) * 0.2)

    def conv2d(self, groups: int | None = None) -> None:
        c, h, w = self.shape
        g = groups or int(self.pick(*[k for k in range(1, c + 1) if c % k == 0]))
        out = g * int(self.rng.integers(1, 4))
        kernel = [int(self.rng.integers(1, min(4, n) + 1)) for n in (h, w)]
        dilation = [int(self.rng.integers(1, 3)) for _ in range(2)]
        padding = [int(p) for p in self.rng.integers(0, 3, self.pick(1, 2, 4))]
        # Windows must fit.
        dilation = [
            d if d * (k - 1) < n else 1 for d, k, n in zip(dilation, kernel, (h, w), strict=True)
        ]
        self.add(
            L.Conv2d(
                self.normal(out, c // g, *kernel, fan_in=c // g * kernel[0] * kernel[1]),
                self.bias(out),
                stride=tuple(int(s) for s in self.rng.integers(1, 3, 2)),
                padding=padding[0] if len(padding) == 1 else tuple(padding),
                dilation=tuple(dilation),
                groups=g,
            )
        )

    def pool(self) -> None:
        kernel = tuple(int(self.rng.integers(1, min(3, n) + 1)) for n in self.shape[1:])
        options = {
            "stride": self.pick(None, (1, 2), (2, 1), 3),
            "padding": tuple(int(self.rng.integers(0, k // 2 + 1)) for k in kernel),
            "ceil_mode": self.pick(False, True),
        }
        if self.rng.random() < 0.5:
            self.add(L.AvgPool2d(kernel, **options, count_include_pad=self.pick(False, True)))
        else:
            self.add(L.MaxPool2d(kernel, **options, of=self.pick("counts", "steps")))

    def adaptive(self) -> None:
        self.add(
            L.AdaptiveAvgPool2d(tuple(int(self.rng.integers(1, n + 2)) for n in self.shape[1:]))
        )

    def upsample(self) -> None:
        self.add(L.Upsample(self.pick(2, (1, 2), (2, 1))))

    def affine(self) -> None:
        c = self.shape[0]
        self.add(L.Affine(self.normal(c), self.bias(c)))

    def branch(self) -> None:
        """Two ways, joined by a sum or side by side."""
        start, c = self.last, self.shape[0]
        self.add(L.Conv2d(self.normal(c, c, 3, 3, fan_in=9 * c), self.bias(c), padding=1))
        self.neuron()
        one = self.last
        other = start
        if self.rng.random() < 0.5:
            self.add(L.Conv2d(self.normal(c, 1, 1, 1), groups=c), start)
            other = self.last
        self.add(self.pick(L.Add(), L.Concat()), *self.pick((one, other), (other, one)))

    def linear(self) -> None:
        n, out = self.shape[0], int(self.rng.integers(2, 12))
        self.add(L.Linear(self.normal(out, n, fan_in=n), self.bias(out)))

    def join(self) -> None:
        """A sum or a list of vectors."""
        start = self.last
        self.linear()
        one = self.last
        layer = L.Concat()
        if self.shape == self.shapes[start]:
            layer = self.pick(L.Add(), L.Concat())
        self.add(layer, start, one)

    def per(self, low: float, high: float, *, channels_only: bool = False) -> Any:
        """One number, one for each channel, or one for each neuron."""
        shapes = [(), self.shape[:1]] + ([] if channels_only else [self.shape])
        shape = shapes[self.rng.integers(len(shapes))]
        return self.rng.uniform(low, high, shape) if shape else float(self.rng.uniform(low, high))

    def neuron(self) -> None:
        if not self.spiking or self.rng.random() < 0.12:
            limits = [{}]
            if self.spiking:
                upper = self.per(0.5, 2.0, channels_only=True)
                limits += [{"upper": upper}, {"upper": upper, "levels": 5}]
            self.add(L.ReLU(**self.pick(*limits)))
            return
        if self.steps is not None and self.rng.random() < 0.15:
            self.predictive(self.steps)
            return
        options: dict[str, Any] = {
            "threshold": self.per(0.4, 1.4),
            "v_init": self.pick(0.0, self.per(-0.2, 0.7)),
            "amplitude": self.per(0.3, 1.5, channels_only=True),
        }
        kind = self.pick("subtract", "zero", "signed", "differential")
        if kind == "zero":
            options |= {"reset": "value", "v_reset": float(self.rng.uniform(-0.3, 0.3))}
        elif kind == "signed":
            options |= {"code": "signed", "levels": int(self.rng.integers(1, 5))}
        elif kind == "differential":
            options |= {"code": kind, "levels": int(self.rng.integers(1, 5))}
        if self.rng.random() < 0.5 or kind == "differential":
            self.add(L.IF(**options))
        else:
            how = self.pick({}, {"decay": 0.93, "gain": 1.0}, {"dt": 0.5})
            self.add(L.LIF(**options, tau_m=float(self.rng.uniform(2, 30)), **how))

    def predictive(self, steps: int) -> None:
        shape = self.pick((steps,), (steps, self.shape[0]))
        limit = self.rng.uniform(0.3, 1.0, shape)
        limit[self.rng.random(steps) < 0.2] = np.inf
        pace = self.rng.uniform(0.5, 2.0, self.pick((steps,), (steps, self.shape[0])))
        self.add(
            L.PredictiveIF(amplitude=self.per(0.3, 1.5, channels_only=True), pace=pace, limit=limit)
        )


def random_graph(
    rng: np.random.Generator, *, spiking: bool = True, steps: int | None = None
) -> tuple[Graph, tuple[int, ...]]:
    """Return a graph at random, and the shape of its input; with spiking=False all neurons are `ReLU`.

    There are `PredictiveIF` only with `steps`, for which they are made.
    """
    g = _Growing(rng, spiking=spiking, steps=steps)
    start = g.shape
    for _ in range(rng.integers(2, 6)):
        c, h, w = g.shape
        steps: list[Callable[[], None]] = [g.conv2d, g.branch, g.affine, g.adaptive]
        if min(h, w) >= 2:
            steps.append(g.pool)
        if max(h, w) <= 8:
            steps.append(g.upsample)
        if c > 1:
            steps.append(lambda c=c: g.conv2d(groups=c))  # type: ignore[misc]
        steps[rng.integers(len(steps))]()
        if rng.random() < 0.6:
            g.neuron()
    g.add(L.Flatten())
    for _ in range(rng.integers(1, 3)):
        g.pick(g.linear, g.join)()
        g.neuron()
    if rng.random() < 0.5:
        g.linear()
    return Graph(g.nodes, "random_graph"), start


def activations(graph: Graph, x: ArrayLike) -> dict[str, Any]:
    """Return what every layer of an ANN gives, [B, ...]."""
    return {name: values[0].numpy() for name, values in run_reference(graph, x, 1).items()}
