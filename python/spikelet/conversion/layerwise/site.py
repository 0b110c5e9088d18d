"""A place in a network where a conversion method decides, and what it can measure there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.conversion.layerwise.activity import Activity
from spikelet.conversion.layerwise.calibration import Calibration, Floats
from spikelet.conversion.layerwise.stages import Kind, Stages, linear_parts
from spikelet.layers import Layer, Neuron, ReLU
from spikelet.layers.base import Shape
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["Place", "Site"]

_HELD = 256 << 20  # bytes of potentials that are kept until a site is done
_BATCH = 64 << 20  # bytes of values that are computed at once


@dataclass(frozen=True, eq=False)
class Place:
    """Some samples, and some positions (pixels) of all channels.

    Parameters
    ----------
    samples : slice
    positions : int array, or None
        Ascending; None stands for all.
    """

    samples: slice = field(default_factory=lambda: slice(None))
    positions: NDArray[np.int64] | None = None


_EVERYWHERE = Place()


class Site:
    """A neuron, an output or a graded layer of a network that is being converted.

    Arrays of the input or output of a site are ``[n, C, P]``: samples, channels and positions, flattened. Their bits depend
    neither on the number of threads nor on the batches in which they are computed.

    Parameters
    ----------
    name : str
        Name of the node.
    cal : Calibration
    stages : Stages
    ann, snn : Activity
        Values of both networks. Layers before this site have been changed in the spiking one.
    """

    def __init__(
        self, name: str, cal: Calibration, stages: Stages, ann: Activity, snn: Activity
    ) -> None:
        self.name = name
        self.kind: Kind = stages.sites[name]
        self.layer: Layer = cal.graph[name].layer
        self.index = list(stages.sites).index(name)
        self.steps = cal.steps
        self.count = cal.count
        self.threads = cal.threads
        self.coded = bool(cal.coded)
        self.depth = stages.depths[name]
        neurons = [n for n, kind in stages.sites.items() if kind == "neuron"]
        self.last = max((stages.depths[n] for n in neurons), default=0)
        self._cal, self._stages, self._ann, self._snn = cal, stages, ann, snn

    @property
    def source(self) -> str:
        """Name of the node whose output this is about: the one before a neuron or graded layer, or an output itself."""
        return self._stages.entries[self.name]

    @property
    def shape(self) -> Shape:
        """Shape of the site's input for one sample."""
        return self._cal.shapes[self.source]

    @cached_property
    def linear(self) -> tuple[str, ...]:
        """Names of the layers with weights whose sum is the input of this site, and that feed nothing else."""
        return linear_parts(self._cal.graph, self.source)

    @property
    def exact(self) -> bool:
        """Whether the layers of `linear` get the same values as in the ANN."""
        graph = self._cal.graph
        return all(i in self._stages.exact for n in self.linear for i in graph[n].inputs)

    def layer_of(self, name: str) -> Layer:
        """Return a layer of the spiking network, as changed so far."""
        return self._snn.graph[name].layer

    def inputs_of(self, name: str) -> tuple[str, ...]:
        """Return the names of the nodes that feed a node."""
        return self._cal.graph[name].inputs

    def shape_of(self, name: str) -> Shape:
        """Return the output shape of a node for one sample."""
        return self._cal.shapes[name]

    def place(
        self, samples: int | None = None, positions: int | None = None, tag: int = 0
    ) -> Place:
        """Return evenly spaced samples, and positions drawn without replacement; the same ones at each call.

        Parameters
        ----------
        samples, positions : int, optional
            How many at most; by default all.
        tag : int
            Another tag draws other positions.
        """
        step = 1 if samples is None else max(1, self.count // samples)
        part = slice(None) if samples is None else slice(0, samples * step, step)
        total = math.prod(self.shape[1:])
        if positions is None or positions >= total:
            return Place(part)
        drawn = np.random.default_rng((self.index, tag)).choice(total, positions, replace=False)
        return Place(part, np.sort(drawn))

    def parts(self, steps: int = 1) -> Iterator[Place]:
        """Yield all samples in order, in parts whose input at so many steps is moderate in size."""
        size = max(1, _BATCH // (4 * steps * math.prod(self.shape)))
        for first in range(0, self.count, size):
            yield Place(slice(first, min(first + size, self.count)))

    @cached_property
    def greatest(self) -> Floats:
        """The largest input of each channel in the ANN, [C]; infinite or NaN if any input is."""
        most = np.full(self.shape[0], -np.inf, np.float32)
        for part in self.parts():
            values = self.potentials(part)
            most = np.maximum(most, values.max((0, 2)))
            if not np.isfinite(values).all():
                return np.full_like(most, np.nan)
        return most

    def limited(self, thresholds: Floats) -> Floats:
        """Return thresholds, [C] or [1], none above the upper limit of the activation, which neurons would exceed."""
        upper = self.layer.upper if isinstance(self.layer, ReLU) else None
        if upper is None:
            return thresholds
        most = upper if len(thresholds) > 1 else np.max(upper)
        return np.asarray(np.minimum(thresholds, most))

    def potentials(self, place: Place = _EVERYWHERE) -> Floats:
        """Return the site's input in the ANN, [n, C, P]."""
        if self.held is not None:
            return _at(self.held[place.samples], place.positions)
        return self._gather(place, lambda part: self._ann.mean(self.source, part))

    def target(self, place: Place = _EVERYWHERE) -> Floats:
        """Return the output in the ANN, [n, C, P], of a neuron or an `Activation`, or of an output without a function."""
        if self.source == self.name:
            return self.potentials(place)
        layer: Any = self.layer  # an analog neuron
        if self.held is not None:
            return np.asarray(layer.of(self.potentials(place)))
        return self._gather(place, lambda part: layer.of(self._ann.mean(self.source, part)))

    def means(self, name: str, place: Place = _EVERYWHERE) -> Floats:
        """Return the mean output of a node before this site in the spiking network, [n, *shape]; all its positions."""
        return self._snn.mean(name, place.samples)

    def mean_current(
        self, place: Place = _EVERYWHERE, changes: Mapping[str, Layer] | None = None
    ) -> Floats:
        """Return the mean of the site's input in the spiking network over the steps, [n, C, P].

        Parameters
        ----------
        place : Place
        changes : mapping of str to Layer, optional
            Layers to try; by default those of the spiking network.
        """
        return self._gather(place, lambda part: self._snn.mean(self.source, part, changes))

    def currents(
        self, place: Place = _EVERYWHERE, changes: Mapping[str, Layer] | None = None
    ) -> Floats:
        """Return the site's input in the spiking network at each step, [T, n, C, P]; arguments as for `mean_current`."""
        if self.source in self._stages.constant:
            values = self.mean_current(place, changes)
            return np.broadcast_to(values, (self.steps, *values.shape))
        where = place.positions
        if where is None or len(self.shape) == 1:
            return self._gather(
                place,
                lambda part: self._snn.run(self.source, "value", part, changes),
                steps=self.steps,
            )
        # The spikes that are copied for a batch take less than a byte for each value and step.
        size = max(1, _BATCH // (self.steps * math.prod(self.shape)))
        chosen = range(self.count)[place.samples]
        parts = (chosen[k : k + size] for k in range(0, len(chosen), size))
        found = [
            self._snn.values_at(
                self.source, self.shape, where, slice(part[0], part[-1] + 1, part.step), changes
            )
            for part in parts
        ]
        return found[0] if len(found) == 1 else np.concatenate(found, 1)

    def mean_output(
        self,
        neuron: Neuron,
        place: Place = _EVERYWHERE,
        changes: Mapping[str, Layer] | None = None,
    ) -> Floats:
        """Return the mean output of a spiking neuron at this site, [n, C, P].

        Parameters
        ----------
        neuron : Neuron
            If `place` selects positions, it must not have parameters of single elements.
        place, changes
            As for `mean_current`.
        """
        if place.positions is None:
            replaced = {**(changes or {}), self.name: neuron}
            return self._rows(self._snn.run(self.name, "mean", place.samples, replaced))
        currents = self.currents(place, changes)
        result = SpikingModel([neuron], threads=self.threads).run(currents)
        return np.asarray(result.output)

    @cached_property
    def held(self) -> Floats | None:
        """The site's input in the ANN for all samples, [N, C, P]; None if that is too much to keep."""
        if 4 * self.count * math.prod(self.shape) > _HELD:
            return None
        return self._rows(self._ann.mean(self.source))

    def _rows(self, values: Floats) -> Floats:
        """Return values with flattened positions, [..., C, P]."""
        lead = values.shape[: values.ndim - len(self.shape)]
        return values.reshape(*lead, self.shape[0], math.prod(self.shape[1:]))

    def _gather(self, place: Place, compute: Callable[[slice], Floats], steps: int = 1) -> Floats:
        """Compute values in batches, and return those at the positions of a place."""
        chosen = range(self.count)[place.samples]
        size = max(1, _BATCH // (4 * steps * math.prod(self.shape)))
        found: Floats | None = None
        for k in range(0, len(chosen), size):
            some = chosen[k : k + size]
            values = _at(
                self._rows(compute(slice(some[0], some[-1] + 1, some.step))), place.positions
            )
            if len(some) == len(chosen):
                return values
            if found is None:
                found = np.empty((*values.shape[:-3], len(chosen), *values.shape[-2:]), np.float32)
            found[..., k : k + size, :, :] = values
        assert found is not None
        return found


def _at(values: Floats, positions: NDArray[np.int64] | None) -> Floats:
    return values if positions is None else values[..., positions]
