"""Take the network of a running NEST kernel into spikelet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikelet._util.advice import warn_caller
from spikelet._util.checks import fail
from spikelet._util.spelling import spelled
from spikelet.io.nest import devices
from spikelet.io.nest.devices import INPUTS, Generator
from spikelet.io.nest.kernel import Group, Kernel, Synapses
from spikelet.io.nest.synapse_models import (
    SHORT_TERM,
    STATES_AT_REST,
    STATIC,
    TARGET_DEFAULTS,
    at_rest,
    base_model,
    rest_of,
    rule_of,
)
from spikelet.network import Network
from spikelet.network.population import Population
from spikelet.neurons import NeuronModel
from spikelet.neurons.nest_names import model_of_nest
from spikelet.plasticity import TsodyksMarkram
from spikelet.sources import PoissonInput, PoissonSource, SpikeSource

Ints = npt.NDArray[np.int64]

_FADED = 40.0
"""Time constants after which nothing is left of a synaptic current, to the last digit."""

_MOST_RULES = 10_000  # each makes a projection, which costs time in each step


@spelled
def from_nest(
    nest: Any,
    *,
    populations: Mapping[str, Any] | None = None,
    synapse_models: Mapping[str, str] | None = None,
    dtype: Literal["float64", "float32"] = "float64",
    seed: int | None = None,
    threads: int | None = None,
    approximate: bool = False,
) -> Network:
    """Return the network that was built in a running NEST kernel.

    Time 0 of the network is NEST's present. With deterministic input and ``dtype="float64"``, the current-based models
    spike exactly as in NEST. Random inputs have the same statistics, not the same events. NEST's nearest-neighbour STDP
    acts as if each source had spiked at time 0; spikelet's does not.

    Parameters
    ----------
    nest : module
        NEST, with a network in its kernel. The kernel is not changed.
    populations : mapping of str to nest.NodeCollection, optional
        Names for groups of nodes; the nodes of a group have the same model. Other nodes become populations of
        consecutive nodes of one model, named after the model and the id of the first node: ``"iaf_psc_exp_1"``. Element
        k of a population is its node k.
    synapse_models : mapping of str to str, optional
        NEST's original models of copied models, if their parameters do not identify it: ``{"ee": "stdp_synapse"}``.
    dtype : {"float64", "float32"}
        Precision.
    seed : int, optional
        Random seed; NEST's by default.
    threads : int, optional
        Number of threads, as in `Network`.
    approximate : bool
        Whether to leave out the state that NEST does not expose (synaptic currents, traces, spikes in flight), with a
        warning instead of an error.

    Returns
    -------
    Network
        Neurons, parrots and spike generators as populations; synapses as projections; other generators as inputs;
        spike recorders, multimeters and voltmeters as recorders, which are empty.

    Raises
    ------
    ValueError
        If spikelet has no counterpart for something in the kernel; the message lists everything.

    See Also
    --------
    Network.to_nest : the opposite direction.
    """
    if not hasattr(nest, "GetConnections"):
        fail("from_nest", "nest", nest, "must be the module nest", error=TypeError)
    if nest.num_processes > 1:
        rule = "must be 1: a process sees only its own synapses"
        fail("from_nest", "number of NEST's processes", nest.num_processes, rule)
    named = populations or {}
    reader = _Reader(Kernel(nest, named), named, synapse_models or {})
    left_out = reader.past()
    if reader.obstacles or (left_out and not approximate):
        listed = "\n- ".join([*reader.obstacles, *([] if approximate else left_out)])
        msg = f"from_nest: spikelet cannot represent this network:\n- {listed}"
        hint = "" if reader.obstacles else "\napproximate=True leaves these out."
        raise ValueError(msg + hint)
    if left_out:
        warn_caller(f"from_nest: left out: {'; '.join(left_out)}")
    if reader.notes:
        warn_caller(f"from_nest: {'; '.join(reader.notes)}")
    seed = int(nest.rng_seed) if seed is None else seed
    net = Network(dt=reader.kernel.dt, seed=seed, threads=threads, dtype=dtype)
    reader.build(net)
    return net


class _Reader:
    """Sorts what a kernel holds into populations, projections, inputs and recorders."""

    def __init__(self, kernel: Kernel, named: Mapping[str, Any], given: Mapping[str, str]) -> None:
        self.kernel = kernel
        self.obstacles: list[str] = []
        self.status = {g.number: kernel.status(g) for g in kernel.groups}
        self.models: dict[int, Any] = {}  # of populations, by number of the group
        self.states: dict[int, dict[str, Any]] = {}
        self.projections: list[tuple[Synapses, Any]] = []  # with rules
        self.inputs: list[tuple[Group, Ints, Any]] = []
        self.kicked: list[Group] = []  # by random generators that are over
        self.spikes: list[Synapses] = []  # from neurons to recorders
        self.samples: list[Synapses] = []  # from multimeters to neurons
        self.driven: dict[int, list[Synapses]] = {}  # inputs of parrots
        self.used: set[int] = set()  # generators of spikes that are populations
        self.base: dict[str, str] = {}
        self.notes: dict[str, None] = {}  # in order: what differs and does not change the network
        for group in kernel.groups:
            if group.kind == "neuron" and not group.relays:
                self._neurons(group)
        for synapses in kernel.synapses():
            if synapses.model not in self.base:
                self._try(self._name_base, synapses.model, given)
            if synapses.model in self.base:
                self._try(self._sort, synapses)
        for group in kernel.groups:
            if group.relays:
                self._try(self._parrots, group)
            elif group.number in self.used:
                self.models[group.number] = self._ahead(self._trains(group))
            if group.name in named and group.number not in self.models and not self.obstacles:
                self.obstacles.append(
                    f'populations["{group.name}"]: {group.model} cannot be a population here'
                )

    def _try(self, call: Any, *arguments: Any) -> None:
        try:
            call(*arguments)
        except (ValueError, TypeError) as error:
            text = str(error).removeprefix("from_nest: ").removeprefix("from_nest ")
            if text not in self.obstacles:
                self.obstacles.append(text)

    def _name_base(self, model: str, given: Mapping[str, str]) -> None:
        self.base[model] = base_model(self.kernel.nest, model, given)
        if len(self.kernel.nest.GetDefaults(model).get("weight_recorder", ())):
            self.notes[f"{model} has no weight_recorder here: record(projection, 'weights')"] = None

    # What there is ----------------------------------------------------------------------------------------------------

    def _neurons(self, group: Group) -> None:
        if np.any(self.kernel.frozen[group.gids - 1]):
            self.obstacles.append(f"{group.name}: frozen nodes")
            return

        def read() -> None:
            model, states = model_of_nest("from_nest", group.model, self.status[group.number])
            self.models[group.number], self.states[group.number] = model, states

        self._try(read)

    def _sort(self, s: Synapses) -> None:
        pre, post, static = s.pre, s.post, self.base[s.model] in STATIC
        if post.model == "spike_recorder" and (
            pre.kind == "neuron" or pre.model == "spike_generator"
        ):
            self.spikes.append(s)
            self._use(pre)
            self._memory_only(post)
        elif pre.model in ("multimeter", "voltmeter") and post.kind == "neuron":
            self.samples.append(s)
            self._memory_only(pre)
            self._sampled_elsewhere(pre)
        elif pre.model in INPUTS and not static:
            self.obstacles.append(f"{s}: an input must have static synapses")
        elif post.relays and (pre.model in INPUTS or pre.model == "spike_generator"):
            self.driven.setdefault(post.number, []).append(s)
        elif post.relays or post.kind != "neuron":
            self.obstacles.append(f"{s}: spikelet has no such connection")
        elif pre.model in INPUTS:
            self._input(s)
        elif pre.kind == "neuron" or pre.model == "spike_generator":
            self._use(pre)
            self._project(s)
        else:
            self.obstacles.append(f"{s}: spikelet has no {pre.model}")

    def _memory_only(self, group: Group) -> None:
        """Note devices that write elsewhere."""
        for kind in sorted({str(kind) for kind in self.status[group.number]["record_to"]}):
            if kind != "memory":
                self.notes[f"{group.name} records in memory here, not to {kind}"] = None

    def _sampled_elsewhere(self, group: Group) -> None:
        """Note multimeters whose samples are not at multiples of their interval from NEST's present."""
        dt, status = self.kernel.dt, self.status[group.number]
        offset, interval = (
            np.rint(np.asarray(status[k]) / dt).astype(np.int64) for k in ("offset", "interval")
        )
        if np.any((self.kernel.now - offset) % interval):
            self.notes[
                f"{group.name} samples at multiples of its interval from NEST's present, not from its offset"
            ] = None

    def _use(self, group: Group) -> None:
        if group.model == "spike_generator":
            self.used.add(group.number)

    def _project(self, s: Synapses) -> None:
        base = self.base[s.model]
        own = self.status[s.pre.number].get("spike_weights", ())
        weighted = [weights for weights in own if len(weights)]
        if weighted:
            why = "must be empty: only synapses have weights here"
            fail(s.pre.name, "spike_weights", weighted[0], why)
        status = self.status[s.post.number]
        target = {k: np.asarray(status[k])[s.target] for k in TARGET_DEFAULTS if k in status}
        if base in STATIC:
            self.projections.append((s, None))
            return
        if base in SHORT_TERM:
            self.projections.append((s, rule_of(base, s.more, {})))
            return
        rows = {k: v for k, v in {**s.more, **target}.items() if k not in STATES_AT_REST}
        table = np.stack([np.asarray(v, dtype=np.float64) for v in rows.values()])
        kinds, which = np.unique(table, axis=1, return_inverse=True)
        if kinds.shape[1] > _MOST_RULES:
            limit = f"must have at most {_MOST_RULES} sets of values between two groups, as each becomes a projection"
            fail(f"{s}", f"parameters of {s.model}", kinds.shape[1], limit, got="sets")
        for k, column in enumerate(kinds.T):
            values = dict(zip(rows, map(float, column), strict=True))
            rule = rule_of(base, values, values)
            self.projections.append((s.part(np.flatnonzero(which.ravel() == k)), rule))

    def _generators(self, group: Group, delay: int) -> list[Generator]:
        status, kernel = self.status[group.number], self.kernel
        return [
            Generator(
                group.model, {k: v[i] for k, v in status.items()}, kernel.dt, kernel.now, delay
            )
            for i in range(len(group.gids))
        ]

    def _of_one_key(self, s: Synapses) -> Iterable[tuple[list[Generator], Ints, Ints]]:
        """Return generators that become one input, which synapses are theirs, and whose each of these is."""
        found: dict[Any, tuple[list[Generator], list[Ints], list[int]]] = {}
        pairs, which = np.unique(np.stack([s.delay, s.source]), axis=1, return_inverse=True)
        made: dict[int, list[Generator]] = {}
        for k, (delay, source) in enumerate(pairs.T):
            if delay not in made:
                made[delay] = self._generators(s.pre, int(delay))
            generator = made[delay][source]
            if generator.stops is not None and generator.stops <= generator.starts:
                continue  # it has stopped before our time 0
            why = devices.obstacle(generator)
            if why:
                self.obstacles.append(f"{s.pre.name}: {why}")
                continue
            group = found.setdefault(generator.key(), ([], [], []))
            mine = np.flatnonzero(which.ravel() == k)
            group[1].append(mine)
            group[2].append(len(group[0]))
            group[0].append(generator)
        for generators, parts, numbers in found.values():
            whose = np.repeat(np.array(numbers), [len(p) for p in parts])
            yield generators, np.concatenate(parts), whose

    def _input(self, s: Synapses) -> None:
        if s.post.number not in self.models:
            return
        receptor = self._receptor(s)
        if any(self._just_over(g, s.post) for g in self._generators(s.pre, int(s.delay.max()))):
            self.kicked.append(s.post)
        for generators, found, of in self._of_one_key(s):
            order = np.argsort(s.target[found], kind="stable")
            mine, whose = found[order], of[order]
            target = s.target[mine]
            turn = np.arange(len(target)) - np.searchsorted(target, target)
            for k in range(int(turn.max()) + 1):  # a neuron's k-th generator
                now = turn == k
                used, which = np.unique(whose[now], return_inverse=True)
                chosen = [generators[i] for i in used]
                for what in devices.inputs_of(chosen, which, s.weight[mine[now]], receptor):
                    self.inputs.append((s.post, target[now], what))

    def _receptor(self, s: Synapses) -> str | None:
        model = self.models.get(s.post.number)
        if s.receptor == 0 or not isinstance(model, NeuronModel):
            return None
        if s.post.model != "iaf_psc_exp_multisynapse":
            fail(f"{s}", "receptor", s.receptor, "must be 0: spikelet's model has no other ports")
        return model.receptors[s.receptor - 1]

    def _parrots(self, group: Group) -> None:
        feeds = self.driven.get(group.number, [])
        n = len(group.gids)
        given = self._given([s for s in feeds if s.pre.model == "spike_generator"], n)
        others = [s for s in feeds if s.pre.model != "spike_generator"]
        # Without those that are over.
        found = [(s, *one) for s in others for one in self._of_one_key(s)]
        if not found:
            self.models[group.number] = self._ahead(given)
            return
        kinds = {s.pre.model for s, *_ in found}
        if any((stamps >= self.kernel.now).any() for stamps in given):
            kinds.add("spike_generator")
        windows = {tuple(generators[0].window().items()) for _, generators, *_ in found}
        if kinds == {"poisson_generator"} and len(windows) == 1:
            rates = np.zeros(n)  # those of the generators of a parrot add up
            for s, generators, mine, whose in found:
                rate = np.array([g.status["rate"] for g in generators])[whose]
                np.add.at(rates, s.target[mine], rate)
            self.models[group.number] = PoissonSource(rates, **dict(windows.pop()))
            return
        s, generators, mine, whose = found[0]
        driven = s.target[mine]
        if len(found) > 1 or len(kinds) > 1 or len(np.unique(driven)) < len(driven):
            rule = "must each be driven by one generator, all of one model that is on at the same times"
            fail(group.name, "parrots", sorted(kinds), rule, got="generators")
        which = np.full(n, len(generators))
        which[driven] = whose
        rest = [devices.muted(generators[0])] if len(driven) < n else []
        self.models[group.number] = devices.source_of([*generators, *rest], which)

    def _given(self, feeds: list[Synapses], n: int) -> list[Ints]:
        """Return the stamps [NEST's steps] of what spike generators send to each of n parrots."""
        stamps: list[list[Ints]] = [[] for _ in range(n)]
        for s in feeds:
            trains = self._trains(s.pre)
            for source, target, delay in zip(s.source, s.target, s.delay, strict=True):
                stamps[target].append(trains[source] + delay)
        return [np.sort(np.concatenate([np.zeros(0, np.int64), *each])) for each in stamps]

    def _ahead(self, stamps: list[Ints]) -> Any:
        """Return a source of the spikes whose stamps [NEST's steps] have not passed."""
        now, dt = self.kernel.now, self.kernel.dt
        return SpikeSource.from_trains([np.round((s[s >= now] - now) * dt, 6) for s in stamps])

    # Its past ---------------------------------------------------------------------------------------------------------

    def past(self) -> list[str]:
        """Return what NEST does not show of what has happened."""
        now, nest = self.kernel.now, self.kernel.nest
        if now == 0:
            return [
                f"{s}: their state; at rest they have {rest_of(self.base[s.model])}, set it in NEST"
                for s, rule in self.projections
                if isinstance(rule, TsodyksMarkram) and not at_rest(self.base[s.model], s.more)
            ]
        found = []
        if nest.local_spike_counter:
            found.append(
                f"synaptic currents, refractoriness and spikes in flight after {nest.biological_time:g} ms in NEST"
            )
        else:
            kicked = {g for g, _, what in self.inputs if isinstance(what, PoissonInput)}
            kicked |= {*self.kicked, *(s.post for s, _ in self.projections if self._delivered(s))}
            names = sorted({g.name for g in kicked if self._hidden(g)})
            found += [f"{name}: synaptic currents of earlier events" for name in names]
        for s, rule in self.projections:
            if rule is not None and not at_rest(self.base[s.model], s.more):
                found.append(f"{s}: traces of earlier spikes")
        for s, _ in self.projections:
            if s.pre.model == "spike_generator":
                latest = max(int(t[t < now].max(initial=-1)) for t in self._trains(s.pre))
                if latest >= 0 and latest + int(s.delay.max(initial=0)) > now:
                    found.append(f"{s}: spikes in flight")
        return list(dict.fromkeys(found))

    def _hidden(self, group: Group) -> bool:
        """Return whether NEST does not show the synaptic currents or conductances of neurons."""
        if group.number not in self.models:
            return False  # that is an obstacle of its own
        states, read = self.models[group.number].states, self.states.get(group.number, {})
        return any(
            s.startswith(("I_syn", "dI_syn", "g_ex", "g_in")) and s not in read for s in states
        )

    def _delivered(self, s: Synapses) -> bool:
        """Return whether spikes that a spike generator has delivered still act in the targets."""
        if s.pre.model != "spike_generator":
            return False
        trains, now = self._trains(s.pre), self.kernel.now
        latest = -1
        for source, delay in np.unique(np.stack([s.source, s.delay]), axis=1).T:
            arrived = trains[source] + delay
            latest = max(latest, int(arrived.max(initial=-1, where=arrived <= now)))
        return latest >= 0 and now - latest < self._fading(s.post)

    def _just_over(self, g: Generator, post: Group) -> bool:
        """Return whether spikes of a random generator that has ended still act in the targets."""
        begin, end = (g.status["origin"] + g.status[name] for name in ("start", "stop"))
        if "poisson" not in g.model or end > 1e300 or end <= begin or begin >= g.now * g.dt:
            return False
        return -self._fading(post) < int(g.steps(end)) <= 0

    def _fading(self, group: Group) -> float:
        """Return how many steps a synaptic current of neurons is felt."""
        taus = [
            np.max(np.concatenate([np.ravel(x) for x in v]))
            for k, v in self.status[group.number].items()
            if k.startswith("tau_syn")
        ]
        return float(_FADED * max(taus, default=np.inf) / self.kernel.dt)

    def _trains(self, group: Group) -> list[Ints]:
        return [devices.spike_times(g) for g in self._generators(group, 0)]

    # Building ---------------------------------------------------------------------------------------------------------

    def build(self, net: Network) -> None:
        """Make everything in a new network."""
        made: dict[int, Population] = {}
        for group in self.kernel.groups:
            if group.number not in self.models:
                continue
            made[group.number] = net.population(
                len(group.gids), self.models[group.number], name=group.name
            )
            for state, values in self.states.get(group.number, {}).items():
                setattr(made[group.number], state, values)
        for s, rule in self.projections:
            ids = s.source, s.target
            delay = np.round(s.delay * self.kernel.dt, 6)
            net.connect(
                made[s.pre.number], made[s.post.number], ids, weight=s.weight, delay=delay,
                receptor=self._receptor(s), plasticity=rule,
            )  # fmt: skip
        for group, targets, what in self.inputs:
            population = made[group.number]
            whole = len(targets) == len(population)
            net.inject(population if whole else population[targets], what)
        for s in self.spikes:
            for device in np.unique(s.target):
                of_device = np.unique(s.source[s.target == device])
                self._record(net, made[s.pre.number], of_device, "spikes", s.post, device)
        for s in self.samples:
            for device in np.unique(s.source):
                of_device = np.unique(s.target[s.source == device])
                names = [str(x) for x in self.status[s.pre.number]["record_from"][device]]
                what = names if len(names) > 1 else names[0]
                self._record(net, made[s.post.number], of_device, what, s.pre, device)

    def _record(
        self, net: Network, population: Population, ids: Ints, what: Any, group: Group, device: int
    ) -> None:
        status = {k: v[device] for k, v in self.status[group.number].items()}
        now = self.kernel.now * self.kernel.dt
        start, stop = (status["origin"] + status[k] - now for k in ("start", "stop"))
        if stop <= 0:
            return
        window = {"start": start} if start > 0 else {}
        if stop < 1e300:
            window["stop"] = stop
        every = {} if what == "spikes" else {"every": status["interval"]}
        target = population if len(ids) == len(population) else population[ids]
        net.record(target, what, **every, **{k: round(v, 6) for k, v in window.items()})
