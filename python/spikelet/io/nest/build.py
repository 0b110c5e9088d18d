"""Make the nodes and synapses of a network in a NEST kernel, for `Network.to_nest`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import interval
from spikelet._util.grid import grid_steps
from spikelet.io.nest.neuron_models import cell_of, weight_factor
from spikelet.io.nest.obstacles import target_parameters
from spikelet.io.nest.synapse_models import synapse_of
from spikelet.network.contents import NetworkContents
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.receptors import receptor_number
from spikelet.neurons import NeuronModel
from spikelet.plasticity import STDP
from spikelet.sources import (
    CurrentInput,
    InhomogeneousPoisson,
    NoiseInput,
    PoissonInput,
    PoissonSource,
    RasterSource,
    SineCurrent,
    SinusoidalPoisson,
    SpikeSource,
    StepCurrent,
)
from spikelet.sources.packets import PulsePacket
from spikelet.sources.rates import ChangingRate
from spikelet.sources.window import Window, window

_CHUNK = 1 << 20  # synapses handed over at a time
_FORGOTTEN = 40.0  # time constants after which a trace is below the last digit of a double

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Builder:
    """Makes NEST's nodes and synapses.

    Generators send with the shortest delay of the network, so that they do not shorten NEST's time slices. All nodes
    are made with their defaults, at rest; parameters and states are set at `offset`, our present.
    """

    def __init__(self, nest: Any, net: NetworkContents) -> None:
        self.nest, self.net = nest, net
        self.now = net.engine.step
        shortest = [p.synapses.structure()[2].min() for p in net.projections if len(p)]
        self.delay = int(min(shortest, default=1))
        early = bool(net.inputs) or any(
            not isinstance(p.model, NeuronModel) or self._kicks(p) for p in net.populations
        )
        self.offset = self.delay + 1 if early else 0
        for p in net.projections:
            # NEST's rules for these pairings act as if each source had spiked at time 0.
            if isinstance(p.plasticity, STDP) and p.plasticity.pairing != "all_to_all":
                silence = int(np.ceil(_FORGOTTEN * p.plasticity.tau_plus / net.dt))
                self.offset = max(self.offset, silence)
        self.projections = {p.index for p in net.projections}
        self.models: dict[int, str] = {}  # of projections that have synapses, by index
        self.orders: dict[int, Ints] = {}  # with multapses: by pre, post, delay and weight

    def build(self) -> None:
        """Make everything, and run NEST up to our present."""
        net, nest = self.net, self.nest
        self.nodes = {p.index: self._create(p) for p in net.populations}
        self.first = {k: nodes[0].global_id if len(nodes) else 0 for k, nodes in self.nodes.items()}
        for population in net.populations:
            if len(population):
                self._drive(population)
        for drive in net.inputs:
            if len(drive.target):
                self._inject(drive.target, drive.input, drive.since_step)
        for projection in net.projections:
            if len(projection):
                self._project(projection)
        if self.offset:
            nest.Simulate(self.ms(self.offset))
        for population, nodes in zip(net.populations, self.nodes.values(), strict=True):
            if isinstance(population.model, NeuronModel) and len(population):
                self._set_present(population, nodes)

    def ms(self, steps: Any) -> Any:
        """Return times in NEST's precision, three decimals."""
        return np.round(np.asarray(steps) * self.net.dt, 3)[()]

    # Nodes --------------------------------------------------------------------------------------------------------

    def _create(self, population: Population) -> Any:
        if not len(population):
            return self.nest.NodeCollection([])
        model = population.model
        if not isinstance(model, NeuronModel):
            return self.nest.Create("parrot_neuron", len(population))
        kept, _ = target_parameters(self.net, population)
        cell = cell_of(model)
        nodes = self.nest.Create(cell.name, len(population), params=_plain(kept))
        lists = {k: cell.parameters[k] for k in cell.kind.lists}  # before synapses use their ports
        if lists:
            nodes.set(_by_node(lists, len(population)))
        return nodes

    def _set_present(self, population: Population, nodes: Any) -> None:
        """Give neurons their present parameters and states."""
        cell = cell_of(population.model)
        values = cell.parameters | cell.states(population)
        nodes.set(_plain({k: v for k, v in values.items() if k not in cell.kind.lists}))

    def _generators(self, kind: str, n: int, **params: Any) -> Ints:
        return _ids(self.nest.Create(kind, n, params=_plain(params)))

    def _each(self, kind: str, params: list[dict[str, Any]]) -> Ints:
        """Make a generator for each of several sets of parameters."""
        return _ids(self.nest.Create(kind, len(params), params=params))

    def _trains(self, stamps: Ints, ids: Ints, n: int) -> Ints:
        """Make generators whose spikes arrive at given steps from our present."""
        order = np.argsort(ids, kind="stable")
        times = self.ms(stamps[order] + self.offset - self.delay)
        cuts = np.cumsum(np.bincount(ids, minlength=n))[:-1]
        return self._each("spike_generator", [{"spike_times": t} for t in np.split(times, cuts)])

    def _drive(self, population: Population) -> None:
        """Connect the generators that drive sources, or that restore present synaptic currents."""
        model, n = population.model, len(population)
        gids = self.first[population.index] + np.arange(n)
        if isinstance(model, PoissonSource):
            self._connect(self._poisson(model.rate, n, 0, self._window(model)), gids, 1.0)
        elif isinstance(model, ChangingRate):
            start = self.net.engine.raster_starts[population.index]
            self._connect(self._poisson(model, n, start, Window(start, None)), gids, 1.0)
        elif isinstance(model, NeuronModel):
            for receptor, weights in self._kicks(population):
                kick = self._trains(np.zeros(1, np.int64), np.zeros(1, np.int64), 1)
                self._connect(kick, gids, weights, receptor=receptor)
        else:
            at = given_spikes(self.net, population)
            stamps, ids = at[0] - self.now, at[1].astype(np.int64)
            ahead = stamps >= (0 if self.now == 0 else 1)
            self._connect(self._trains(stamps[ahead], ids[ahead], n), gids, 1.0)

    def _kicks(self, population: Population) -> list[tuple[int, Floats]]:
        """Return ports and weights of events that restore the present synaptic currents, which cannot be set in NEST."""
        found = cell_of(population.model).currents(population)
        return [event for event in found.values() if event[1].any()]

    # Inputs -------------------------------------------------------------------------------------------------------

    def _window(self, what: Any, since: int = 0) -> Window:
        """Return the steps in which something acts that was set at a step."""
        return window("to_nest", what, self.net.dt, since)

    def _on(self, when: Window, first: int) -> dict[str, Any]:
        """Return a generator's start and stop, where `first` is the step in NEST of what acts here now."""
        on = {"start": self.ms(first + max(when.start - self.now, 0))}
        if when.stop is not None:
            on["stop"] = self.ms(first + max(when.stop - self.now, when.start - self.now, 0))
        return on

    def _poisson(self, rate: Any, n: int, since: int, when: Window) -> Ints:
        """Make generators for one rate, or for one of each of n elements, whose time counts from step `since`."""
        begin = self.offset - self.delay - 1
        if isinstance(rate, SinusoidalPoisson):
            own = self._window(rate, when.start)
            stops = [stop for stop in (own.stop, when.stop) if stop is not None]
            # It starts and stops two steps earlier than the others.
            at = self._on(Window(own.start, min(stops, default=None)), begin + 2)
            return self._waves("sinusoidal_poisson_generator", rate, ("rate", "amplitude"), at)
        at = self._on(when, begin)
        if isinstance(rate, InhomogeneousPoisson):
            steps, rates = self._from_now(*rate.rows("to_nest", n, self.net.dt, since))
            times = self.ms(steps + begin + 2)
            params = [{"rate_times": times, "rate_values": column, **at} for column in rates.T]
            return self._each("inhomogeneous_poisson_generator", params)
        return self._generators("poisson_generator", np.size(rate), rate=rate, **at)

    def _waves(self, kind: str, wave: Any, names: tuple[str, ...], at: dict[str, Any]) -> Ints:
        """Make generators of sines whose phase is that of our time."""
        shift = self.now + self.delay - self.offset
        turns = np.asarray(wave.frequency) * 1e-3 * self.net.dt * shift
        params = {name: getattr(wave, name) for name in (*names, "frequency")}
        params["phase"] = (np.asarray(wave.phase) + 360.0 * turns) % 360.0
        n = max(np.size(value) for value in params.values())
        return self._generators(kind, n, **params, **at)

    def _from_now(self, steps: Ints, rows: Floats) -> tuple[Ints, Floats]:
        """Return the rows that hold now and later, [rows, columns], and in how many steps they begin."""
        rows = rows if rows.ndim == 2 else rows[:, None]
        first = max(int(np.searchsorted(steps, self.now, side="right")) - 1, 0)
        return np.maximum(steps[first:] - self.now, 0), rows[first:]

    def _inject(self, target: Population, what: Any, start: int) -> None:
        gids = self.first[target.index] + target.ids.astype(np.int64)
        if isinstance(what, PoissonInput):
            model = target.model
            assert isinstance(model, NeuronModel)
            weight = np.asarray(what.weight, np.float64)
            if what.receptor is not None:
                number = receptor_number("to_nest", model, what.receptor)
                weight = weight * weight_factor(model, number)
            trains = self._poisson(what.rate, len(gids), start, self._window(what, start))
            self._connect(trains, gids, weight, receptor=cell_of(model).port(what.receptor))
        elif isinstance(what, NoiseInput):
            n = max(np.size(what.mean), np.size(what.std))
            every = interval("inject", what.every, self.net.dt)
            on = self._on(self._window(what, start), self.offset - self.delay)
            noise = {"mean": what.mean, "std": what.std, "dt": self.ms(every), **on}
            self._connect(self._generators("noise_generator", n, **noise), gids, 1.0)
        elif isinstance(what, SineCurrent):
            on = self._on(self._window(what, start), self.offset - self.delay)
            self._connect(self._waves("ac_generator", what, ("amplitude", "offset"), on), gids, 1.0)
        elif isinstance(what, StepCurrent):
            steps = grid_steps("to_nest", what.times, self.net.dt, what.snap)
            self._connect(self._steps(*self._from_now(steps, what.amplitudes)), gids, 1.0)
        else:
            assert isinstance(what, CurrentInput)
            self._connect(self._currents(what, start - self.now), gids, 1.0)

    def _steps(self, steps: Ints, rows: Floats) -> Ints:
        """Make generators of currents [rows, columns] that begin in given numbers of steps from now."""
        values = rows.astype(self.net.dtype).astype(np.float64)
        times = self.ms(steps + self.offset - self.delay)
        params = [{"amplitude_times": times, "amplitude_values": column} for column in values.T]
        return self._each("step_current_generator", params)

    def _currents(self, what: CurrentInput, first: int) -> Ints:
        """Make generators of a current whose first row is `first` steps from now."""
        values = what.values if what.values.ndim == 2 else what.values[:, None]
        values = values[max(-first, 0) :]
        edge = np.zeros((1, values.shape[1]))
        values = np.concatenate([edge, values, edge])
        changes = np.flatnonzero(np.diff(values, axis=0).any(axis=1))
        return self._steps(changes + max(first, 0), values[changes + 1])

    # Synapses -----------------------------------------------------------------------------------------------------

    def _project(self, projection: Projection) -> None:
        how = synapse_of(projection, self.net.dt)
        # The name ends with that of the model, which `from_nest` reads.
        name = f"spikelet_{projection.index}_{len(self.nest.synapse_models)}_{how.model}"
        each = {k: v for k, v in how.parameters.items() if np.ndim(v)}
        common = {k: v for k, v in how.parameters.items() if not np.ndim(v)}
        self.nest.CopyModel(how.model, name, common)
        self.models[projection.index] = name
        pre, post = projection.pre_ids, projection.post_ids
        model = projection.post.model
        weights = projection.weights.astype(np.float64) * weight_factor(model, projection.receptor)
        steps = projection.synapses.structure()[2]
        if ((np.diff(pre) == 0) & (np.diff(post) == 0)).any():
            self.orders[projection.index] = np.lexsort(
                (weights, np.broadcast_to(steps, pre.shape), post, pre)
            )
        pre += self.first[projection.pre.index]
        post += self.first[projection.post.index]
        receptor = cell_of(model).port(projection.receptor) if isinstance(model, NeuronModel) else 0
        self._connect(pre, post, weights, steps, name, each, receptor)

    def _connect(
        self,
        pre: Ints,
        post: Ints,
        weight: Any,
        steps: Any = None,
        model: str = "static_synapse",
        each: Mapping[str, Any] = MappingProxyType({}),
        receptor: int = 0,
    ) -> None:
        """Connect one to one, with arrays of one element broadcast."""
        n = max(len(pre), len(post))
        weight, steps = np.asarray(weight, np.float64), self.delay if steps is None else steps
        columns = pre, post, weight, steps
        for start in range(0, n, _CHUNK):
            part = slice(start, min(start + _CHUNK, n))
            sources, targets, weights, delays = (
                np.ascontiguousarray(np.broadcast_to(x, (n,))[part]) for x in columns
            )
            syn_spec = {"synapse_model": model, "weight": weights, "delay": self.ms(delays)}
            syn_spec |= {name: np.array(values[part]) for name, values in each.items()}
            if receptor:
                syn_spec["receptor_type"] = np.full(len(sources), receptor)
            self.nest.Connect(sources, targets, "one_to_one", syn_spec)


def given_spikes(
    net: NetworkContents, population: Population
) -> tuple[Ints, npt.NDArray[np.uint32]]:
    """Return stamps [steps] and ids of all spikes of a source of given spikes."""
    model, n = population.model, population.size
    if isinstance(model, SpikeSource):
        return model.stamps(net.dt, n)
    start = net.engine.raster_starts[population.index]
    if isinstance(model, RasterSource):
        return model.stamps(start, n)
    assert isinstance(model, PulsePacket)
    return model.stamps(net.dt, n, net.seed, population.index, start)


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a number where all values are equal, and a list otherwise."""
    arrays = {k: np.atleast_1d(v) for k, v in params.items()}
    return {k: float(v[0]) if (v == v[0]).all() else v.tolist() for k, v in arrays.items()}


def _by_node(lists: Mapping[str, list[Any]], n: int) -> list[dict[str, Any]]:
    """Return the parameters of each of n nodes, of which some are lists."""
    each = {key: np.array([np.broadcast_to(v, n) for v in values]) for key, values in lists.items()}
    return [{key: v[:, k].tolist() if v.size else [] for key, v in each.items()} for k in range(n)]


def _ids(nodes: Any) -> Ints:
    """Return NEST's ids of nodes that were made in one call."""
    return np.arange(nodes[0].global_id, nodes[0].global_id + len(nodes), dtype=np.int64)
