"""Conversion to neurons that fire at most once: thresholds, and weights that correct what rounding shifts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet._util.advice import warn_caller
from spikelet._util.checks import choice, fail, integer
from spikelet._util.described import Described
from spikelet.conversion.first_spike_model import FirstSpikeModel
from spikelet.conversion.fitted.regression import Regression
from spikelet.conversion.fitted.rounding import finest_units, rounded_weights, spike_sizes
from spikelet.conversion.layerwise.activity import Calibration, Floats
from spikelet.conversion.layerwise.site import Method, Site
from spikelet.conversion.layerwise.streaming import fit_layers
from spikelet.conversion.neurons import can_spike, usable
from spikelet.conversion.preparation import range_of, relayed
from spikelet.layers import Activation, FirstSpike, Layer, ReLU
from spikelet.layers.first_spike_program import FirstSpikeProgram
from spikelet.layers.first_spike_values import NeedsSpikes
from spikelet.layers.spiking_model import SpikingModel
from spikelet.layers.spiking_result import SpikingResult

_SHARES = np.linspace(0.1, 1.0, 46)  # candidates: threshold by greatest activation
_LONGEST = 256  # steps of a window, which all networks must be able to take
_APART = 1e-6  # thresholds of channels, while it is checked that layers keep these apart
_VALUES = 8192  # of a channel, from which its threshold is chosen
_COMPARED = 256  # samples whose decisions tell whether 8 bits are enough
_LOST, _FEW = 0.05, 3  # share and number of decisions that may be lost to them


@dataclass(frozen=True, repr=False, eq=False)
class FirstSpikes(Described, Method):
    """Neurons that fire at most once; see `spikelet.layers.FirstSpike`.

    Layer by layer, ridge regression corrects the weights, so that the potentials are those of the ANN although the layers
    before round, and the threshold of each channel is the one whose rounded outputs have the least squared error. Weights of
    8 bits are rounded at once, so that later layers make up for it.

    Parameters
    ----------
    steps : int
        Length of the windows T.
    dtype : "int8" or "int16"
        Type of the weights.
    """

    steps: int
    dtype: str = "int8"

    name = "first_spike"

    def accepts(self, layer: Layer, neuron: str) -> bool:  # noqa: ARG002  # it makes one kind
        """Return whether a layer is a ReLU, or an activation that neurons follow."""
        return can_spike(layer)

    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the neuron, and the layers whose weights were corrected; trained neurons and their input stay as they are."""
        if isinstance(site.layer, ReLU) and site.layer.levels == self.steps:
            return {site.name: FirstSpike(site.upper, self.steps)}
        fitted = Regression.of(site)
        changes = fitted.confirmed() if fitted else {}
        target = np.moveaxis(site.target(), 1, 0).reshape(site.shape[0], -1)
        currents = np.moveaxis(site.mean_current(changes=changes), 1, 0).reshape(target.shape)
        step = -(-target.shape[1] // _VALUES)
        function, outputs, reach = None, np.maximum(currents[:, ::step], 0), None
        if isinstance(site.layer, Activation):
            function, outputs = site.layer, site.layer.of(currents[None, :, ::step])[0]
            reach = usable(np.abs(currents).max(1))
        thresholds = usable(site.limited(self._thresholds(target, outputs, step)))
        if fitted and function is None and self.dtype == "int8":
            sizes: list[Any] = [spike_sizes(site.graph, site.shapes, n) for n in fitted.sources]
            if set(fitted.layers) == set(site.linear) and not any(s is None for s in sizes):
                units = finest_units(changes, sizes)
                thresholds = np.maximum(np.floor(thresholds / units), 1) * units
                changes = rounded_weights(fitted, changes, sizes, units)
        return {**changes, site.name: FirstSpike(thresholds, self.steps, function, reach)}

    def _thresholds(self, target: Floats, outputs: Floats, step: int) -> Floats:
        """Return the thresholds of the least squared error: of rounding, for some values, and of clipping, for all."""
        greatest, some = np.abs(target).max(1), target[:, ::step]
        best: Floats = greatest.copy()
        least = np.full(len(target), np.inf)
        beyond = [_Tail(np.abs(values)) for values in target]
        for share in _SHARES:
            theta = np.maximum(greatest * share, 1e-30)
            k = np.floor(outputs / theta[:, None] * self.steps + 0.5)
            error = np.square(k / self.steps * theta[:, None] - some).mean(1)
            error += [tail.clipped(limit) for tail, limit in zip(beyond, theta, strict=True)]
            best[error < least] = (greatest * share)[error < least]
            least = np.minimum(error, least)
        return best


class _Tail:
    """Values of a channel, of which those beyond a limit are clipped."""

    def __init__(self, values: Floats) -> None:
        self._count = len(values)
        self._sorted = np.sort(values[values > _SHARES[0] * values.max()])[::-1].astype(np.float64)
        self._sums = [np.cumsum(np.append(0.0, self._sorted**power)) for power in (1, 2)]

    def clipped(self, limit: float) -> float:
        """Return the mean squared error of clipping."""
        n = np.searchsorted(-self._sorted, -limit)
        first, second = (sums[n] for sums in self._sums)
        return float(max(second - 2 * limit * first + n * limit**2, 0.0) / self._count)


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
    steps = integer(where, "steps", cal.steps, 2, _LONGEST)
    choice(where, 'method for neuron="first_spike"', method, "auto", FirstSpikes.name)
    choice(where, 'coding for neuron="first_spike"', coding, "direct")
    dtype = "int8" if dtype is None else dtype
    choice(where, 'dtype for neuron="first_spike"', dtype, "int8", "int16")
    if cal.kept:
        rule = (
            'must be empty: neurons that fire once get spikes only; neuron="predictive" mixes both'
        )
        fail(where, "keep", sorted(cal.kept), rule)
    while True:
        try:
            return _model(where, cal, steps, dtype, progress)
        except NeedsSpikes as error:
            names = [n for n in error.names if n in cal.graph and not can_spike(cal.graph[n].layer)]
            names = [n for n in names if f"{n}.relay" not in cal.graph]
            if not names:
                raise
            cal = replace(cal, graph=relayed(cal.graph, names))


def _model(where: str, cal: Calibration, steps: int, dtype: str, progress: Any) -> FirstSpikeModel:
    options: dict[str, Any] = {
        "method": FirstSpikes.name,
        "neuron": FirstSpikes.name,
        "steps": steps,
        "dtype": dtype,
        "threads": cal.threads,
        "input_shapes": [x.shape[1:] for x in cal.inputs.values()],
        "input_ranges": [range_of(x) for x in cal.inputs.values()],
    }
    trained = {
        n.name: n.layer.replace(steps=steps) for n in cal.graph if isinstance(n.layer, FirstSpike)
    }
    cal = replace(cal, graph=cal.graph.replaced(trained))
    ann = SpikingModel(cal.graph, threads=cal.threads)
    names = [n.name for n in cal.graph if can_spike(n.layer) and n.name not in cal.graph.outputs]
    names += [n.name for n in cal.graph if isinstance(n.layer, ReLU) and n.name not in names]
    one = {
        name: FirstSpike(
            1 + _APART * np.arange(cal.shapes[name][0]),
            steps,
            None if isinstance(layer, ReLU) else layer,
        )
        for name in names
        for layer in [cal.graph[name].layer]
    }
    graph, bits = cal.graph.replaced(one), 8 if dtype == "int8" else 16
    FirstSpikeProgram(
        where, graph, cal.shapes, options["input_ranges"], _LONGEST, bits
    )  # checks it

    def watch(name: str) -> None:
        if callable(progress):
            progress(names.index(name), len(names), name)

    changes = fit_layers(where, replace(cal, steps=1), FirstSpikes(steps, dtype), watch)
    graph = cal.graph.replaced(changes)
    FirstSpikeProgram(where, graph, cal.shapes, options["input_ranges"], _LONGEST, bits)
    model = FirstSpikeModel(graph, ann, **options)
    if dtype == "int8":
        fired = {n: layer for n, layer in changes.items() if isinstance(layer, FirstSpike)}
        finer = FirstSpikeModel(cal.graph.replaced(fired), ann, **{**options, "dtype": "int16"})
        _warn_of_bits(where, model, finer, cal)
    return model


def _warn_of_bits(
    where: str, model: FirstSpikeModel, finer: FirstSpikeModel, cal: Calibration
) -> None:
    """Warn if weights of 8 bits change many decisions of the calibration inputs that those of 16 bits keep."""
    x = {name: values[:_COMPARED] for name, values in cal.inputs.items()}
    wanted = _decisions(model.ann.run(x, steps=1))
    try:
        kept = [np.mean(_decisions(snn.run(x)) == wanted) for snn in (model, finer)]
    except ValueError:  # a sum that 16 bits do not fit
        return
    if kept[1] - kept[0] > _LOST and kept[0] * len(wanted) + _FEW < kept[1] * len(wanted):
        warn_caller(
            f"{where}: with 8 bits, weights keep {kept[0]:.1%} of the ANN's decisions for the calibration inputs, and with 16 "
            f'bits {kept[1]:.1%}; pass dtype="int16"'
        )


def _decisions(result: SpikingResult) -> NDArray[np.intp]:
    """Return the channels with the largest values."""
    return np.concatenate([values.argmax(1).ravel() for values in result.outputs.values()])
