"""Operators of PyTorch that stay in PyTorch: layers that have no counterpart."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spikelet.conversion.building import Layout, Merged
from spikelet.conversion.torch.tracing import Step, Value, leaves, mapped

__all__ = ["ForeignStep"]


class ForeignStep:
    """A function of the arrays of one sample that runs a step of a module.

    Parameters
    ----------
    step : Step
    operands : sequence of Value
        In the order of the arrays.
    layouts : sequence of Layout
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
        layouts: Sequence[Layout],
        k: int,
        batch: int,
    ) -> None:
        self._step, self._operands, self._layouts = step, tuple(operands), tuple(layouts)
        self._k, self._batch = k, batch
        result: torch.Tensor = list(leaves(step.result))[k].tensor
        first = [layout.samples(v.tensor.numpy(), batch)[0] for v, layout in
                 zip(self._operands, self._layouts, strict=True)]  # fmt: skip
        self.layout = self._place(result.numpy(), self._run(first))
        self.shape = self.layout.samples(result.numpy(), batch).shape[1:]

    def _place(self, result: NDArray[Any], alone: NDArray[Any]) -> Layout:
        """Return where the result has its batch: that of the recorded run, and of one of copies of the first sample."""
        orders: tuple[Merged, ...] = ("blocks", "turns")
        for merged, axis in itertools.product(orders, range(result.ndim)):
            if result.shape[axis] % self._batch == 0:
                alike = result.shape[axis] == self._batch and result.ndim > 1
                layout = Layout(axis, "" if alike else merged)
                one, first = (layout.samples(a, self._batch)[0] for a in (alone, result))
                if np.allclose(one, first, equal_nan=True):
                    return layout
        msg = "mixes the samples of a batch"
        raise ValueError(f"{self._step.where}: {msg}; keep the samples of a batch separate")

    def _run(self, arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
        tensors: dict[Value, torch.Tensor] = {}
        for value, layout, a in zip(self._operands, self._layouts, arrays, strict=True):
            copies = layout.tensor(np.repeat(np.asarray(a)[None], self._batch, 0))
            tensors[value] = torch.from_numpy(np.ascontiguousarray(copies)).to(value.tensor.dtype)
        args, kwargs = mapped(
            lambda a: tensors[a] if isinstance(a, Value) else a,
            (self._step.args, self._step.kwargs),
        )
        with torch.no_grad():
            found = list(leaves(self._step.function(*args, **kwargs)))[self._k]
        return np.asarray(torch.as_tensor(found).numpy())

    def __call__(self, *arrays: NDArray[Any]) -> NDArray[np.float64]:
        """Return the result for one sample."""
        return np.asarray(self.layout.samples(self._run(arrays), self._batch)[0], np.float64)
