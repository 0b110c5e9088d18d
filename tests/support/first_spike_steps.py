"""The specification of the core's `FirstSpikeBuilder`: networks that fire once, step by step."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.int64]


class StepByStep:
    """Takes the same calls as the core's builder, and simulates each window of T steps."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, int, int]] = []
        self.zeros: list[Array] = []
        self.inputs: list[Any] = []
        self.operations: list[Any] = []
        self.terms: list[Any] = []

    def map(self, shape: Any, form: str, zero: Any) -> int:
        self.shapes.append(tuple(shape))
        self.zeros.append(np.broadcast_to(np.asarray(zero, np.int64) if len(zero) else 0, shape[0]))
        return len(self.shapes) - 1

    def input(self, number: int, scale: Any, low: int, high: int) -> None:
        self.inputs.append((number, scale, low, high))

    def convolve(self, *call: Any) -> None:
        self.terms.append(call)

    def add(self, *call: Any) -> None:
        self.terms.append(call)

    def end(self, output: int, *neurons: Any) -> None:
        self.operations.append(("sum", output, self.terms, neurons))
        self.terms = []

    def pool(self, number: int, output: int, *call: Any) -> None:
        self.operations.append(("pool", output, number, call))

    def mix(self, number: int, output: int, *axes: Any) -> None:
        self.operations.append(("mix", output, number, axes))

    def move(self, numbers: Any, output: int, index: Any) -> None:
        self.operations.append(("move", output, list(numbers), np.asarray(index)))

    def program(self) -> StepByStep:
        return self

    def run(self, inputs: Any, count: int, wanted: Any, threads: int) -> Any:
        """Return maps, and synaptic operations and spikes of each operation, as the core does."""
        samples: list[Any] = []
        work: list[list[Any]] = [[0, 0] for _ in self.operations]
        for n in range(count):
            values: dict[int, Array] = {}
            for (number, scale, low, high), x in zip(self.inputs, inputs, strict=True):
                k = np.floor(
                    x[n].reshape(self.shapes[number]) * scale[:, None, None] + np.float32(0.5)
                )
                values[number] = np.clip(k, low, high).astype(np.int64)
            for o, operation in enumerate(self.operations):
                additions, spikes = getattr(self, f"_{operation[0]}")(values, *operation[1:])
                work[o][0] = work[o][0] + np.asarray(additions, np.int64)
                work[o][1] += spikes
            samples.append([values[w].astype(np.int32) for w in wanted])
        counts = [(added.tolist(), spikes) for added, spikes in work]
        return [np.stack(arrays) for arrays in zip(*samples, strict=True)], counts

    def _sum(self, values: dict[int, Array], output: int, terms: Any, neurons: Any) -> Any:
        potential = np.zeros(self.shapes[output], np.int64)
        additions: list[int] = []
        for number, *call in terms:
            k, zero = values[number], self.zeros[number][:, None, None]
            if len(call) == 1:  # a synapse from each neuron to its place; the map holds k + zero
                potential += np.asarray(call[0], np.int64)[:, None, None] * (k + zero)
                additions.append(np.count_nonzero(k))
                continue
            weights, size, stride, dilation, before, groups = call
            potential += self._window(
                k, lambda s, call=call: _convolved(s, *call, self.shapes[output])
            )
            constant = np.broadcast_to(zero, k.shape)  # a border holds it, too
            potential += _convolved(constant, *call, self.shapes[output], edge=True)
            active = (k != 0).astype(np.int64)
            ones = (np.ones_like(weights), size, stride, dilation, before, groups)
            additions.append(int(_convolved(active, *ones, self.shapes[output]).sum()))
        bias, unit, high, zero, table = neurons
        if not len(unit):
            values[output] = potential
            return additions, 0
        potential = potential + bias[:, None, None]
        fired = np.zeros_like(potential)
        unit, zero = (np.asarray(v, np.int64)[:, None, None] for v in (unit, zero))
        if len(table):
            fired = _by_table(potential // unit, np.reshape(table, (len(unit), -1)))
        else:
            potential = potential - zero * unit
            for k in range(
                high, 0, -1
            ):  # thresholds of ON and OFF neurons approach by a unit in each step
                fired = np.where(
                    (fired == 0) & (k <= high - zero) & (potential >= k * unit), k, fired
                )
                fired = np.where(
                    (fired == 0) & (k <= zero) & (potential < (1 - k) * unit), -k, fired
                )
        values[output] = fired
        return additions, np.count_nonzero(fired)

    @staticmethod
    def _window(k: Array, synapses: Any) -> Array:
        """Simulate the window of the source: spikes raise slopes, by which potentials grow at each step."""
        most = int(np.abs(k).max(initial=0))
        slope = potential = synapses(np.zeros_like(k))
        for t in range(most):
            now = np.abs(k) == most - t
            if now.any():
                slope = slope + synapses(np.where(now, np.sign(k), 0))
            potential = potential + slope
        return potential

    def _pool(self, values: dict[int, Array], output: int, number: int, call: Any) -> Any:
        size, stride, dilation, before = call
        k = values[number]
        found = np.zeros(self.shapes[output], np.int64)
        for c, y, x in np.ndindex(found.shape):
            window: list[int] = []
            for i, j in np.ndindex(*size):
                at_y = y * stride[0] + i * dilation[0] - before[0]
                at_x = x * stride[1] + j * dilation[1] - before[1]
                inside = 0 <= at_y < k.shape[1] and 0 <= at_x < k.shape[2]
                window.append(k[c, at_y, at_x] if inside else 0)
            found[c, y, x] = max(window)
        values[output] = found
        return [], 0

    def _mix(self, values: dict[int, Array], output: int, number: int, axes: Any) -> Any:
        k, found, added = values[number], np.zeros(self.shapes[output], np.int64), 0
        (rows, heights), (columns, widths) = axes
        for y, x in np.ndindex(found.shape[1:]):
            for (at_y, h), (at_x, w) in product(
                zip(rows[y], heights[y], strict=True), zip(columns[x], widths[x], strict=True)
            ):
                if h * w:  # a synapse of this weight
                    found[:, y, x] += int(h) * int(w) * k[:, at_y, at_x]
                    added += np.count_nonzero(k[:, at_y, at_x])
        values[output] = found
        return [added], 0

    def _move(self, values: dict[int, Array], output: int, numbers: Any, index: Array) -> Any:
        flat = np.concatenate([values[n].transpose(1, 2, 0).ravel() for n in numbers])
        c, h, w = self.shapes[output]
        moved = np.where(index < 0, 0, flat[index]).reshape(h, w, c)
        values[output] = moved.transpose(2, 0, 1)
        return [], 0


def _by_table(at: Array, table: Array) -> Array:
    """Fire at the steps at which a potential, in units, lies between thresholds of this step."""
    at = np.clip(at, 0, table.shape[1] - 1)
    fired = np.zeros_like(at)
    for k in range(int(np.abs(table).max(initial=0)), 0, -1):
        for sign in (1, -1):
            for c, row in enumerate(table):
                (edges,) = np.nonzero(np.diff(row == sign * k, prepend=False, append=False))
                for begin, end in edges.reshape(-1, 2):
                    fired[c][(at[c] >= begin) & (at[c] < end)] = sign * k
    return fired


def _convolved(
    k: Array, weights: Any, size: Any, stride: Any, dilation: Any, before: Any, groups: int,
    shape: Any, *, edge: bool = False,
) -> Array:  # fmt: skip
    after = [
        max(0, (n - 1) * s + (z - 1) * d - b + 1 - m)
        for n, s, z, d, b, m in zip(
            shape[1:], stride, size, dilation, before, k.shape[1:], strict=True
        )
    ]
    sides = ((0, 0), *zip(before, after, strict=True))
    padded = np.pad(k, sides, mode="edge" if edge else "constant")
    spans = [d * (z - 1) + 1 for d, z in zip(dilation, size, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=(1, 2))
    windows = windows[:, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    windows = windows[:, : shape[1], : shape[2]].reshape(groups, -1, *shape[1:], *size)
    grouped = np.asarray(weights, np.int64).reshape(groups, shape[0] // groups, -1, *size)
    return np.einsum("goiab,giyxab->goyx", grouped, windows).reshape(shape)
