"""Run a model over many samples in batches, so that the records fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import fail, ids, integer, shown
from spikelet._util.tensors import array_of
from spikelet.layers.first_spike import FirstSpike
from spikelet.layers.graded import Activation
from spikelet.layers.inputs import Inputs, arrays_of
from spikelet.layers.neurons import Neuron, ReLU
from spikelet.layers.spiking_model import SpikingModel
from spikelet.layers.spiking_result import Operations, SpikingResult
from spikelet.layers.views import Shape

_BATCH_BYTES = 64 << 20


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples to run a model on: a constant x [B, ...] with `steps`, or a sequence [T, B, ...] without.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    x : mapping of str to array
        One for each input of a model, by name.
    steps : int, optional
    batch_size : int, optional
        By default the number that keeps records below 64 MB.
    """

    where: str
    x: Mapping[str, NDArray[Any]]
    steps: int | None
    batch_size: int | None

    @classmethod
    def of(
        cls,
        where: str,
        model: SpikingModel,
        x: Inputs,
        steps: int | None,
        batch_size: int | None = None,
    ) -> Samples:
        """Check the arguments; steps default to the number that a converted model was made for."""
        steps = getattr(model, "steps", None) if steps is None else steps
        arrays = arrays_of(where, model.graph.inputs, x)
        ahead = 1 if steps is not None else 2
        shape = "[B, ...]" if steps is not None else "[T, B, ...] (or be given with steps=)"
        for array in arrays.values():
            if array.ndim <= ahead:
                fail(where, "x", array.shape, f"must have the shape {shape}", got="shape")
            if array.size == 0:
                fail(where, "x", array.shape, "must not be empty", got="shape")
        leads = {name: array.shape[:ahead] for name, array in arrays.items()}
        if len(set(leads.values())) > 1:
            fail(where, "x", leads, "must have equal numbers of samples", got="shapes")
        if steps is not None:
            steps = integer(where, "steps", steps, 1)
        if batch_size is not None:
            batch_size = integer(where, "batch_size", batch_size, 1)
        return cls(where, arrays, steps, batch_size)

    @property
    def count(self) -> int:
        """Number of samples."""
        return int(self._first.shape[0 if self.steps is not None else 1])

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shapes of one sample, by input."""
        ahead = 1 if self.steps is not None else 2
        return {name: array.shape[ahead:] for name, array in self.x.items()}

    @property
    def _first(self) -> NDArray[Any]:
        return next(iter(self.x.values()))

    @property
    def total(self) -> int:
        """Number of time steps T."""
        return len(self._first) if self.steps is None else self.steps

    def constant(self) -> Samples:
        """Return the input of an ANN: x, or the mean of a sequence, for one step."""
        x = self.x
        if self.steps is None:
            x = {name: array.mean(axis=0) for name, array in x.items()}
        return Samples(self.where, x, 1, self.batch_size)

    def first(self, n: int) -> Samples:
        """Return the first n samples."""
        return Samples(self.where, self.part(slice(n)), self.steps, self.batch_size)

    def part(self, which: slice) -> dict[str, NDArray[Any]]:
        """Return the arrays of some of the samples."""
        at = which if self.steps is not None else (slice(None), which)
        return {name: array[at] for name, array in self.x.items()}

    def run(
        self, model: SpikingModel, bytes_each: int, **arguments: Any
    ) -> Iterator[tuple[slice, SpikingResult]]:
        """Run one batch after another.

        Parameters
        ----------
        model : SpikingModel
        bytes_each : int
            Bytes that one sample records.
        **arguments
            Arguments of `SpikingModel.run`. Each batch of Poisson spikes has a seed of its own.
        """
        size = self.batch_size or max(1, _BATCH_BYTES // max(1, bytes_each))
        seed = arguments.pop("seed", 0)
        for begin in range(0, self.count, size):
            part = slice(begin, min(begin + size, self.count))
            yield part, model.run(self.part(part), self.steps, seed=seed + begin, **arguments)


def merge(parts: Sequence[tuple[int, Mapping[str, Operations]]]) -> dict[str, Operations]:
    """Return the mean operations over batches, given as (number of samples, operations)."""
    total = sum(n for n, _ in parts)
    merged = {}
    for name in parts[0][1]:
        sums = [
            sum(n * getattr(o[name], what) for n, o in parts) / total
            for what in (field.name for field in fields(Operations))
        ]
        merged[name] = Operations(*sums)
    return merged


def is_model(where: str, argument: str, model: Any) -> SpikingModel:
    """Check that an argument is a SpikingModel."""
    if not isinstance(model, SpikingModel):
        msg = f"{where}: {argument} must be a SpikingModel, got {shown(model)}"
        raise TypeError(msg)
    return model


def check_pair(where: str, snn: Any, ann: Any, *, graded: bool = False) -> list[str]:
    """Check that two models have the same neurons, and return their names; `graded` models may have none.

    Raises
    ------
    TypeError
        If an argument is not a SpikingModel.
    ValueError
        If the ANN has spiking neurons, or a neuron has no counterpart.
    """
    snn, ann = is_model(where, "snn", snn), is_model(where, "ann", ann)
    for node in ann.graph:
        if isinstance(node.layer, Neuron):
            fail(where, "ann", node.name, "must not have spiking neurons", got="layer")
    either = [n.name for n in snn.graph if isinstance(n.layer, (Neuron, ReLU, FirstSpike))]
    # An activation of the ANN is graded in the other model, or one of its neurons.
    analog = [
        n.name
        for n in ann.graph
        if isinstance(n.layer, ReLU) or (isinstance(n.layer, Activation) and n.name in either)
    ]
    for one, other, names in (("snn", either, analog), ("ann", analog, either)):
        for name in names:
            if name not in other:
                fail(where, one, name, "must have the neurons of the other model", got="no")
    if not analog and not graded:
        layers = [n.name for n in ann.graph]
        fail(where, "ann", layers, "must have at least one ReLU", got="layers")
    return either


def check_labels(where: str, labels: ArrayLike | None, samples: Samples, outputs: int) -> Any:
    """Return one label for each sample, or None."""
    if labels is None:
        return None
    labels = array_of(where, "labels", labels)
    array = ids(f"{where}: labels", "labels", labels, outputs).astype(np.int64)
    if len(array) != samples.count:
        fail(
            where,
            "labels",
            array.shape,
            f"must have one entry for each of {samples.count} samples",
            got="shape",
        )
    return array


def decisions(output: NDArray[Any]) -> NDArray[np.int64]:
    """Return the index of the largest value of each sample, [B]."""
    chosen: NDArray[np.int64] = output.reshape(len(output), -1).argmax(axis=1)
    return chosen


def readout_delay(where: str, model: Any, delay: int | None, total: int) -> int:
    """Return the readout delay of a run of `total` steps; by default that of a converted model, scaled to the run."""
    if delay is not None:
        return integer(where, "delay", delay, 0, total - 1)
    own, made_for = int(getattr(model, "delay", 0)), getattr(model, "steps", None)
    if made_for is not None and made_for != total:
        own = own * total // made_for
    return min(own, total - 1)


def with_coding(model: Any, run_args: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a run with the coding filled in; by default that of a converted model."""
    return {"coding": getattr(model, "coding", "direct"), **run_args}


def is_sequence(samples: Samples, run_args: dict[str, Any]) -> bool:
    """Return whether the input changes from step to step."""
    return samples.steps is None or run_args.get("coding", "direct") != "direct"
