"""The executable specification: what a network does, step by step, as slowly and obviously as possible.

Written from the documentation (docs/neurons.md, docs/plasticity.md, docs/inputs.md) and never from the core: one
class for each kind of thing, times in steps, everything in float64, no trace and no table. Linear neurons are solved
with matrix exponentials, and each plastic synapse keeps the list of all spikes that it has seen. Descriptions, such as
`sl.LIF(...)`, are those of the package; randomness is not specified but given (`PoissonSource.given`, `Drive.drawn`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
from tests.specification.recorders import Recorder
from tests.support import plasticity_reference as reference

Array = Any
EX, IN = 0, 1
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)

STATES: dict[str, tuple[str, ...]] = {
    "LIF": ("V_m", "I_syn_ex", "I_syn_in", "theta"),
    "IF": ("V_m", "I_syn_ex", "I_syn_in", "theta"),
    "LIFAlpha": ("V_m", "I_syn_ex", "I_syn_in", "dI_syn_ex", "dI_syn_in", "theta"),
    "LIFDelta": ("V_m", "theta"),
    "LIFCond": ("V_m", "g_ex", "g_in", "theta"),
}


def exponential(a: Array) -> Array:
    """Return the exponential of each matrix [n, k, k]: a Taylor series of a / 2^8, squared eight times."""
    term = result = np.broadcast_to(np.eye(a.shape[-1]), a.shape)
    for k in range(1, 12):
        term = term @ a / (2**8 * k)
        result = result + term
    for _ in range(8):
        result = result @ result
    return result


class Neurons:
    """Neurons: their states, and one step of them."""

    by_sign = True  # signs of weights choose the receptor where none is named
    receptors: Any = ("ex", "in")

    def __init__(self, n: int, model: Any, dt: float) -> None:
        self.n, self.dt = n, dt
        self.kind = type(model).__name__
        self.state = {name: np.zeros(n) for name in STATES[self.kind]}
        self.set_model(model)
        self.state["V_m"][:] = self.parameter("E_L")
        self.held = np.zeros(n, dtype=int)  # steps for which V_m is still held
        self.initial: dict[str, Array] | None = None  # the states before the first run
        self.closest = math.inf  # how close V_m came to the threshold [mV]

    @property
    def early(self) -> bool:
        """Whether events act on what the threshold is tested on."""
        return self.kind == "LIFDelta"

    @property
    def magnitudes(self) -> tuple[str, ...]:
        """Receptors to which magnitudes of weights count."""
        return self.receptors if self.kind == "LIFCond" else ()

    def channel(self, receptor: int | None, weight: Array) -> Array:
        """Return the numbers of the receptors of events."""
        if receptor is not None:
            return np.full(np.shape(weight), receptor)
        return np.where(self.by_sign & (np.asarray(weight) < 0), IN, EX)

    def parameter(self, name: str) -> Array:
        """Return a parameter, one for each neuron."""
        return np.broadcast_to(np.asarray(getattr(self.model, name), dtype=float), (self.n,))

    def set_model(self, model: Any) -> None:
        """Set all parameters; states stay."""
        self.model = model
        tics = round(self.dt * 1000)
        self.t_ref = np.array([-(-round(t * 1000) // tics) for t in self.parameter("t_ref")], int)
        self.theta_kept = np.exp(-self.dt / self.parameter("tau_theta"))
        if self.kind != "LIFCond":
            self.propagator = exponential(self.dt * self.system())

    def system(self) -> Array:
        """Return A of x' = A x, with x = (V_m - E_L, [I_ex, I_in, [dI_ex, dI_in]], the current of this step)."""
        linear = [s for s in STATES[self.kind] if s != "theta"]
        a = np.zeros((self.n, len(linear) + 1, len(linear) + 1))
        a[:, 0, 1:3] = (1.0 / self.parameter("C_m"))[:, None]
        a[:, 0, -1] = 1.0 / self.parameter("C_m")
        if self.kind != "IF":
            a[:, 0, 0] = -1.0 / self.parameter("tau_m")
        for k, end in enumerate(("ex", "in")) if self.kind != "LIFDelta" else ():
            rate = 1.0 / self.parameter(f"tau_syn_{end}")
            a[:, 1 + k, 1 + k] = -rate
            if self.kind == "LIFAlpha":  # I' = -I / tau + dI e / tau: an event of w peaks at w
                a[:, 1 + k, 3 + k] = math.e * rate
                a[:, 3 + k, 3 + k] = -rate
        return a

    def step(self, current: Array, arriving: Array) -> Array:
        """Integrate one step; return the ids that spike at its end. `arriving` [2, n] acts now only on delta synapses."""
        state, free = self.state, self.held == 0
        drive = self.parameter("I_e") + current
        if self.kind == "LIFCond":
            V = self.relax(drive)
        else:
            linear = [s for s in STATES[self.kind] if s != "theta"]
            E_L = self.parameter("E_L")
            x = np.stack([state["V_m"] - E_L, *(state[s] for s in linear[1:]), drive], axis=1)
            x = np.einsum("nij,nj->ni", self.propagator, x)
            V = x[:, 0] + E_L
            for k, name in enumerate(linear[1:], 1):
                state[name] = x[:, k]
        if self.kind == "LIFDelta":
            V = V + arriving.sum(axis=0)
        state["V_m"] = np.where(free, V, state["V_m"])  # what arrives while it is held is lost
        state["theta"] = state["theta"] * self.theta_kept
        threshold = self.parameter("V_th") + state["theta"]
        if free.any():
            self.closest = min(self.closest, np.abs(state["V_m"] - threshold)[free].min())
        spikes = free & (state["V_m"] >= threshold)
        if self.model.reset == "subtract":
            after = state["V_m"] - (threshold - self.parameter("V_reset"))
        else:
            after = self.parameter("V_reset")
        state["V_m"] = np.where(spikes, after, state["V_m"])
        state["theta"] = state["theta"] + np.where(spikes, self.parameter("theta_plus"), 0.0)
        self.held = np.where(spikes, self.t_ref, np.maximum(self.held - 1, 0))
        return np.flatnonzero(spikes)

    def conductances(self, drive: Array) -> list[tuple[Array, ...]]:
        """Return the mean of each conductance over the step, its reversal potential, and the rate at which it decays."""
        g_L, h = self.parameter("g_L"), self.dt
        parts = [(g_L, self.parameter("E_L") + drive / g_L, np.full(self.n, 1e-9))]
        for end in ("ex", "in"):
            x = h / self.parameter(f"tau_syn_{end}")
            mean = self.state[f"g_{end}"] * -np.expm1(-x) / x
            parts.append((mean, self.parameter(f"E_{end}"), x))
        return parts

    def relax(self, drive: Array) -> Array:
        """Return V_m after a step towards the target of docs/neurons.md; the conductances decay."""
        h_C, parts = self.dt / self.parameter("C_m"), self.conductances(drive)
        total = sum(g for g, _, _ in parts)
        goal = sum(g * E for g, E, _ in parts) / total
        for k, (g_k, E_k, x_k) in enumerate(parts):
            for j, (g_j, E_j, x_j) in enumerate(parts[:k]):  # 0 is the leak
                s = 0.5 + 0.5 * NODES[:, None]
                flowed = np.expm1(-x_k * s) / np.expm1(-x_k)  # the share of k until s
                flowing = -x_j * np.exp(-x_j * s) / np.expm1(-x_j)
                lag = (0.5 * WEIGHTS[:, None] * flowed * flowing).sum(axis=0) - 0.5
                both = np.minimum(h_C * g_j, 1.0) * h_C * g_k
                if j > 0:
                    both = np.minimum(h_C * g_j, 3.0) * np.minimum(h_C * g_k, 3.0)
                goal = goal + lag * both * (E_j - E_k) / (h_C * total)
        for end in ("ex", "in"):
            g = self.state[f"g_{end}"]
            self.state[f"g_{end}"] = g * np.exp(-self.dt / self.parameter(f"tau_syn_{end}"))
        return goal + (self.state["V_m"] - goal) * np.exp(-h_C * total)

    def receive(self, arriving: Array) -> None:
        """Add synaptic events [2, n] to the synaptic states, at the end of a step."""
        for k, end in enumerate(("ex", "in")):
            if self.kind == "LIFCond":
                self.state[f"g_{end}"] = self.state[f"g_{end}"] + np.abs(arriving[k])
            elif self.kind != "LIFDelta":
                name = f"dI_syn_{end}" if self.kind == "LIFAlpha" else f"I_syn_{end}"
                self.state[name] = self.state[name] + arriving[k]

    def restart(self) -> None:
        """Go back to the states before the first run."""
        if self.initial is not None:
            self.state = {name: values.copy() for name, values in self.initial.items()}
        self.held[:] = 0


class Source:
    """A source, whose spikes are given: a sorted list of (stamp, id)."""

    def __init__(self, n: int, spikes: list[tuple[int, int]] | None = None) -> None:
        self.n = n
        self.given = spikes or []

    def spikes_at(self, stamp: int) -> Array:
        """Return the ids that spike at a stamp; an id may be there twice."""
        return np.array([i for s, i in self.given if s == stamp], dtype=int)


class Projection:
    """The synapses from one population to another, in canonical order."""

    def __init__(
        self, pre: int, post: int, synapses: tuple[Array, ...], receptor: Any, rule: Any, dt: float
    ) -> None:
        self.pre, self.post, self.receptor, self.rule, self.dt = pre, post, receptor, rule, dt
        self.pre_ids, self.post_ids, self.delay, self.weights = (np.array(x) for x in synapses)
        self.initial = self.weights.copy()
        fraction = getattr(rule, "axonal_fraction", 0.0)
        self.axonal = np.array([round(fraction * d) for d in self.delay], dtype=int)
        self.tie = getattr(rule, "coincidence", "potentiate") == "potentiate"
        self.restart(keep_weights=False)

    @property
    def mixed(self) -> bool:
        """Whether the weights may have both signs."""
        return bool(self.rule.bounds[0] < 0 < self.rule.bounds[1])

    def restart(self, *, keep_weights: bool) -> None:
        """Forget all spikes."""
        if self.rule is not None and not keep_weights:
            self.weights = self.initial.copy()
        self.arrivals: dict[int, list[tuple[int, float | None]]] = defaultdict(list)
        self.pre_due: dict[int, list[int]] = defaultdict(list)  # when a spike is at which synapses
        self.post_due: dict[int, list[int]] = defaultdict(list)
        self.seen: list[tuple[list[int], list[int]]] = [([], []) for _ in self.weights]
        self.levels: list[tuple[int, float]] = []  # rewards: when, and what
        self.trace = np.zeros(len(self.weights))  # eligibility, at time `marked`
        self.marked = np.zeros(len(self.weights), dtype=int)

    def sent(self, stamp: int, ids: Array) -> None:
        """Note spikes of sources."""
        for i in ids:
            for k in np.flatnonzero(self.pre_ids == i):
                if self.rule is None:
                    self.arrivals[stamp + self.delay[k]].append((k, None))
                else:
                    self.pre_due[stamp + self.axonal[k]].append(k)

    def answered(self, stamp: int, ids: Array) -> None:
        """Note spikes of targets."""
        if self.rule is not None and type(self.rule).__name__ != "TsodyksMarkram":
            for k in np.flatnonzero(np.isin(self.post_ids, ids)):
                self.post_due[stamp + self.delay[k] - self.axonal[k]].append(k)

    def learn(self, now: int, *, before_neurons: bool) -> None:
        """Let the spikes act that are at their synapses now: at a tie, the source's first where ties potentiate.

        What comes along an axon is there before the neurons of this step spike.
        """
        if before_neurons and not self.tie:
            return
        sources, targets = self.pre_due, self.post_due
        for due in (sources, targets) if self.tie else (targets, sources):
            if not (before_neurons and due is targets):
                for k in due.pop(now, ()):
                    self.act(k, now, is_pre=due is sources)

    def act(self, k: int, now: int, *, is_pre: bool) -> None:
        """Change the weight of a synapse at a spike; send it, if the spike is of the source."""
        kind = type(self.rule).__name__
        pres, posts = self.seen[k]
        factor = 1.0
        if kind == "TsodyksMarkram":
            factor = reference.depression_and_facilitation(self.rule, [*pres, now], self.dt)[-1]
        else:
            events = reference.Events((), (), int(self.delay[k]), self.rule, self.dt)
            if kind == "RewardSTDP":
                self.weights[k], self.trace[k] = self.rewarded(k, now)
                self.marked[k] = now
                if is_pre:
                    past = [t for t in posts if t < now]
                    down = events.k(self.rule.tau_minus, now, past)
                    self.trace[k] -= self.rule.A_minus * down
                else:
                    self.trace[k] += self.rule.A_plus * events.k(self.rule.tau_plus, now, pres)
            else:
                change = reference.CHANGES[kind]
                self.weights[k] = change(events, self.weights[k], now, is_pre, pres, posts)
        (pres if is_pre else posts).append(now)
        if is_pre:
            arrival = now - self.axonal[k] + self.delay[k]
            self.arrivals[arrival].append((k, self.weights[k] * factor))

    def rewarded(self, k: int, now: int) -> tuple[float, float]:
        """Return the weight and the eligibility of a synapse now: dw/dt = c (n - b), piece by piece."""
        rule, w, c, at = self.rule, self.weights[k], self.trace[k], int(self.marked[k])
        for stop in [*(t for t, _ in self.levels if at < t < now), now]:
            h, n = (stop - at) * self.dt, self.level(at)
            rate = 1.0 / rule.tau_c + (0.0 if rule.tau_n is None else 1.0 / rule.tau_n)
            w += c * n * -math.expm1(-h * rate) / rate
            w -= c * rule.b * rule.tau_c * -math.expm1(-h / rule.tau_c)
            c *= math.exp(-h / rule.tau_c)
            at = stop
        return min(max(w, rule.w_min), rule.w_max), c

    def level(self, now: int) -> float:
        """Return the reward."""
        return reference.level(self.rule, self.levels, now, self.dt)

    def set_level(self, step: int, value: float) -> None:
        """Set the reward from a step on."""
        self.levels = sorted([*(x for x in self.levels if x[0] != step), (step, value)])

    def read(self, now: int) -> Array:
        """Return the weights as of now."""
        if type(self.rule).__name__ != "RewardSTDP":
            return self.weights.copy()
        return np.array([self.rewarded(k, now)[0] for k in range(len(self.weights))])

    def write(self, now: int, weights: Array) -> None:
        """Set the weights; what has been sent stays."""
        if type(self.rule).__name__ == "RewardSTDP":
            for k in range(len(self.weights)):
                self.trace[k] = self.rewarded(k, now)[1]
                self.marked[k] = now
        self.weights = np.array(weights, dtype=float)

    def normalize(self, now: int, total: float) -> None:
        """Scale the weights onto each target to a sum of magnitudes."""
        w = self.read(now)
        sums = np.bincount(self.post_ids, np.abs(w), minlength=1)[self.post_ids]
        self.write(
            now,
            np.clip(
                np.where(sums > 0, w * total / np.where(sums > 0, sums, 1), w), *self.rule.bounds
            ),
        )

    def arriving(self, now: int, neurons: Neurons) -> Array:
        """Return the events that arrive now, summed by receptor and target, [receptors, n]."""
        sums = np.zeros((len(neurons.receptors), neurons.n))
        for k, weight in self.arrivals.pop(now, ()):
            w = self.weights[k] if weight is None else weight
            receptor = int(neurons.channel(self.receptor, w))
            by_size = neurons.receptors[receptor] in neurons.magnitudes
            sums[receptor, self.post_ids[k]] += abs(w) if by_size else w
        return sums


class Drive:
    """An input: its target, its start, and the values that it draws [steps, len(ids)] from the step `first` on."""

    def __init__(
        self, target: int, ids: Array, what: Any, start: int, dt: float, *, whole: bool
    ) -> None:
        self.target, self.ids, self.what, self.start, self.dt = target, ids, what, start, dt
        self.whole = whole  # whether it was given a population, not a part of one
        self.first, self.drawn = 0, np.zeros((0, len(ids)))

    @property
    def is_random(self) -> bool:
        """Whether what it brings is drawn."""
        return type(self.what).__name__ in ("PoissonInput", "NoiseInput")

    @property
    def is_current(self) -> bool:
        """Whether it adds to I_e."""
        return type(self.what).__name__ != "PoissonInput"

    def at(self, step: int) -> Array:
        """Return the currents [pA], or the number of events, in a step."""
        kind = type(self.what).__name__
        time, tiny = step * self.dt, 1e-6 * self.dt
        start, stop = getattr(self.what, "start", None), getattr(self.what, "stop", None)
        if (start is not None and time < start - tiny) or (stop is not None and time > stop - tiny):
            return 0.0
        if kind == "CurrentInput":
            k, values = step - self.start, self.what.values
            return values[k] if 0 <= k < len(values) else 0.0
        if kind == "StepCurrent":
            past = np.flatnonzero(np.rint(self.what.times / self.dt) <= step)
            return self.what.amplitudes[past[-1]] if len(past) else 0.0
        if step < self.start:
            return 0.0
        if kind == "SineCurrent":
            w = self.what
            turns = w.frequency * step * self.dt * 1e-3 + w.phase / 360.0
            return w.offset + w.amplitude * np.sin(2 * np.pi * turns)
        return self.drawn[step - self.first]


class Regulation:
    """A change to the weights of a projection at each multiple of an interval."""

    def __init__(self, projection: int, how: Any, every: int, since: int) -> None:
        self.projection, self.how, self.every, self.since = projection, how, every, since


class Network:
    """All of it, and the order of a step."""

    def __init__(self, dt: float) -> None:
        self.dt, self.now = dt, 0
        self.populations: list[Any] = []
        self.projections: list[Projection] = []
        self.drives: list[Drive] = []
        self.regulations: list[Regulation] = []
        self.recorders: list[Recorder] = []
        self.spikes: list[tuple[int, int, int]] = []  # (stamp, population, id) since the last reset

    def run(self, steps: int) -> None:
        """Simulate."""
        for p in self.populations:
            if isinstance(p, Neurons) and p.initial is None:
                p.initial = {name: values.copy() for name, values in p.state.items()}
        if steps and self.now == 0:
            self.pass_on({p: self.populations[p].spikes_at(0) for p in self.sources()})
            self.learn(before_neurons=False)
        for _ in range(steps):
            self.step()

    def sources(self) -> list[int]:
        """Return which populations are sources."""
        return [p for p, x in enumerate(self.populations) if isinstance(x, Source)]

    def step(self) -> None:
        """Do one step, from `now` to now + 1: the numbers are those of docs/neurons.md."""
        step, self.now = self.now, self.now + 1
        self.learn(before_neurons=True)
        spikes = {p: self.populations[p].spikes_at(self.now) for p in self.sources()}
        for p, neurons in enumerate(self.populations):
            if isinstance(neurons, Neurons):  # 1 to 6
                arriving = self.arriving(p, step) if neurons.early else np.zeros((2, neurons.n))
                spikes[p] = neurons.step(self.current(p, step), arriving)
        self.pass_on(spikes)
        self.learn(before_neurons=False)
        for p, neurons in enumerate(self.populations):
            if isinstance(neurons, Neurons) and not neurons.early:  # 7
                neurons.receive(self.arriving(p, step))
        for regulation in self.regulations:
            if self.now % regulation.every == 0:
                self.regulate(regulation)
        for recorder in self.recorders:  # 8
            recorder.sample(self)

    def learn(self, *, before_neurons: bool) -> None:
        """Let plastic synapses see the spikes that have reached them."""
        for projection in self.projections:
            if projection.rule is not None:
                projection.learn(self.now, before_neurons=before_neurons)

    def pass_on(self, spikes: dict[int, Array]) -> None:
        """Hand the spikes of this stamp to projections and recorders."""
        for p, ids in sorted(spikes.items()):
            self.spikes += [(self.now, p, int(i)) for i in np.sort(ids)]
        for projection in self.projections:
            if len(spikes.get(projection.pre, ())):
                projection.sent(self.now, spikes[projection.pre])
            if len(spikes.get(projection.post, ())):
                projection.answered(self.now, spikes[projection.post])

    def current(self, p: int, step: int) -> Array:
        """Return the current of a step in addition to I_e."""
        total = np.zeros(self.populations[p].n)
        for drive in self.drives:
            if drive.target == p and drive.is_current:
                total[drive.ids] += drive.at(step)
        return total

    def arriving(self, p: int, step: int) -> Array:
        """Return all events that reach a population at the end of a step."""
        neurons = self.populations[p]
        sums = np.zeros((len(neurons.receptors), neurons.n))
        for projection in self.projections:
            if projection.post == p:
                sums += projection.arriving(step + 1, neurons)
        for drive in self.drives:
            if drive.target == p and not drive.is_current:
                named = drive.what.receptor
                receptor = None if named is None else neurons.receptors.index(named)
                w = np.broadcast_to(drive.what.weight, (len(drive.ids),))
                events = w * drive.at(step)
                for channel, name in enumerate(neurons.receptors):
                    mine = neurons.channel(receptor, w) == channel
                    size = np.abs(events) if name in neurons.magnitudes else events
                    sums[channel, drive.ids] += np.where(mine, size, 0.0)
        return sums

    def regulate(self, regulation: Regulation) -> None:
        """Normalise or scale the weights of a projection."""
        p, how = self.projections[regulation.projection], regulation.how
        if type(how).__name__ == "WeightNormalization":
            p.normalize(self.now, how.total)
            return
        begin = max(self.now - regulation.every, regulation.since)
        share = (self.now - begin) / regulation.every  # a part of an interval corrects as much
        ids = [i for s, q, i in self.spikes if q == p.post and begin < s <= self.now]
        rate = np.bincount(ids, minlength=self.populations[p.post].n) / (
            (self.now - begin) * self.dt * 1e-3
        )
        factor = np.maximum(0.0, 1.0 + share * how.strength * (1.0 - rate / how.rate))
        p.write(self.now, np.clip(p.read(self.now) * factor[p.post_ids], *p.rule.bounds))

    def reset(self, *, keep_weights: bool, at: int) -> None:
        """Go back to the states before the first run; static weights stay."""
        for p in self.projections:
            if keep_weights and p.rule is not None:
                p.write(self.now, p.read(self.now))
        self.now = at
        self.spikes = []
        for population in self.populations:
            if isinstance(population, Neurons):
                population.restart()
        for p in self.projections:
            p.restart(keep_weights=keep_weights)
            p.marked[:] = at
        for recorder in self.recorders:
            recorder.clear(at)
        for regulation in self.regulations:
            regulation.since = at
