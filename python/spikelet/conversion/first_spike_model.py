"""Converted networks whose neurons fire at most once, which run in integers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import choice, fail, integer
from spikelet.conversion.converted import ConvertedModel
from spikelet.layers.first_spike_program import FirstSpikeProgram
from spikelet.layers.inputs import Inputs, arrays_of, neurons_of
from spikelet.layers.spiking_result import SpikingResult

_PROGRAMS_KEPT = 4


class FirstSpikeModel(ConvertedModel):
    """A network of `spikelet.layers.FirstSpike` neurons, which `convert` makes with ``neuron="first_spike"``.

    It runs in integers: layer after layer, each in a window of T steps. The core computes a window at once, with the same
    spikes as step by step, so its time does not depend on T. Inputs are rounded to 16 bits in the range of the calibration, or
    to 8 with ``dtype="int8"`` if more than weights take them. With ``dtype="int8"``, the earliest spike of 256 steps is that of step 1.

    Parameters
    ----------
    graph, ann, **options
        As for `ConvertedModel`.
    dtype : "int8" or "int16"
        Type of the weights; those of inputs of 16 bits, and of means, always have 16.
    """

    _dtypes: ClassVar = ("int8", "int16")

    def run(  # type: ignore[override]  # options are named, to refuse those of other neurons
        self,
        x: Inputs,
        steps: int | None = None,
        *,
        delay: int = 0,
        record: str | Iterable[str] | bool = (),
        coding: str = "direct",
        seed: int = 0,  # noqa: ARG002  # nothing is drawn
        progress: bool | Callable[[int], Any] = False,
        until: Any = None,
    ) -> SpikingResult:
        """Run the network once on each sample.

        Parameters
        ----------
        x : array-like, [B, ...]; for several inputs a tuple or mapping of these
        steps : int, optional
            Length of the windows T, from 2 to 256; by default the number that the network was made for.
        record : str or iterable of str, or True
            ``"layer.spikes"``: spikes of neurons in the window of their layer, int8, [T, B, ...], -1 for one of an OFF
            neuron. ``"layer.mean"`` or
            ``"layer"``: values that they stand for, [B, ...]. True: all spikes.
        delay, coding, seed, until
            As for `SpikingModel.run`, but only their defaults make sense: all spikes of a window make up one number.
        progress : bool or callable
            Call ``progress(samples done)`` at the end; such a run takes little time.

        Returns
        -------
        SpikingResult
            `operations` counts one addition for each spike and synapse, and one product for each synapse of an input or of a
            mean that is not zero. If all neurons are recorded, it counts the steps in which potentials grow and are compared.

        Raises
        ------
        ValueError
            If x does not fit, or an argument breaks its rule.
        """
        where = f"{type(self).__name__}.run"
        steps = integer(where, "steps", self.steps if steps is None else steps, 2, 256)
        rule = "of a network whose neurons fire once"
        if until is not None:
            fail(where, "until", until, "needs neurons that fire at several steps")
        for name, value, only in (("delay", delay, 0), ("coding", coding, "direct")):
            if value != only:
                fail(where, name, value, f"{rule} must be {only!r}")
        given = arrays_of(where, self.graph.inputs, x)
        for name, array in given.items():
            if not np.isfinite(array).all():
                fail(where, name, "inf or NaN", "must be finite")
        self._compare(where, given)
        arrays = [np.ascontiguousarray(array, np.float32) for array in given.values()]
        shapes = {name: array.shape[1:] for name, array in given.items()}
        wanted = _wanted(where, self, record)
        names = [*self.graph.outputs, *(layer for layer, _ in wanted.values())]
        # Counting the steps of all neurons needs the times of all spikes.
        counts = set(self.neurons) <= {layer for layer, _ in wanted.values()}
        program = self._program(where, shapes, steps)
        found, operations = program.run(arrays, names, self.threads, step_by_step=counts)
        n = len(self.graph.outputs)
        outputs = {
            name: values for name, (_, values) in zip(self.graph.outputs, found[:n], strict=True)
        }
        records: dict[str, NDArray[Any]] = {}
        for (name, (_, what)), (k, values) in zip(wanted.items(), found[n:], strict=True):
            if what == "spikes":
                at = np.arange(steps).reshape(-1, *[1] * k.ndim)
                records[name] = (np.sign(k) * (at == steps - abs(k))).astype(np.int8)
            else:
                records[name] = values
        if callable(progress):
            progress(len(arrays[0]))
        return SpikingResult(outputs, None, None, records, operations, steps)

    def _program(self, where: str, shapes: Any, steps: int) -> FirstSpikeProgram:
        key = (tuple(shapes.values()), steps)
        made: Any = self._engines.get(key)
        if made is None:
            all_shapes = self.graph.shapes(list(shapes.values()))
            bits = 8 if self.dtype == "int8" else 16  # type: ignore[comparison-overlap]  # "int8" is of this kind of model only
            made = FirstSpikeProgram(where, self.graph, all_shapes, self.input_ranges, steps, bits)
            self._engines[key] = made
            for oldest in list(self._engines)[:-_PROGRAMS_KEPT]:
                self._engines.pop(oldest, None)
        return made  # type: ignore[no-any-return]  # engines of all kinds are kept together


def _wanted(
    where: str, model: FirstSpikeModel, record: str | Iterable[str] | bool
) -> dict[str, tuple[str, str]]:
    """Return (layer, quantity) by the requested name."""
    if isinstance(record, bool):
        record = [f"{name}.spikes" for name in model.neurons if record]
    names = [record] if isinstance(record, str) else list(record)
    found = {}
    for name in names:
        layer, _, what = name.rpartition(".") if name not in model.graph else (name, "", "mean")
        if layer not in neurons_of(model.graph):
            known = ", ".join(neurons_of(model.graph))
            fail(where, "record", name, f"must be one of {known}, with .spikes or .mean")
        choice(where, "record", what, "spikes", "mean")
        found[name] = (layer, what)
    return found
