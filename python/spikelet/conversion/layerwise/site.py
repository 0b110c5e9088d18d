"""A neuron at which a conversion method decides, what the method can measure there, and the base class of methods."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikelet.conversion.layerwise.activity import Activity, Calibration, Changes, Floats, Stages
from spikelet.conversion.neurons import NEURONS
from spikelet.layers import Add, Layer, Linear, Neuron, ReLU
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.graph import Graph

_HELD = 256 << 20  # bytes of potentials that are kept until a site is done
_BATCH = 64 << 20  # bytes of values that are computed at once


class Place(NamedTuple):
    """Some samples, and some positions (pixels) of all channels.

    Parameters
    ----------
    samples : slice
    positions : int array, or None
        Ascending; None stands for all.
    """

    samples: slice = slice(None)
    positions: NDArray[np.int64] | None = None


_EVERYWHERE = Place()


class Site:
    """A neuron of a network that is being converted.

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
        self.layer: Any = cal.graph[name].layer  # an analog neuron, or an `Activation`
        self.source = cal.graph[name].inputs[0]
        self.shapes = cal.shapes  # of all nodes
        self.shape = cal.shapes[self.source]
        self.steps = cal.steps
        self.count = cal.count
        self.threads = cal.threads
        self.neuron = cal.neuron
        self.coded = bool(cal.coded)
        self.depth = stages.depths[name]
        self.last = max(stages.depths.values())
        self._stages, self._ann, self._snn = stages, ann, snn

    @cached_property
    def linear(self) -> tuple[str, ...]:
        """Names of the layers with weights whose sum is the input of this site, and that feed nothing else."""
        return linear_parts(self.graph, self.source)

    @property
    def exact(self) -> bool:
        """Whether the layers of `linear` get the same values as in the ANN."""
        return all(i in self._stages.exact for n in self.linear for i in self.graph[n].inputs)

    @property
    def graph(self) -> Graph:
        """The spiking network, as changed so far."""
        return self._snn.graph

    def made(self, thresholds: Floats, *, per_channel: bool = True) -> Neuron:
        """Return spiking neurons of the kind that is wanted, with thresholds by channel or the only one that is given."""
        return NEURONS[self.neuron](thresholds if per_channel else float(thresholds[0]))

    def place(self, samples: int, positions: int) -> Place:
        """Return so many evenly spaced samples, and positions drawn without replacement; the same ones at each call."""
        step = max(1, self.count // samples)
        part, total = slice(0, samples * step, step), math.prod(self.shape[1:])
        if positions >= total:
            return Place(part)
        rng = np.random.default_rng((self._stages.seeds[self.name], 0))
        return Place(part, np.sort(rng.choice(total, positions, replace=False)))

    def parts(self, steps: int = 1) -> Iterator[Place]:
        """Yield all samples in order, in parts whose input at so many steps is moderate in size."""
        size = max(1, _BATCH // (4 * steps * math.prod(self.shape)))
        for first in range(0, self.count, size):
            yield Place(slice(first, min(first + size, self.count)))

    @cached_property
    def greatest(self) -> Floats:
        """The largest input of each channel in the ANN, [C]; NaN if any input is not finite."""
        most = np.full(self.shape[0], -np.inf, np.float32)
        for part in self.parts():
            values = self.potentials(part)
            most = np.maximum(most, values.max((0, 2)))
            if not np.isfinite(values).all():
                return np.full_like(most, np.nan)
        return most

    @property
    def upper(self) -> Any:
        """Upper limit of the activation, a number or [C]; None if there is none."""
        return self.layer.upper if isinstance(self.layer, ReLU) else None

    def limited(self, thresholds: Floats) -> Floats:
        """Return thresholds, [C] or [1], at most the upper limit of the activation, which neurons would exceed."""
        if self.upper is None:
            return thresholds
        most = self.upper if len(thresholds) > 1 else np.max(self.upper)
        return np.asarray(np.minimum(thresholds, most))

    def potentials(self, place: Place = _EVERYWHERE) -> Floats:
        """Return the site's input in the ANN, [n, C, P]."""
        if self.held is not None:
            return _at(self.held[place.samples], place.positions)
        return self._gather(place, self._potentials)

    def target(self, place: Place = _EVERYWHERE) -> Floats:
        """Return the site's output in the ANN, [n, C, P]."""
        if self.held is not None:
            return np.asarray(self.layer.of(self.potentials(place)))
        return self._gather(place, lambda part: self.layer.of(self._potentials(part)))

    def means(self, name: str, place: Place = _EVERYWHERE) -> Floats:
        """Return the mean output of a node before this site in the spiking network, [n, *shape]; all its positions."""
        return self._snn.mean(name, place.samples)

    def mean_current(self, place: Place = _EVERYWHERE, changes: Changes = None) -> Floats:
        """Return the mean of the site's input in the spiking network over the steps, [n, C, P].

        Parameters
        ----------
        place : Place
        changes : mapping of str to Layer, optional
            Layers to try; by default those of the spiking network.
        """
        mean = self._snn.mean
        return self._gather(place, lambda part: self._rows(mean(self.source, part, changes)))

    def currents(self, place: Place = _EVERYWHERE, changes: Changes = None) -> Floats:
        """Return the site's input in the spiking network at each step, [T, n, C, P]; arguments as for `mean_current`."""
        if self.source in self._stages.constant:
            values = self.mean_current(place, changes)
            return np.broadcast_to(values, (self.steps, *values.shape))
        positions, channels = place.positions, self.shape[0]
        if positions is None or len(self.shape) == 1:

            def run(part: slice) -> Floats:
                return self._rows(self._snn.run(self.source, "value", part, changes))

            return self._gather(place, run, 4 * self.steps)

        def taken(part: slice) -> Floats:
            return np.asarray(
                self._snn.run(self.source, "value", part, changes, (channels, positions))
            )

        # The spikes that are copied for a batch take less than a byte for each value and step.
        return self._gather(Place(place.samples), taken, self.steps)

    def mean_output(self, neuron: Neuron, place: Place = _EVERYWHERE) -> Floats:
        """Return the mean output of a spiking neuron at this site, [n, C, P]; all its positions."""
        return self._rows(self._snn.run(self.name, "mean", place.samples, {self.name: neuron}))

    @cached_property
    def held(self) -> Floats | None:
        """The site's input in the ANN for all samples, [N, C, P]; None if that is too much to keep."""
        if 4 * self.count * math.prod(self.shape) > _HELD:
            return None
        return self._potentials(slice(None))

    def _potentials(self, samples: slice) -> Floats:
        return self._rows(self._ann.mean(self.source, samples))

    def _rows(self, values: Floats) -> Floats:
        """Return values [..., *shape] with flattened positions, [..., C, P]."""
        lead = values.shape[: values.ndim - len(self.shape)]
        return values.reshape(*lead, self.shape[0], math.prod(self.shape[1:]))

    def _gather(self, place: Place, compute: Callable[[slice], Floats], weight: int = 4) -> Floats:
        """Compute values in batches of samples, and return those at the positions of a place.

        `weight` is the number of bytes that a batch needs for each value of a sample.
        """
        chosen = range(self.count)[place.samples]
        size = max(1, _BATCH // (weight * math.prod(self.shape)))
        found: Floats | None = None
        for k in range(0, len(chosen), size):
            some = chosen[k : k + size]
            values = _at(compute(slice(some[0], some[-1] + 1, some.step)), place.positions)
            if len(some) == len(chosen):
                return values
            if found is None:
                found = np.empty((*values.shape[:-3], len(chosen), *values.shape[-2:]), np.float32)
            found[..., k : k + size, :, :] = values
        assert found is not None
        return found


def _at(values: Floats, positions: NDArray[np.int64] | None) -> Floats:
    return values if positions is None else values[..., positions]


def linear_parts(graph: Graph, source: str) -> tuple[str, ...]:
    """Return the names of the layers with weights whose sum is the output of `source`, and that feed nothing else."""
    if source in graph.inputs or len(graph.consumers(source)) + (source in graph.outputs) > 1:
        return ()
    node = graph[source]
    if isinstance(node.layer, Add):
        return tuple(name for part in node.inputs for name in linear_parts(graph, part))
    return (source,) if isinstance(node.layer, Linear | Convolution | TransposedConvolution) else ()


class Method(ABC):
    """A conversion method: it chooses the neurons of a spiking network, layer by layer."""

    name: ClassVar[str] = "own"
    """The string that stands for it in `spikelet.convert`."""

    spiking: ClassVar[bool] = True
    """Whether `fit` looks at the spiking network; if not, only the ANN runs."""

    kinds: ClassVar[tuple[str, ...]] = tuple(NEURONS)
    """The kinds of neurons that it can make."""

    def usual(self, *, few_steps: bool) -> tuple[str, ...]:  # noqa: ARG002
        """Return the kinds of neurons to try by default, the likely best one first."""
        return ("soft",)

    def needs_all_steps(self, neuron: str) -> bool:  # noqa: ARG002
        """Return whether the spikes of all steps make up one number, so that a readout cannot leave steps out."""
        return False

    def accepts(self, layer: Layer, neuron: str) -> bool:  # noqa: ARG002
        """Return whether neurons of this kind can take the place of an analog layer."""
        return isinstance(layer, ReLU)

    @abstractmethod
    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the layers to change here, by name: the spiking neuron under `site.name`, and perhaps some of `site.linear`."""

    def in_ann(self, site: Site) -> Layer | None:  # noqa: ARG002
        """Return a neuron for the ANN to continue with after `fit`; None leaves the ANN as it is."""
        return None
