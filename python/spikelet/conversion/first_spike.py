"""Conversion to neurons that fire at most once: their thresholds, weights that correct what rounding shifts, and the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import choice, fail, integer
from spikelet._util.described import Described
from spikelet.conversion.converted import ConvertedModel
from spikelet.conversion.fitted.regression import correct_weights
from spikelet.conversion.layerwise.activity import Calibration, Floats
from spikelet.conversion.layerwise.site import Method, Site
from spikelet.conversion.layerwise.streaming import fit_layers
from spikelet.conversion.neurons import usable
from spikelet.conversion.preparation import range_of
from spikelet.layers import FirstSpike, Layer, ReLU
from spikelet.layers.first_spike_program import FirstSpikeProgram
from spikelet.layers.inputs import Inputs, arrays_of, neurons_of
from spikelet.layers.spiking_model import SpikingModel
from spikelet.layers.spiking_result import SpikingResult

__all__ = ["FirstSpikeModel", "FirstSpikes", "first_spike_model"]

_SHARES = np.linspace(0.1, 1.0, 46)  # candidates: threshold by greatest activation
_VALUES = 8192  # of a channel, from which its threshold is chosen
_PROGRAMS_KEPT = 4


class FirstSpikeModel(ConvertedModel):
    """A network of `spikelet.layers.FirstSpike` neurons, which `convert` makes with ``neuron="first_spike"``.

    It runs in integers: layer after layer, each in a window of T steps. The core computes a window at once, with the same
    spikes as step by step, so its time does not depend on T. Inputs are rounded to 8 bits (16 with ``dtype="int16"``) in the
    range of the calibration. With ``dtype="int8"``, the earliest spike of 256 steps is that of step 1.

    Parameters
    ----------
    graph, ann, **options
        As for `ConvertedModel`.
    dtype : "int8" or "int16"
        Type of the weights.
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
            ``"layer.spikes"``: spikes of neurons in the window of their layer, int8, [T, B, ...]. ``"layer.mean"`` or
            ``"layer"``: values that they stand for, [B, ...]. True: all spikes.
        delay, coding, seed, until
            As for `SpikingModel.run`, but only their defaults make sense: all spikes of a window make up one number.
        progress : bool or callable
            Call ``progress(samples done)`` at the end; such a run takes little time.

        Returns
        -------
        SpikingResult
            `operations` counts one addition for each spike and synapse, and one product for each synapse of an input or of a
            mean that is not zero. It does not count the steps in which potentials grow.

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
        found, operations = self._program(where, shapes, steps).run(arrays, names, self.threads)
        n = len(self.graph.outputs)
        outputs = {
            name: values for name, (_, values) in zip(self.graph.outputs, found[:n], strict=True)
        }
        records: dict[str, NDArray[Any]] = {}
        for (name, (_, what)), (k, values) in zip(wanted.items(), found[n:], strict=True):
            if what == "spikes":
                at = np.arange(steps).reshape(-1, *[1] * k.ndim)
                records[name] = ((k > 0) & (at == steps - k)).astype(np.int8)
            else:
                records[name] = values
        if callable(progress):
            progress(len(arrays[0]))
        return SpikingResult(outputs, None, None, records, operations, steps)

    def export(self, *_arguments: Any, **_options: Any) -> None:
        """Refuse: there is no C program of these networks yet."""
        msg = f"{type(self).__name__}.export: C programs have no neurons that fire once"
        raise ValueError(f'{msg}; convert with neuron="predictive"')

    def _program(self, where: str, shapes: Any, steps: int) -> FirstSpikeProgram:
        key = (tuple(shapes.values()), steps)
        made: Any = self._engines.get(key)
        if made is None:
            all_shapes = self.graph.shapes(list(shapes.values()))
            bits = 8 if self.dtype == "int8" else 16  # type: ignore[comparison-overlap]
            made = FirstSpikeProgram(where, self.graph, all_shapes, self.input_ranges, steps, bits)
            self._engines[key] = made
            for oldest in list(self._engines)[:-_PROGRAMS_KEPT]:
                self._engines.pop(oldest, None)
        return made  # type: ignore[no-any-return]


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


@dataclass(frozen=True, repr=False, eq=False)
class FirstSpikes(Described, Method):
    """Neurons that fire at most once; see `spikelet.layers.FirstSpike`.

    Layer by layer, ridge regression corrects the weights, so that the potentials are those of the ANN although the layers
    before round, and the threshold of each channel is the one whose rounded outputs have the least squared error.

    Parameters
    ----------
    steps : int
        Length of the windows T.
    """

    steps: int

    name = "first_spike"

    def accepts(self, layer: Layer, neuron: str) -> bool:  # noqa: ARG002  # it makes one kind
        """Return whether a layer is a ReLU."""
        return isinstance(layer, ReLU)

    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the neuron, and the layers whose weights were corrected."""
        changes = correct_weights(site)
        rows = np.moveaxis(site.target(), 1, 0).reshape(site.shape[0], -1)
        currents = np.moveaxis(site.mean_current(changes=changes), 1, 0).reshape(rows.shape)
        step = -(-rows.shape[1] // _VALUES)
        thresholds = usable(site.limited(self._thresholds(rows[:, ::step], currents[:, ::step])))
        return {**changes, site.name: FirstSpike(thresholds, self.steps)}

    def _thresholds(self, target: Floats, currents: Floats) -> Floats:
        greatest = target.max(1)
        best: Floats = greatest.copy()
        least = np.full(len(target), np.inf)
        for share in _SHARES:
            theta = np.maximum(greatest * share, 1e-30)[:, None]
            k = np.clip(np.floor(currents / theta * self.steps + 0.5), 0, self.steps)
            error = np.square(k / self.steps * theta - target).mean(1)
            best[error < least] = (greatest * share)[error < least]
            least = np.minimum(error, least)
        return best


def first_spike_model(
    where: str, cal: Calibration, method: Any, coding: str, dtype: str | None, progress: Any
) -> FirstSpikeModel:
    """Return a calibrated network with neurons that fire once instead of its ReLUs.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    cal : Calibration
    method, coding, dtype, progress
        As for `spikelet.convert`.
    """
    steps = integer(where, "steps", cal.steps, 2, 256)
    choice(where, 'method for neuron="first_spike"', method, "auto", FirstSpikes.name)
    choice(where, 'coding for neuron="first_spike"', coding, "direct")
    dtype = "int8" if dtype is None else dtype
    choice(where, 'dtype for neuron="first_spike"', dtype, "int8", "int16")
    if cal.kept:
        rule = (
            'must be empty: neurons that fire once get spikes only; neuron="predictive" mixes both'
        )
        fail(where, "keep", sorted(cal.kept), rule)
    options: dict[str, Any] = {
        "method": FirstSpikes.name,
        "neuron": FirstSpikes.name,
        "steps": steps,
        "dtype": dtype,
        "threads": cal.threads,
        "input_shapes": [x.shape[1:] for x in cal.inputs.values()],
        "input_ranges": [range_of(x) for x in cal.inputs.values()],
    }
    ann = SpikingModel(cal.graph, threads=cal.threads)
    names = [n.name for n in cal.graph if isinstance(n.layer, ReLU)]
    one = {name: FirstSpike(1.0, steps) for name in names}
    graph, bits = cal.graph.replaced(one), 8 if dtype == "int8" else 16
    FirstSpikeProgram(where, graph, cal.shapes, options["input_ranges"], steps, bits)  # checks it

    def watch(name: str) -> None:
        if callable(progress):
            progress(names.index(name), len(names), name)

    changes = fit_layers(where, replace(cal, steps=1), FirstSpikes(steps), watch)
    return FirstSpikeModel(cal.graph.replaced(changes), ann, **options)
