"""Operators of PyTorch that stay in PyTorch: layers that have no counterpart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spikelet.conversion.torch.tracing import Step, Value, leaves, mapped

__all__ = ["ForeignStep"]


class ForeignStep:
    """A function of the arrays of one sample that runs a step of a module.

    Parameters
    ----------
    step : Step
    operands : sequence of Value
        In the order of the arrays.
    layouts : sequence of (int, bool)
        Where each has its batch.
    k : int
        The result to return, of several.
    batch : int
        Number of samples of the recorded run. The step runs with as many copies of a sample, because it may hold numbers
        that depend on it.
    """

    def __init__(
        self,
        step: Step,
        operands: Sequence[Value],
        layouts: Sequence[tuple[int, bool]],
        k: int,
        batch: int,
    ) -> None:
        self._step, self._operands, self._layouts = step, tuple(operands), tuple(layouts)
        self._k, self._batch = k, batch
        result: torch.Tensor = list(leaves(step.result))[k].tensor
        self.axis, self.merged = self._place(result)
        n = result.shape[self.axis] // batch
        rest = [*result.shape]
        rest[self.axis : self.axis + 1] = [n] if self.merged else []
        self.shape = tuple(rest)

    def _place(self, result: torch.Tensor) -> tuple[int, bool]:
        """Return where the result has its batch: that of the recorded run, found by running the first sample alone."""
        first = [self._sample(v.tensor, layout) for v, layout in
                 zip(self._operands, self._layouts, strict=True)]  # fmt: skip
        alone = self._run(first)
        for axis, n in enumerate(result.shape):
            if n % self._batch == 0:
                part = n // self._batch
                if torch.allclose(alone.narrow(axis, 0, part), result.narrow(axis, 0, part)):
                    return axis, part > 1 or result.ndim == 1
        msg = "mixes the samples of a batch"
        raise ValueError(f"{self._step.where}: {msg}; samples must stay apart")

    def _sample(self, tensor: torch.Tensor, layout: tuple[int, bool]) -> NDArray[Any]:
        axis, merged = layout
        n = tensor.shape[axis] // self._batch
        part = tensor.narrow(axis, 0, n)
        return np.asarray((part if merged else part.squeeze(axis)).numpy())

    def _run(self, arrays: Sequence[NDArray[Any]]) -> torch.Tensor:
        tensors: dict[Value, torch.Tensor] = {}
        for value, (axis, merged), a in zip(self._operands, self._layouts, arrays, strict=True):
            given = torch.from_numpy(np.array(a)).to(value.tensor.dtype)
            given = given if merged else given.unsqueeze(axis)
            tensors[value] = torch.cat([given] * self._batch, axis)
        args, kwargs = mapped(
            lambda a: tensors[a] if isinstance(a, Value) else a,
            (self._step.args, self._step.kwargs),
        )
        with torch.no_grad():
            found = list(leaves(self._step.function(*args, **kwargs)))[self._k]
        return torch.as_tensor(found)

    def __call__(self, *arrays: NDArray[Any]) -> NDArray[np.float64]:
        """Return the result for one sample."""
        found = self._run(arrays)
        part = found.narrow(self.axis, 0, found.shape[self.axis] // self._batch)
        return np.asarray((part if self.merged else part.squeeze(self.axis)).double().numpy())
