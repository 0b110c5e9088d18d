"""Where to compare two functions of one value: a grid, what the constants suggest, and both sides of each jump."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spikelet.conversion.torch.tracing import Step, Value, leaves, mapped

__all__ = ["NEAR", "Formula", "grid"]

Floats = NDArray[np.float64]

NEAR = 12.0  # where functions bend
_TINY, _FAR = np.geomspace(1e-12, 5e-3, 20), np.geomspace(12.5, 1e30, 160)
_HALVINGS = 80  # of an interval in which a comparison changes


class Formula:
    """A function of each value, computed by recorded steps.

    Constants become as small as they can: those that are the same along an axis, and so for all samples, have length 1 there.

    Parameters
    ----------
    source : Value
        Its input.
    steps : sequence of Step
        In order; all are functions of each value.

    Attributes
    ----------
    shape : tuple of int
        Shape of all constants together, with as many axes as the input.
    numbers : tuple of float
        The numbers among the constants, and their reciprocals.
    """

    def __init__(self, source: Value, steps: Sequence[Step]) -> None:
        self._source = source
        self._steps = [
            (step, *mapped(_narrow, (step.args, step.kwargs)))
            for step in steps
        ]  # fmt: skip
        constants = [a for _, *given in self._steps for a in leaves(given) if isinstance(a, torch.Tensor)]  # fmt: skip
        found = np.broadcast_shapes(*(tuple(a.shape) for a in constants))
        self.shape = (1,) * (len(source.shape) - len(found)) + found
        self.numbers = tuple(_numbers(a for _, *given in self._steps for a in leaves(given)))

    def of(self, x: Floats) -> Floats:
        """Return the values for inputs [n, ...], broadcast over the constants."""
        made = self._made(x)
        last = made[self._steps[-1][0].result].double().numpy()
        return np.array(np.broadcast_to(last, np.broadcast_shapes(x.shape, last.shape)))

    def jumps(self, x: Floats) -> Floats:
        """Return inputs [m, ...] on both sides of each change of a comparison between ascending inputs [n, ...]."""
        x = np.broadcast_to(x, (len(x), *self.shape))
        low: list[Floats] = []
        high: list[Floats] = []
        which: list[int] = []
        for k, y in enumerate(self._compared(x)):
            changes = y[1:] != y[:-1]
            place = np.argsort(~changes, axis=0, kind="stable")[: int(changes.sum(axis=0).max(initial=0))]  # fmt: skip
            low.append(np.take_along_axis(x[:-1], place, 0))
            high.append(np.take_along_axis(x[1:], place, 0))
            which += [k] * len(place)
        a, b = np.concatenate(low), np.concatenate(high)
        if not len(a):
            return a
        rows = (np.array(which), np.arange(len(a)))
        before = np.stack(self._compared(a))[rows]
        for _ in range(_HALVINGS):
            middle = a + (b - a) / 2
            same = np.stack(self._compared(middle))[rows] == before
            a, b = np.where(same, middle, a), np.where(same, b, middle)
        return np.concatenate([a, b])

    def _compared(self, x: Floats) -> list[Any]:
        """Return the results of the comparisons."""
        made = self._made(x)
        signs = [made[step.result] for step, *_ in self._steps if _compares(step)]
        return [np.broadcast_to(sign.double().numpy(), x.shape) for sign in signs]

    def _made(self, x: Floats) -> dict[Value, torch.Tensor]:
        made: dict[Value, torch.Tensor] = {self._source: torch.from_numpy(np.array(x))}
        for step, *given in self._steps:
            args, kwargs = mapped(lambda a: made[a] if isinstance(a, Value) else a, tuple(given))
            made[step.result] = step.function(*args, **kwargs)
        return made


def grid(numbers: Sequence[float]) -> Floats:
    """Return ascending inputs: near 0 and far, at the numbers of a formula and beside them, and at what two of them make."""
    half = np.concatenate([_TINY, np.linspace(0.01, NEAR, 600), _FAR])
    known = [*numbers, *(f for a, b in itertools.combinations(numbers, 2) for f in (a * b, a + b, a - b))]  # fmt: skip
    at = np.array([v for v in known if np.isfinite(v)], dtype=np.float64)
    beside = np.concatenate([at, at * (1 - 1e-9), at * (1 + 1e-9)])
    return np.unique(np.concatenate([-half, [0.0], half, beside, -beside]))


def _compares(step: Step) -> bool:
    return step.result.tensor.dtype == torch.bool or step.kind in ("sign", "sgn")


def _narrow(constant: Any) -> Any:
    """Return a constant tensor with length 1 along the axes where it is the same."""
    if not isinstance(constant, torch.Tensor) or not constant.numel():
        return constant
    for axis in range(constant.ndim):
        first = constant.narrow(axis, 0, 1)
        if bool((constant == first).all()):
            constant = first
    return constant


def _numbers(constants: Any) -> list[float]:
    found: dict[float, None] = {}
    for a in constants:
        single = isinstance(a, torch.Tensor) and a.numel() == 1
        if (isinstance(a, (int, float)) and not isinstance(a, bool)) or single:
            number = float(a)
            found.update(dict.fromkeys([number, *([1 / number] if number else [])]))
    return list(found)
