"""The same network in NEST: for what spikelet does not have, and to compare with."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikelet._checks import fail, integer, interval, steps_of
from spikelet.io import nest_terms
from spikelet.neurons import LIF, LIFCond, NeuronModel
from spikelet.plasticity import STDP
from spikelet.population import Population
from spikelet.sources import CurrentInput, NoiseInput, PoissonInput, PoissonSource, SpikeSource

if TYPE_CHECKING:
    from spikelet.network import Network
    from spikelet.projection import Projection

__all__ = ["NestNetwork", "NestRecorder", "to_nest"]

_CHUNK = 1 << 20  # synapses that are handed over at a time
_FORGOTTEN = 40.0  # time constants after which a trace is below the last digit

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def _import_nest() -> Any:
    try:
        return importlib.import_module("nest")
    except ImportError as error:
        msg = "to_nest needs NEST: pip install 'spikelet[nest]'"
        raise ImportError(msg) from error


@dataclass(frozen=True, eq=False)
class NestRecorder:
    """What NEST recorded, in our times and ids. Made by `NestNetwork.record`.

    Attributes
    ----------
    target : Population
        What is recorded.
    what : str
        "spikes" or the name of a state.
    device : nest.NodeCollection
        The spike_recorder or multimeter.
    """

    of: NestNetwork
    target: Population
    what: str
    device: Any

    def _events(self) -> tuple[Ints, Ints, dict[str, Any]]:
        """Return steps, ids and what else there is, in order of time, then id."""
        events = self.device.events
        steps = self.of._steps(events["times"])
        ids = np.asarray(events["senders"], dtype=np.int64) - self.of._first[self.target.index]
        order = np.lexsort((ids, steps))
        if self.what != "spikes":  # a multimeter samples at our time 0 too
            order = order[steps[order] > self.of._start]
        return steps[order], ids[order], {k: np.asarray(v)[order] for k, v in events.items()}

    @property
    def times(self) -> Floats:
        """Times of the spikes or of the samples [ms]."""
        steps = self._events()[0]
        return self.of.network._ms(steps if self.what == "spikes" else np.unique(steps))

    @property
    def ids(self) -> Ints:
        """Ids of the spikes within the population."""
        return self._events()[1]

    @property
    def values(self) -> Floats:
        """Samples of a state, [samples, len(target)], in the order of the target's ids.

        NEST hands over those of the last slice of time, as long as the shortest delay, in the next run.
        """
        values = self._events()[2][self.what].reshape(-1, len(self.target))
        return np.asarray(values[:, np.argsort(np.argsort(self.target.ids))], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class NestNetwork:
    """A network in NEST's kernel. Made by `Network.to_nest`; stays valid until the kernel is reset.

    Attributes
    ----------
    network : Network
        What it was made from.
    offset : float
        NEST's time minus ours [ms]: sources fire a little before their spikes are sent on, and those of our time 0
        must do so after NEST's time 0.
    notes : tuple of str
        Where the two differ.
    """

    network: Network
    offset: float
    notes: tuple[str, ...]
    _nest: Any
    _nodes: tuple[Any, ...]  # by index of the population
    _first: tuple[int, ...]  # NEST's ids of their first elements
    _models: Mapping[int, str]  # of the projections that have synapses
    _orders: Mapping[int, Ints]  # of projections with multapses: by pre, post, delay and weight
    _delay: float  # ms
    _start: int  # our step at which NEST begins

    def nodes(self, population: Population | str) -> Any:
        """Return the nodes of a population, of a part of one, or of the first of that name; of a source its parrots.

        Returns
        -------
        nest.NodeCollection
            In the order of ids.
        """
        if isinstance(population, str):
            for candidate in self.network.populations:
                if candidate.name == population:
                    return self._nodes[candidate.index]
            fail("nodes", "population", population, "must be the name of a population")
        self.network._check_own("nodes", population)
        nodes = self._nodes[population.index]
        return nodes if population.whole else nodes[np.sort(population.ids).tolist()]

    def connections(self, projection: Projection) -> Any:
        """Return the synapses of a projection, in NEST's order.

        Returns
        -------
        nest.SynapseCollection
            Each synapse is an object here; for millions of them this takes its time.
        """
        if projection.network is not self.network:
            fail("connections", "projection", projection, "must belong to the network")
        name = self._models.get(projection.index)
        return (
            self._nest.SynapseCollection(None)
            if name is None
            else self._nest.GetConnections(synapse_model=name)
        )

    def weights(self, projection: Projection) -> Floats:
        """Return the weights of a projection in our canonical order, with our sign.

        NEST's weights are those of the source's last spike that was delivered, ours are as of now. Synapses of the
        same source, target and delay are told apart by the order of their weights.
        """
        synapses = self.connections(projection)
        if not len(synapses):
            return np.zeros(0)
        got = {
            k: np.atleast_1d(v)
            for k, v in synapses.get(["source", "target", "delay", "weight"]).items()
        }
        order = np.lexsort(
            (got["weight"], np.rint(got["delay"] / self.network.dt), got["target"], got["source"])
        )
        weights = np.empty(len(order))
        weights[self._orders.get(projection.index, slice(None))] = got["weight"][order]
        return weights * nest_terms.sign(projection)

    def record(self, target: Population, what: str, *, every: float | None = None) -> NestRecorder:
        """Record from now on, as `Network.record` does.

        Parameters
        ----------
        target : Population
            A population or a part of one.
        what : str
            "spikes" or the name of a state that NEST can record.
        every : float, optional
            Interval between samples [ms]; by default each step.

        Returns
        -------
        NestRecorder
        """
        self.network._check_own("record", target)
        if what == "spikes":
            if every is not None:
                fail(f"record {target.name}", "every", every, "is not for spikes")
            device = self._nest.Create("spike_recorder")
            self._nest.Connect(self.nodes(target), device, syn_spec={"delay": self._delay})
            return NestRecorder(self, target, what, device)
        known = nest_terms.RECORDABLE.get(type(target.model), ())
        if what not in known:
            fail(
                f"record {target.name}",
                "what",
                what,
                f"must be one of {', '.join(['spikes', *known])} in NEST",
            )
        steps = interval("record", every, self.network.dt)
        length = steps * self.network.dt
        params = {
            "record_from": [what],
            "interval": round(length, 3),
            "offset": round(self.offset % length, 3),
        }
        device = self._nest.Create("multimeter", params=params)
        self._nest.Connect(device, self.nodes(target), syn_spec={"delay": self._delay})
        return NestRecorder(self, target, what, device)

    @property
    def t(self) -> float:
        """Our time [ms] that NEST has come to."""
        return float(self.network._ms(self._steps(self._nest.biological_time)))

    def run(self, duration: float) -> None:
        """Simulate with NEST.

        Parameters
        ----------
        duration : float
            Model time [ms], a multiple of dt.
        """
        time, steps = steps_of("run", "duration", duration, self.network.dt)
        if steps:
            self._nest.Simulate(time)

    def _steps(self, times: Any) -> Ints:
        return np.rint((np.asarray(times) - self.offset) / self.network.dt).astype(np.int64)

    def __repr__(self) -> str:
        neurons = sum(len(p) for p in self.network.populations if isinstance(p.model, NeuronModel))
        synapses = sum(len(p) for p in self.network.projections)
        return f"NestNetwork({neurons} neurons, {synapses} synapses, t={self.t:g} ms, offset={self.offset:g} ms)"


def to_nest(
    net: Network,
    *,
    threads: int | None = None,
    seed: int | None = None,
    reset_kernel: bool = True,
    approximate: bool = False,
) -> NestNetwork:
    """Build a network in NEST; see `Network.to_nest`."""
    nest = _import_nest()
    if threads is not None:
        integer("to_nest", "threads", threads, 1)
    if seed is not None:
        integer("to_nest", "seed", seed, 1, 2**32 - 1)
    found = nest_terms.inspect(net)
    if not reset_kernel:
        if abs(nest.resolution - net.dt) > 1e-9:
            found.refused.append(
                f"NEST's resolution is {nest.resolution:g} ms, dt is {net.dt:g} ms"
            )
        if nest.biological_time != 0:
            found.refused.append(f"NEST's kernel has run to {nest.biological_time:g} ms")
    obstacles = found.refused + ([] if approximate else found.left_out)
    if obstacles:
        hint = "\napproximate=True leaves out what NEST cannot take; reset() goes back to a state without a past."
        msg = "to_nest: NEST cannot take this network as it is:\n- " + "\n- ".join(obstacles)
        raise ValueError(msg if found.refused else msg + hint)
    if reset_kernel:
        nest.ResetKernel()
        threads = net.threads if threads is None else threads
        seed = net.seed % (2**32 - 1) + 1 if seed is None else seed
        nest.set(resolution=net.dt)
    given = {"local_num_threads": threads, "rng_seed": seed}
    nest.set(**{k: v for k, v in given.items() if v is not None})
    return _Builder(nest, net).build((*found.notes, *(f"left out: {x}" for x in found.left_out)))


class _Builder:
    """Makes NEST's nodes and synapses.

    What a generator sends takes the shortest delay of the network, so that NEST's slices of time are as long as they
    would be without it. All nodes are made with their defaults, at rest; parameters and states are set at `offset`,
    our present.
    """

    def __init__(self, nest: Any, net: Network) -> None:
        self.nest, self.net = nest, net
        self.now = net._step
        shortest = [net._sim.synapses(p.index)[3].min() for p in net.projections if len(p)]
        self.delay = int(min(shortest, default=1))
        early = bool(net._inputs) or any(
            not isinstance(p.model, NeuronModel) or self._kicks(p) for p in net.populations
        )
        self.offset = self.delay + 1 if early else 0
        for p in net.projections:
            # To these rules of NEST, there was a spike of each source at time 0.
            if isinstance(p.plasticity, STDP) and p.plasticity.pairing != "all_to_all":
                silence = int(np.ceil(_FORGOTTEN * p.plasticity.tau_plus / net.dt))
                self.offset = max(self.offset, silence)
        self.models: dict[int, str] = {}
        self.orders: dict[int, Ints] = {}

    def build(self, notes: tuple[str, ...]) -> NestNetwork:
        net, nest = self.net, self.nest
        self.nodes = tuple(self._create(p) for p in net.populations)
        self.first = tuple(nodes[0].global_id if len(nodes) else 0 for nodes in self.nodes)
        for population in net.populations:
            if len(population):
                self._drive(population)
        for target, what, start in net._inputs:
            if len(target):
                self._inject(target, what, start)
        for projection in net.projections:
            if len(projection):
                self._project(projection)
        if self.offset:
            nest.Simulate(self._ms(self.offset))
        for population, nodes in zip(net.populations, self.nodes, strict=True):
            if isinstance(population.model, NeuronModel) and len(population):
                nodes.set(_plain(self._present(population)))
        return NestNetwork(
            net, self._ms(self.offset - self.now), notes, nest, self.nodes, self.first, self.models, self.orders,
            self._ms(self.delay), self.now,
        )  # fmt: skip

    def _ms(self, steps: Any) -> Any:
        """Return NEST's times, which have three decimals."""
        return np.round(np.asarray(steps) * self.net.dt, 3)[()]

    # Nodes --------------------------------------------------------------------------------------------------------

    def _create(self, population: Population) -> Any:
        if not len(population):
            return self.nest.NodeCollection([])
        model = population.model
        if not isinstance(model, NeuronModel):
            return self.nest.Create("parrot_neuron", len(population))
        kept, _ = nest_terms.neuron_parameters(self.net, population)
        # Where no synapse asks for it, any number will do.
        params = {k: np.where(np.isnan(v), np.nanmax(v), v) for k, v in kept.items()}
        return self.nest.Create(
            nest_terms.NEURONS[type(model)], len(population), params=_plain(params)
        )

    def _present(self, population: Population) -> dict[str, Any]:
        model = population.model
        assert isinstance(model, NeuronModel)
        states = ("V_m", "g_ex", "g_in") if isinstance(model, LIFCond) else ("V_m",)
        return nest_terms.parameters(model) | {
            s: np.asarray(getattr(population, s)) for s in states
        }

    def _generators(self, kind: str, n: int, **params: Any) -> Ints:
        nodes = self.nest.Create(kind, n, params=_plain(params))
        return _ids(nodes)

    def _trains(self, stamps: Ints, ids: Ints, n: int) -> Ints:
        """Make generators whose spikes arrive at given steps, counted from our present."""
        order = np.argsort(ids, kind="stable")
        times = self._ms(stamps[order] + self.offset - self.delay)
        cuts = np.cumsum(np.bincount(ids, minlength=n))[:-1]
        nodes = self.nest.Create(
            "spike_generator", n, params=[{"spike_times": t} for t in np.split(times, cuts)]
        )
        return _ids(nodes)

    def _drive(self, population: Population) -> None:
        """Connect what makes sources fire, and what leaves present currents behind."""
        model, n = population.model, len(population)
        gids = self.first[population.index] + np.arange(n)
        if isinstance(model, PoissonSource):
            self._connect(self._poisson(model.rate), gids, 1.0)
        elif isinstance(model, NeuronModel):
            for weights in self._kicks(population):
                self._connect(
                    self._trains(np.zeros(1, np.int64), np.zeros(1, np.int64), 1), gids, weights
                )
        else:
            at = model.stamps(self.net.dt, n) if isinstance(model, SpikeSource) else model.stamps(
                self.net._raster_starts[population.index], n
            )  # fmt: skip
            stamps, ids = at[0] - self.now, at[1].astype(np.int64)
            ahead = stamps >= (0 if self.now == 0 else 1)
            self._connect(self._trains(stamps[ahead], ids[ahead], n), gids, 1.0)

    def _kicks(self, population: Population) -> list[Floats]:
        """Return weights of events that leave the present synaptic currents behind, which NEST does not let one set."""
        if not isinstance(population.model, LIF):
            return []
        values = (nest_terms.currents(population, s) for s in ("I_syn_ex", "I_syn_in"))
        return [v for v in values if v.any()]

    # Inputs -------------------------------------------------------------------------------------------------------

    def _poisson(self, rate: Any) -> Ints:
        start = self._ms(self.offset - self.delay - 1)
        return self._generators("poisson_generator", np.size(rate), rate=rate, start=start)

    def _inject(self, target: Population, what: Any, start: int) -> None:
        gids = self.first[target.index] + target.ids.astype(np.int64)
        if isinstance(what, PoissonInput):
            self._connect(self._poisson(what.rate), gids, what.weight)
        elif isinstance(what, NoiseInput):
            n = max(np.size(what.mean), np.size(what.std))
            every = interval("inject", what.every, self.net.dt)
            begin = self._ms(self.offset - self.delay)
            noise = {"mean": what.mean, "std": what.std, "dt": self._ms(every), "start": begin}
            self._connect(self._generators("noise_generator", n, **noise), gids, 1.0)
        else:
            assert isinstance(what, CurrentInput)
            self._connect(self._currents(what, start - self.now), gids, 1.0)

    def _currents(self, what: CurrentInput, first: int) -> Ints:
        """Make generators of a current whose first row is that many steps from now."""
        values = what.values.astype(self.net.dtype).astype(np.float64)
        values = values.reshape(len(values), -1)[max(-first, 0) :]
        edge = np.zeros((1, values.shape[1]))
        values = np.concatenate([edge, values, edge])
        params = []
        for column in values.T:
            changes = np.flatnonzero(np.diff(column))
            times = self._ms(changes + max(first, 0) + self.offset - self.delay)
            params.append({"amplitude_times": times, "amplitude_values": column[changes + 1]})
        nodes = self.nest.Create("step_current_generator", len(params), params=params)
        return _ids(nodes)

    # Synapses -----------------------------------------------------------------------------------------------------

    def _project(self, projection: Projection) -> None:
        how = nest_terms.synapse(projection, self.net.dt)
        name = f"spikelet_{projection.index}_{len(self.nest.synapse_models)}"
        self.nest.CopyModel(how.model, name, how.params)
        self.models[projection.index] = name
        pre, post = projection.pre_ids, projection.post_ids
        weights = projection.weights.astype(np.float64) * nest_terms.sign(projection)
        if "Wmax" in how.params:  # which must have the sign of all weights, 0 is positive to NEST
            low = np.finfo(np.float64).tiny * np.sign(how.params["Wmax"])
            weights = np.where(weights == 0, low, weights)
        steps = self.net._sim.synapses(projection.index)[3]
        if ((np.diff(pre) == 0) & (np.diff(post) == 0)).any():
            self.orders[projection.index] = np.lexsort(
                (weights, np.broadcast_to(steps, pre.shape), post, pre)
            )
        pre += self.first[projection.pre.index]
        post += self.first[projection.post.index]
        self._connect(pre, post, weights, steps, name)

    def _connect(
        self, pre: Ints, post: Ints, weight: Any, steps: Any = None, model: str = "static_synapse"
    ) -> None:
        """Connect one to one; what has one element goes to all of the others."""
        n = max(len(pre), len(post))
        for start in range(0, n, _CHUNK):
            part = slice(start, min(start + _CHUNK, n))
            chunk = [
                np.ascontiguousarray(np.broadcast_to(x, (n,))[part])
                for x in (
                    pre,
                    post,
                    np.asarray(weight, dtype=np.float64),
                    self.delay if steps is None else steps,
                )
            ]
            syn_spec = {"synapse_model": model, "weight": chunk[2], "delay": self._ms(chunk[3])}
            self.nest.Connect(chunk[0], chunk[1], "one_to_one", syn_spec)


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return numbers, and lists where they are not all the same."""
    arrays = {k: np.atleast_1d(v) for k, v in params.items()}
    return {k: float(v[0]) if (v == v[0]).all() else v.tolist() for k, v in arrays.items()}


def _ids(nodes: Any) -> Ints:
    """Return NEST's ids of nodes that were made at once."""
    return np.arange(nodes[0].global_id, nodes[0].global_id + len(nodes), dtype=np.int64)
