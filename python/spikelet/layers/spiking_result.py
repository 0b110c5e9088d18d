"""What a run of a layered model returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet._util import html

__all__ = ["Operations", "SpikingResult"]


@dataclass(frozen=True)
class Operations:
    """Operations of one layer per sample, over all steps: the mean over the batch.

    Parameters
    ----------
    spikes : float
        Spikes sent.
    additions : float
        Synaptic operations, each one weight added for one spike (NeuroBench's effective ACs).
    products : float
        Products of a weight and a non-zero analog input (effective MACs), counted at each step. Where only the mean of
        the layer's output is needed, an input counts at all steps unless its mean is 0; `sl.energy.measure` counts the
        steps themselves.
    dense : float
        Number of operations if all inputs were active at each step.
    updates, comparisons : float
        Of layers that fire once, and only if all their neurons are recorded: steps at which potentials grow, from the first
        spike that arrives to the end of its window, and comparisons with the threshold, until a neuron fires.
    """

    spikes: float
    additions: float
    products: float
    dense: float
    updates: float = 0.0
    comparisons: float = 0.0


@dataclass(frozen=True, eq=False)
class SpikingResult:
    """The result of a run.

    Parameters
    ----------
    outputs : mapping of str to array, [B, ...]
        Mean of each output layer over the steps (from `delay` on), by name: of spikes, of values, or, of readouts that never
        spike (`LI` of spikelet.torch), of potentials.
    spikes : int8 array, [T, B, ...], or None
        Spikes of the output layer (the first of several), if it is a layer of neurons and either the input is a sequence or anything is recorded.
        Spikes of several sizes are given in units of the amplitude.
    v : array, [T, B, ...], or None
        Potential of the last layer of neurons after each step, if anything is recorded.
    records : mapping of str to array
        The arrays that `record` named.
    operations : mapping of str to Operations
        Operations by layer; "input" has the spikes of the input.
    steps : int, or int array [B]
        Number of time steps T; with ``until=``, that of each sample.
    so_far : array, [K, B, ...], or None
        Mean output after each of the K checks of a `Stopping` that keeps them.
    """

    outputs: Mapping[str, NDArray[Any]]
    spikes: NDArray[Any] | None
    v: NDArray[Any] | None
    records: Mapping[str, NDArray[Any]]
    operations: Mapping[str, Operations]
    steps: int | NDArray[np.int64]
    so_far: NDArray[Any] | None = None

    @property
    def output(self) -> Any:
        """The output, [B, ...]; of a model with several, a tuple of them in their order."""
        values = tuple(self.outputs.values())
        return values[0] if len(values) == 1 else values

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the array recorded under this name."""
        try:
            return self.records[name]
        except KeyError:
            known = ", ".join(self.records) or "nothing"
            hint = f"; the output is outputs[{name!r}]" if name in self.outputs else ""
            msg = f"SpikingResult: '{name}' was not recorded; recorded: {known}{hint}"
            raise KeyError(msg) from None

    def _repr_html_(self) -> str:
        """Return tables of the outputs and the operations, for notebooks."""
        steps = self.steps if isinstance(self.steps, int) else f"{self.steps.mean():.3g} on average"
        shapes = [(name, str(values.shape), "output") for name, values in self.outputs.items()]
        shapes += [(name, str(values.shape), "record") for name, values in self.records.items()]
        work = [
            (name, f"{each.spikes:.4g}", f"{each.additions:.4g}", f"{each.products:.4g}")
            for name, each in self.operations.items()
        ]
        return html.joined(
            html.grid(f"SpikingResult, T = {steps}", ["name", "shape", ""], shapes),
            html.grid("Operations", ["layer", "spikes", "additions", "products"], work),
        )
