"""Translate networks of neurons that fire at most once into integers, which the core computes.

Weights are integers with a scale for each output, at which the threshold of its neuron falls by an integer in each step.
They do not depend on the number of steps; only biases do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from spikelet import _core
from spikelet._util.checks import fail
from spikelet.layers.base import Layer
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.first_spike import FirstSpike
from spikelet.layers.first_spike_values import (
    LARGEST,
    Floats,
    Kernel,
    Map,
    NeedsSpikes,
    Sum,
    Taken,
    Value,
    by_channel,
    core_extent,
    int32,
    is_relay,
    spike_span,
)
from spikelet.layers.first_spike_work import Ledger
from spikelet.layers.graded import MatMul, Multiply
from spikelet.layers.graph import Graph
from spikelet.layers.linear import Add, Affine, Concat, Linear
from spikelet.layers.movement import Flatten, Movement, Reshape
from spikelet.layers.pools import Pool, whole_maps, window_places
from spikelet.layers.resize import Resize
from spikelet.layers.spiking_result import Operations
from spikelet.layers.views import Shape

__all__ = ["FirstSpikeProgram"]

_ROOM = 1 << 28  # of sums
_LIMITS = {"bytes": 127, "words": 32767}  # of weights, by the values that they multiply
_NEARLY = 0.01  # of a unit
_ENTRIES = 16  # of the table of a function, for each step
_EACH = FirstSpike, Linear, Affine, Add  # of any shape
_COMPUTED = *_EACH, Movement, Concat, Convolution, TransposedConvolution, Pool, Resize
_PART = 256  # samples that run at once
_BITS = 100  # of the largest weight, in units of the potential, before a mean of sums
_MANY = "adds up sums, which need more than 32 bits"


class FirstSpikeProgram:
    """A network of `FirstSpike` neurons in integers.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    graph : Graph
    shapes : mapping of str to tuple of int
        Of all nodes and inputs.
    ranges : sequence of (float, float)
        Least and largest value of each input.
    steps : int
        Length of the windows T.
    bits : 8 or 16
        Of the weights.
    builder : optional
        Takes the calls in place of the core's builder; such a program does not run.

    Raises
    ------
    NeedsSpikes
        If spikes would have to stand for a sum.
    ValueError
        If a layer cannot take part; the message names it.
    """

    def __init__(
        self,
        where: str,
        graph: Graph,
        shapes: Mapping[str, Shape],
        ranges: Sequence[tuple[float, float]],
        steps: int,
        bits: int,
        builder: Any = None,
    ) -> None:
        self._where, self._steps, self._bits = where, steps, bits
        self._form = "bytes" if bits == 8 else "words"
        self._builder: Any = _core.FirstSpikeBuilder() if builder is None else builder
        self._ledger = Ledger([*graph.inputs, *(node.name for node in graph)])
        # Weights alone take a few values, whose rounding would reach all layers.
        takers = [n.layer for n in graph if set(n.inputs) & set(graph.inputs)]
        weigh = all(isinstance(layer, (Linear, Convolution)) for layer in takers)
        self._input_form = "words" if weigh else self._form
        values: dict[str, Value] = {
            name: self._input(shapes[name], *span)
            for name, span in zip(graph.inputs, ranges, strict=True)
        }
        self._values = values
        for node in graph:  # before layers that only lead to one of these
            self._node = node
            self._check(shapes[node.name])
        for node in graph:
            self._node = node
            last = node.name in graph.outputs or len(graph.consumers(node.name)) > 1
            try:
                made = self._made(node.layer, shapes[node.name], [values[n] for n in node.inputs])
                values[node.name] = (
                    self._potential(made) if last and isinstance(made, Sum) else made
                )
            except NotImplementedError as operation:  # of another builder
                self._refuse(f"cannot be exported: C has no '{operation}'")
        self._program = self._builder.program()

    def run(
        self,
        inputs: Sequence[NDArray[np.float32]],
        names: Sequence[str],
        threads: int,
        *,
        step_by_step: bool = False,
    ) -> tuple[list[tuple[NDArray[np.int32], NDArray[np.float32]]], dict[str, Operations]]:
        """Return integers and values of some layers, [B, *shape], and the operations of each layer for a sample.

        Parameters
        ----------
        inputs : sequence of array, [B, ...]
        names : sequence of str
            Layers whose potentials are computed, or of neurons.
        threads : int
        step_by_step : bool
            Count the updates of potentials and the comparisons that each step would take, too.
        """
        maps = [self.map_of(name) for name in names]
        count = len(inputs[0])
        work = self._ledger.empty()
        parts = []
        for first in range(0, max(count, 1), _PART):  # between them, Python handles Ctrl-C
            part = [x[first : first + _PART] for x in inputs]
            numbers = [m.number for m in maps]
            counted = self._ledger.read() if step_by_step else []
            arrays, counts = self._program.run(part, len(part[0]), numbers + counted, threads)
            parts.append(arrays[: len(maps)])
            sent = dict(zip(counted, map(np.abs, arrays[len(maps) :]), strict=True))
            self._ledger.add(work, counts, sent, max(count, 1))
        found = []
        for m, *pieces in zip(maps, *parts, strict=True):
            k = np.concatenate(pieces)
            size, bias = (v.reshape(-1, 1, 1) for v in (m.coefficient / self._steps, m.bias))
            values = (k * size + bias).astype(np.float32)
            found.append((k.reshape(count, *m.shape), values.reshape(count, *m.shape)))
        return found, {name: Operations(**each) for name, each in work.items()}

    def map_of(self, name: str) -> Map:
        """Return the map of a layer whose potentials are computed, or of neurons."""
        found = self._values[name]
        if isinstance(found, Sum):
            rule = "must name neurons, or a layer whose potentials are computed by themselves"
            fail(self._where, "record", name, rule)
        return found

    def _refuse(self, why: str) -> NoReturn:
        raise ValueError(self._refusal(why))

    def _refusal(self, why: str) -> str:
        kind = type(self._node.layer).__name__
        rule = f'{why}; neuron="predictive" can convert it'
        return f"{self._where}: layer '{self._node.name}', {kind}, {rule}"

    def _need(self, why: str, *names: str) -> NoReturn:
        """Refuse sums of some layers, by default of the input."""
        message = self._refusal(f"{why}, so a ReLU must stand before it")
        raise NeedsSpikes(message, names or self._node.inputs[:1])

    def _check(self, shape: Shape) -> None:
        if isinstance(self._node.layer, (MatMul, Multiply)):
            self._refuse("multiplies signals, and a spike has only a time")
        if not isinstance(self._node.layer, _COMPUTED):
            self._refuse("cannot be computed with neurons that fire once")
        if len(shape) > 3 and not isinstance(self._node.layer, (*_EACH, Movement, Concat)):
            self._refuse("has three axes, and neurons that fire once have layers of two")

    # Maps

    def _input(self, shape: Shape, low: float, high: float) -> Map:
        extent, form = core_extent(shape), self._input_form
        levels = 255 if form == "bytes" else 32767
        low, high = min(low, 0.0), max(high, 0.0)
        scale = levels / (high - low) if form == "bytes" else levels / max(high, -low)
        zero = int(np.rint(-low * scale)) if form == "bytes" else 0
        number = self._map(extent, form, zero)
        lowest, highest = (-zero, levels - zero) if form == "bytes" else (-levels, levels)
        n = extent[0]
        self._builder.input(number, np.full(n, scale, np.float32), lowest, highest)
        return Map(
            number, shape, extent, form, np.full(n, self._steps / scale),
            np.full(n, max(-lowest, highest), float), np.full(n, zero, np.uint8), np.zeros(n),
        )  # fmt: skip

    def _map(self, extent: tuple[int, int, int], form: str, zero: Any = 0) -> int:
        zeros = np.full(extent[0], zero, np.uint8) if form == "bytes" else np.empty(0, np.uint8)
        return int(self._builder.map(extent, form, zeros))

    def _fired(self, layer: FirstSpike, value: Value) -> Map:
        total, is_byte = self._as_sum(value), self._form == "bytes"
        if is_byte and layer.function is not None and self._steps > 127:  # coarser, not cut off
            threshold = np.asarray(layer.threshold, float) * self._steps / 127
            layer = replace(layer, threshold=threshold, reach=layer.limit)
        n, table = total.extent[0], np.empty(0, np.int16)
        theta = cell = np.broadcast_to(np.asarray(layer.threshold, float), (n,))
        high = min(self._steps, 255) if is_byte else self._steps
        zero, low, most = np.zeros(n), np.full(n, 0.5), np.full(n, float(high))
        tabulated = layer.function is not None and not is_relay(layer.function)
        if tabulated:
            high = _ENTRIES * self._steps
            begin, end = spike_span(replace(layer, steps=self._steps), n)
            cell = (end - begin) / high * self._steps
        elif layer.function is not None:
            limit = min(self._steps, 127) if is_byte else self._steps
            zero, high, low, most = zero + limit, 2 * limit, low + limit, zero + limit
        least = self._least_unit(total)
        most_units = LARGEST // (high + 2) // 2
        unit = np.clip(np.floor(cell / least + _NEARLY), 1, most_units)
        size = np.maximum(cell / unit, least * (1 - _NEARLY / unit))
        if total.is_scaled and (cell / least <= most_units).all():
            unit, size = np.maximum(np.rint(cell / least), 1), least
        cell = size * unit
        if tabulated:
            x = begin[:, None] + (np.arange(high + 1) + 0.5) * cell[:, None] / self._steps
            table = replace(layer, steps=self._steps).times(x[None])[0].astype(np.int16)
            zero = np.clip(-table.min(1), 0, 127).astype(float)
            if is_byte:
                table = np.clip(table, -zero[:, None], 255 - zero[:, None])
            low, most = -begin * self._steps / cell, np.abs(table).max(1).astype(float)
        else:
            theta = cell
        bias = np.rint(
            np.broadcast_to(total.bias, (n,)) * self._steps / size + np.floor(low * unit)
        )
        number = self._map(total.extent, self._form, np.minimum(zero, 255))
        offset, _ = self._emit(total, size)
        self._end(
            number, total, int32(bias - offset), int32(unit), high, int32(zero), table.ravel()
        )
        return Map(
            number, total.shape, total.extent, self._form, theta, most,
            zero.astype(np.uint8) if is_byte else np.zeros(n, np.uint8), np.zeros(n), spikes=True,
            signed=bool(zero.any()),
        )  # fmt: skip

    def _potential(self, total: Sum, grown: float = 1.0) -> Map:
        n = total.extent[0]
        size = self._least_unit(total, grown)
        if grown > 1 and total.kernels:
            finest = np.max([np.abs(k.weight).reshape(n, -1).max(1) for k in total.kernels], axis=0)
            if (size * _BITS > finest)[finest > 0].any():
                self._need(_MANY)
        number = self._map(total.extent, "sums")
        offset, most = self._emit(total, size)
        self._end(number, total)
        bias = np.broadcast_to(total.bias, (n,)) - offset * size / self._steps
        return Map(
            number, total.shape, total.extent, "sums", size, most, np.empty(0, np.uint8), bias
        )

    def _end(
        self,
        number: int,
        total: Sum,
        bias: Any = (),
        unit: Any = (),
        high: int = 0,
        zero: Any = (),
        table: Any = (),
    ) -> None:
        self._builder.end(
            number, int32(bias), int32(unit), high, int32(zero), np.asarray(table, np.int16)
        )
        waits = (1 + int(np.any(zero))) * min(high, self._steps)  # of a neuron, or an ON/OFF pair
        self._ledger.enter_sum(self._node.name, number, total, waits)

    def _as_sum(self, value: Value) -> Sum:
        if isinstance(value, Sum):
            return value
        return Sum(value.shape, value.extent, (), ((value, value.coefficient),), value.bias)

    def _least_unit(self, total: Sum, grown: float = 1.0) -> Floats:
        """Return the value of the smallest unit of a potential, times T, for which weights have enough bits and sums 32.

        The potential may be `grown` times larger.
        """
        n = total.extent[0]
        most = np.zeros(n)  # of the real potential, times T
        least = np.zeros(n)
        for kernel in total.kernels:
            rows = np.abs(kernel.weight).reshape(n, -1)
            least = np.maximum(least, rows.max(1) / _LIMITS[kernel.map.form])
            most += rows.sum(1) * kernel.map.most.max()
        for m, gain in total.maps:
            most += np.abs(gain) * m.most
        # Weights of maps have as many bits as fit, but leave room for thresholds beyond the sum.
        least = np.maximum(least, most * grown / (_ROOM if total.kernels else _ROOM >> 8))
        if total.is_scaled:  # a scale is not rounded: few bits are left for that of a sum
            gain = np.abs(total.maps[0][1])
            least = gain / np.maximum(np.floor(gain / np.where(least > 0, least, 1.0)), 1.0)
        return np.where(least > 0, least, 1.0)

    def _emit(self, total: Sum, size: Floats) -> tuple[Floats, Floats]:
        """Add the terms of a sum; return what zeros of maps add to it, and its largest magnitude."""
        n = total.extent[0]
        offset, most = np.zeros(n), np.zeros(n)
        for kernel in total.kernels:
            limit = _LIMITS[kernel.map.form]
            q = np.clip(np.rint(kernel.weight / size.reshape(-1, 1, 1, 1)), -limit, limit)
            group = n // kernel.groups
            if kernel.map.form == "bytes":
                zero = kernel.map.zero.reshape(kernel.groups, -1).astype(float)
                zeros = np.repeat(zero, group, axis=0)
                offset += (q.sum((2, 3)) * zeros).sum(1)
            most += np.abs(q).sum((1, 2, 3)) * kernel.map.most.max()
            self._builder.convolve(
                kernel.map.number, q.astype(np.int16), q.shape[2:], kernel.stride,
                kernel.dilation, kernel.before, kernel.groups,
            )  # fmt: skip
        for m, gain in total.maps:
            q = np.rint(gain / size)
            if m.form == "sums" and (np.abs(q * size - gain) > np.abs(gain) / 100).any():
                made = [
                    n
                    for n, v in self._values.items()
                    if isinstance(v, Map) and v.number == m.number
                ]
                self._need("adds a sum, whose weights would be rounded", *made[:1])
            if m.form == "bytes":
                offset += q * m.zero
            most += np.abs(q) * m.most
            self._builder.add(m.number, int32(q))
        return offset, most

    # Layers

    def _made(self, layer: Layer, shape: Shape, given: list[Value]) -> Value:
        if not isinstance(layer, (Linear, Movement, Concat)):
            given = [self._in_order(v) for v in given]
        first = given[0]
        if isinstance(layer, FirstSpike):
            return self._fired(layer, first)
        if isinstance(layer, Linear):
            return self._linear(layer, shape, self._spikes(first))
        if isinstance(layer, Convolution):
            return self._convolved(layer, shape, self._spikes(first))
        if isinstance(layer, TransposedConvolution):
            m, values = self._spikes(first), np.ones(first.shape, bool)
            moves, convolution = layer.parts(first.shape)
            for move in moves:
                values = move.moved(values, 0)
                m = self._moved(move, values.shape, [m])
            return self._convolved(convolution, shape, m, ~values)
        if isinstance(layer, Affine):
            return self._affine(layer, shape, first)
        if isinstance(layer, Add):
            sums = [self._as_sum(v) for v in given]
            kernels = tuple(k for s in sums for k in s.kernels)
            maps = tuple(m for s in sums for m in s.maps)
            return Sum(shape, sums[0].extent, kernels, maps, sum(s.bias for s in sums))
        if isinstance(layer, (Flatten, Reshape)) and isinstance(first, Map):
            return replace(first, shape=shape)
        if isinstance(layer, Resize) and layer.mode == "nearest":
            return self._moved(Taken([p[:, 0] for p, _ in layer.maps(first.shape)]), shape, [first])
        if isinstance(layer, (Pool, Resize)):
            largest = isinstance(layer, Pool) and not layer.divisors(first.shape)[0]
            return (self._pooled if largest else self._mixed)(layer, shape, first)
        return self._moved(layer, shape, given)

    def _spikes(self, value: Value) -> Map:
        if isinstance(value, Sum):
            value = self._potential(value)
        if value.form == "sums":
            self._need("needs spikes")
        return value

    def _linear(self, layer: Linear, shape: Shape, m: Map) -> Sum:
        c, h, w = m.extent
        weight = layer.weight.reshape(len(layer.weight), c, h, w) * m.coefficient.reshape(-1, 1, 1)
        bias = 0.0 if layer.bias is None else layer.bias
        bias = bias + layer.weight.reshape(len(weight), c, h * w).sum(2) @ m.bias
        axes = np.zeros(h, bool), np.zeros(w, bool)
        kernel = Kernel(self._node.name, m, weight, (1, 1), (1, 1), (0, 0), 1, axes)
        return Sum(shape, (len(weight), 1, 1), (kernel,), (), bias)

    def _convolved(
        self, layer: Convolution, shape: Shape, m: Map, holes: NDArray[np.bool_] | None = None
    ) -> Sum:
        lead = 2 - layer.axes
        n, group = len(layer.weight), layer.weight.shape[1]
        weight = layer.weight.reshape(n, group, *[1] * lead, *layer.weight.shape[2:])
        coefficient = np.repeat(m.coefficient.reshape(layer.groups, group), n // layer.groups, 0)
        weight = weight * coefficient[:, :, None, None]
        two: Any = [(1,) * lead + tuple(v) for v in (layer.stride, layer.dilation)]
        padding = layer.padding
        sides = padding if len(padding) == layer.axes else padding[::2]
        before: Any = (0,) * lead + tuple(sides)
        bias = 0.0 if layer.bias is None else layer.bias
        if m.bias.any():
            if any(padding):
                self._need("pads values that are no spikes")
            each = layer.weight.reshape(n, group, -1).sum(2)
            shifts = np.repeat(m.bias.reshape(layer.groups, group), n // layer.groups, 0)
            bias = bias + (each * shifts).sum(1)
        (stride, dilation) = two
        empty = np.zeros(m.extent, bool) if holes is None else holes.reshape(m.extent)
        axes = np.asarray(empty.all((0, 2))), np.asarray(empty.all((0, 1)))
        kernel = Kernel(self._node.name, m, weight, stride, dilation, before, layer.groups, axes)
        return Sum(shape, core_extent(shape), (kernel,), (), bias)

    def _affine(self, layer: Affine, shape: Shape, value: Value) -> Sum:
        total = self._as_sum(value)
        scale = np.broadcast_to(layer.scale, total.extent[:1])
        shift = 0.0 if layer.shift is None else layer.shift
        kernels = tuple(
            replace(k, weight=k.weight * scale.reshape(-1, 1, 1, 1)) for k in total.kernels
        )
        maps = tuple((m, gain * scale) for m, gain in total.maps)
        return Sum(shape, total.extent, kernels, maps, total.bias * scale + shift)

    def _pooled(self, layer: Any, shape: Shape, value: Value) -> Map:
        m = self._potential(value) if isinstance(value, Sum) else value
        lead = (1,) * (2 - layer.axes)
        lengths, steps, gaps = [], [], []
        for w in layer.windows(m.shape):
            lengths.append({e - b for b, e in zip(w.begin, w.end, strict=True)})
            steps.append({b - a for a, b in pairwise(w.begin)} or {1})
            gaps.append(w.step)
        if {len(s) for s in (*lengths, *steps)} == {1} and set(gaps) == {1} and {0} not in steps:
            size, stride = ([v.pop() for v in values] for values in (lengths, steps))
            dilation, before = (1,) * layer.axes, (0,) * layer.axes
        elif hasattr(layer, "sides") and m.spikes and not m.signed:  # 0 at the border is no spike
            size, stride, dilation = layer.kernel_size, layer.stride, layer.dilation
            before = tuple(a for a, _ in layer.sides)
        else:  # each window gets values of its own
            places = window_places(layer, m.shape)
            size = stride = [p.shape[1] for p in places]
            dilation, before = (1,) * layer.axes, (0,) * layer.axes
            seen = m.shape[0], *(p.size for p in places)
            m = self._moved(Taken([p.ravel() for p in places]), seen, [m])
        extent = core_extent(shape)
        number = self._map(extent, m.form, m.zero)
        windows = [(*lead, *v) for v in (size, stride, dilation)]
        self._builder.pool(m.number, number, *windows, (*(0 for _ in lead), *before))
        self._ledger.enter(self._node.name)
        return replace(m, number=number, shape=shape, extent=extent)

    def _mixed(self, layer: Any, shape: Shape, value: Value) -> Map:
        """Add weighted sums along both axes: means, and interpolations."""
        maps = whole_maps(layer, value.shape)
        grown = math.prod(float(np.abs(q).sum(1).max()) for _, q, _ in maps)
        m = self._potential(value, grown) if isinstance(value, Sum) else value
        most = m.most * grown
        if most.max() > LARGEST:
            self._need(_MANY)
        if m.bias.any() and any(len(set(q.sum(1))) > 1 for _, q, _ in maps):
            self._need("pads values that are no spikes")
        share = math.prod(q[0].sum() / scale for _, q, scale in maps)
        coefficient = m.coefficient / math.prod(scale for *_, scale in maps)
        # Sums of few spikes have 16 bits, as inputs of a layer with weights need.
        form = "words" if most.max() < 32768 and m.form != "sums" else "sums"
        extent = core_extent(shape)
        number = self._map(extent, form)
        single = np.zeros((1, 1), np.int64), np.ones((1, 1), np.int32)
        axes = [single] * (2 - len(maps)) + [(places, int32(q)) for places, q, _ in maps]
        self._builder.mix(m.number, number, *axes)
        adds = m.spikes or all(np.isin(q, (0, 1)).all() for _, q, _ in maps)
        self._ledger.enter(self._node.name, (self._node.name, adds))
        return replace(
            m, number=number, shape=shape, extent=extent, form=form, coefficient=coefficient,
            most=most, spikes=False, bias=m.bias * share, zero=np.empty(0, np.uint8),
        )  # fmt: skip

    def _in_order(self, value: Value) -> Value:
        """Return a map whose extent is that of its shape; `Flatten` and `Reshape` alone move nothing."""
        if value.extent == core_extent(value.shape):
            return value
        return self._moved(None, value.shape, [value])

    def _moved(self, layer: Any, shape: Shape, given: list[Value]) -> Map:
        maps = [self._potential(v) if isinstance(v, Sum) else v for v in given]
        if len({m.form for m in maps}) > 1:
            joined = zip(self._node.inputs, maps, strict=True)
            self._need("joins spikes with sums", *(n for n, m in joined if m.form != self._form))
        places, start = [], 0
        for m in maps:
            c, h, w = m.extent
            order = start + np.arange(c * h * w).reshape(h, w, c).transpose(2, 0, 1)
            places.append(order.reshape(m.shape))
            start += order.size
        if isinstance(layer, Concat):
            axis = layer.axis % len(shape)
            moved = np.concatenate(places, axis)
        else:
            moved = layer.moved(places[0], -1).reshape(shape) if layer else places[0]
        # Where channels are mixed, as within a shuffle of channels, each value is a channel of its own.
        extents = [core_extent(shape), (moved.size, 1, 1)][: 1 + isinstance(layer, Movement)]
        for extent in dict.fromkeys(extents):
            index = moved.reshape(extent).transpose(1, 2, 0)
            kept = by_channel(maps, index)
            if kept:
                break
        else:
            self._refuse("mixes channels, which have thresholds of their own")
        zero = kept.get("zero", np.empty(0)).astype(np.uint8)
        form = maps[0].form
        number = int(self._builder.map(extent, form, zero))
        self._builder.move([m.number for m in maps], number, index.ravel())
        self._ledger.enter(self._node.name)
        return Map(
            number, shape, extent, form, kept["coefficient"], kept["most"], zero, kept["bias"],
            spikes=all(m.spikes for m in maps), signed=any(m.signed for m in maps),
        )  # fmt: skip
