"""Build a network in NEST, to compare with or to use what only NEST has."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, integer, interval, steps_of
from spikelet._util.extras import extra
from spikelet._util.spelling import spelled
from spikelet.io.nest.build import Builder
from spikelet.io.nest.neuron_models import cell_of, find_cell, weight_factor
from spikelet.io.nest.obstacles import inspect
from spikelet.network.contents import NetworkContents
from spikelet.network.population import Population, check_own
from spikelet.network.projection import Projection
from spikelet.neurons import NeuronModel

_READ = 1 << 16  # synapses read at a time: NEST makes a dictionary of each

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NestRecorder:
    """Recordings of NEST, in spikelet's times and ids. Made by `NestNetwork.record`.

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
    _every: int = 1  # steps

    def _events(self) -> tuple[Ints, Ints, dict[str, Any]]:
        """Return steps, ids and all columns of the device, in order of time, then id."""
        events = self.device.events
        steps = self.of._steps(events["times"])
        ids = (
            np.asarray(events["senders"], dtype=np.int64) - self.of._built.first[self.target.index]
        )
        order = np.lexsort((ids, steps))
        if self.what != "spikes":  # a multimeter may also sample at our time 0
            order = order[(steps[order] > self.of._built.now) & (steps[order] % self._every == 0)]
        return steps[order], ids[order], {k: np.asarray(v)[order] for k, v in events.items()}

    @property
    def times(self) -> Floats:
        """Times of the spikes or of the samples [ms]."""
        steps = self._events()[0]
        return self.of.network.engine.ms(steps if self.what == "spikes" else np.unique(steps))

    @property
    def ids(self) -> Ints:
        """Ids of the spikes within the population."""
        return self._events()[1]

    @property
    def values(self) -> Floats:
        """Samples of a state, [samples, len(target)], in the order of the target's ids.

        NEST delivers the samples of the last time slice, which is as long as the shortest delay, in the next run.
        """
        events = self._events()[2]
        cell = cell_of(self.target.model)
        total = sum(events[name] for name in cell.columns(self.what))
        values = np.asarray(total, dtype=np.float64).reshape(-1, len(self.target))
        found: Floats = values[:, np.argsort(np.argsort(self.target.ids))]
        return found * np.float64(cell.factors.get(self.what, 1.0))


@dataclass(frozen=True, eq=False)
class NestNetwork:
    """A network in NEST's kernel. Made by `Network.to_nest`, and valid until the kernel is reset.

    Attributes
    ----------
    network : Network
        The network from which it was built.
    offset : float
        NEST's time minus spikelet's [ms]. In NEST, generators fire before their spikes are relayed, and those for
        spikelet's time 0 must fire after NEST's time 0.
    notes : tuple of str
        Differences between the two networks.
    """

    network: NetworkContents
    offset: float
    notes: tuple[str, ...]
    _built: Builder

    def nodes(self, population: Population | str) -> Any:
        """Return the nodes of a population, given itself, a part of it or its name.

        Returns
        -------
        nest.NodeCollection
            Nodes in the order of ids; for a spike source, its parrot neurons. If several populations share the name,
            those of the first.
        """
        if isinstance(population, str):
            for candidate in self.network.populations:
                if candidate.name == population:
                    return self._built.nodes[candidate.index]
            fail("nodes", "population", population, "must be the name of a population")
        check_own(self.network, "nodes", population)
        if population.index not in self._built.nodes:
            rule = "must have been part of the network when it was taken to NEST"
            fail("nodes", "population", population, rule)
        nodes = self._built.nodes[population.index]
        return nodes if population.whole else nodes[np.sort(population.ids).tolist()]

    def connections(self, projection: Projection) -> Any:
        """Return the synapses of a projection, in NEST's order.

        Returns
        -------
        nest.SynapseCollection
            One object per synapse; for many synapses use `weights`.
        """
        model = self._model(projection)
        if model is None:
            return self._built.nest.SynapseCollection(None)
        return self._built.nest.GetConnections(synapse_model=model)

    def weights(self, projection: Projection) -> Floats:
        """Return the weights of a projection in spikelet's canonical order, with spikelet's sign.

        NEST's weights are those at the last delivered spike of the source, while spikelet's are the present ones.
        Synapses of the same source, target and delay are matched in order of their weights.
        """
        if self._model(projection) is None:
            return np.zeros(0)
        ends = np.cumsum(np.bincount(projection.pre_ids, minlength=projection.pre.size))
        cuts = [0, *(1 + np.flatnonzero(np.diff(ends // _READ))), projection.pre.size]
        parts = [self._read(projection, slice(*cut)) for cut in itertools.pairwise(cuts)]
        weights = np.empty(len(projection))
        weights[self._built.orders.get(projection.index, slice(None))] = np.concatenate(parts)
        return weights * weight_factor(projection.post.model, projection.receptor)

    def _model(self, projection: Projection) -> str | None:
        """Return the name of a projection's synapse model, None if it has no synapses."""
        if (
            projection.network is not self.network
            or projection.index not in self._built.projections
        ):
            rule = "must belong to the network that was taken to NEST"
            fail("to_nest", "projection", projection, rule)
        return self._built.models.get(projection.index)

    def _read(self, projection: Projection, sources: slice) -> Floats:
        """Return NEST's weights of some sources in order of source, target, delay and weight."""
        synapses = self._built.nest.GetConnections(
            source=self._built.nodes[projection.pre.index][sources],
            synapse_model=self._built.models[projection.index],
        )
        if not len(synapses):
            return np.zeros(0)
        got = synapses.get(["source", "target", "delay", "weight"])
        source, target, delay, weight = (np.atleast_1d(values) for values in got.values())
        steps = np.rint(delay / self.network.dt)
        return np.asarray(weight[np.lexsort((weight, steps, target, source))], dtype=np.float64)

    def record(self, target: Population, what: str, *, every: float | None = None) -> NestRecorder:
        """Record from now on, as `Network.record` does, but without the spikes of sources at time 0.

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
        check_own(self.network, "record", target)
        if what == "spikes":
            if every is not None:
                fail(f"record {target.name}", "every", every, "is not for spikes")
            device = self._built.nest.Create("spike_recorder")
            self._built.nest.Connect(
                self.nodes(target), device, syn_spec={"delay": self._built.ms(self._built.delay)}
            )
            return NestRecorder(self, target, what, device)
        known = self._states(target)
        if what not in known:
            rule = f"must be one of {', '.join(['spikes', *known])} in NEST"
            fail(f"record {target.name}", "what", what, rule)
        dt, steps = self.network.dt, interval("record", every, self.network.dt)
        phase = round(self.offset / dt) % steps
        # Unless the phase is 0, NEST misses a sample that is due in its next step. Then sample each step and drop most.
        taken = (
            1
            if phase and (self._steps(self._built.nest.biological_time) + 1) % steps == 0
            else steps
        )
        times = {"interval": round(taken * dt, 3), "offset": round(phase % taken * dt, 3)}
        params = {"record_from": list(cell_of(target.model).columns(what)), **times}
        device = self._built.nest.Create("multimeter", params=params)
        self._built.nest.Connect(
            device, self.nodes(target), syn_spec={"delay": self._built.ms(self._built.delay)}
        )
        return NestRecorder(self, target, what, device, steps)

    def _states(self, target: Population) -> list[str]:
        """Return the states that NEST records of a population."""
        cell = find_cell(target.model)
        if cell is None:
            return []
        nodes = self._built.nodes[target.index]  # with ports, each has its own recordables
        defaults = self._built.nest.GetDefaults
        there = nodes[0].recordables if len(nodes) else defaults(cell.name, "recordables")
        names = set(map(str, there))
        return [s for s in cell.model.states if names.issuperset(cell.columns(s))]

    @property
    def t(self) -> float:
        """NEST's present time on spikelet's clock [ms]."""
        return float(self.network.engine.ms(self._steps(self._built.nest.biological_time)))

    def run(self, duration: float) -> None:
        """Simulate with NEST.

        Parameters
        ----------
        duration : float
            Model time [ms], a multiple of dt.
        """
        time, steps = steps_of("run", "duration", duration, self.network.dt)
        if steps:
            self._built.nest.Simulate(time)

    def _steps(self, times: Any) -> Ints:
        return np.rint((np.asarray(times) - self.offset) / self.network.dt).astype(np.int64)

    def __repr__(self) -> str:
        neurons = sum(len(p) for p in self.network.populations if isinstance(p.model, NeuronModel))
        synapses = sum(len(p) for p in self.network.projections)
        return f"NestNetwork({neurons} neurons, {synapses} synapses, t={self.t:g} ms, offset={self.offset:g} ms)"


@spelled
def to_nest(
    net: NetworkContents,
    *,
    threads: int | None = None,
    seed: int | None = None,
    reset_kernel: bool = True,
    approximate: bool = False,
) -> NestNetwork:
    """Build a network in NEST; see `Network.to_nest`."""
    nest = extra("nest", "to_nest", "nest")
    net.engine.require_idle()
    if threads is not None:
        integer("to_nest", "threads", threads, 1)
    if seed is not None:
        integer("to_nest", "seed", seed, 1, 2**32 - 1)
    found = inspect(net)
    if not reset_kernel:
        if abs(nest.resolution - net.dt) > 1e-9:
            why = f"NEST's resolution is {nest.resolution:g} ms, dt is {net.dt:g} ms"
            found.refused.append(why)
        if nest.biological_time != 0:
            found.refused.append(f"NEST's kernel has run to {nest.biological_time:g} ms")
    obstacles = found.refused + ([] if approximate else found.left_out)
    if obstacles:
        hint = "\napproximate=True leaves these out; reset() clears the network's past."
        msg = "to_nest: NEST cannot represent this network:\n- " + "\n- ".join(obstacles)
        raise ValueError(msg if found.refused else msg + hint)
    if reset_kernel:
        nest.ResetKernel()
        threads = net.threads if threads is None else threads
        seed = net.seed % (2**32 - 1) + 1 if seed is None else seed
        nest.set(resolution=net.dt)
    given = {"local_num_threads": threads, "rng_seed": seed}
    nest.set(**{k: v for k, v in given.items() if v is not None})
    built = Builder(nest, net)
    built.build()
    notes = (*found.notes, *(f"left out: {x}" for x in found.left_out))
    return NestNetwork(net, built.ms(built.offset - built.now), notes, built)
