"""One description of a network, run by NEST and by spikelet, with results in one form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import spikelet as sl

nest: Any = pytest.importorskip(
    "nest", minversion="3.10", reason="equality is tested against NEST 3.10, which is not installed"
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEST_MODELS = {
    "exp": "iaf_psc_exp",
    "alpha": "iaf_psc_alpha",
    "delta": "iaf_psc_delta",
    "cond": "iaf_cond_exp",
}


@dataclass(frozen=True)
class Stdp:
    """Additive pair STDP, in NEST's parameters."""

    tau_plus: float
    tau_minus: float
    lambda_: float
    alpha: float
    w_max: float

    def plastic(self) -> Plastic:
        """Return what both simulators call it."""
        a_plus = self.lambda_ * self.w_max
        return Plastic(
            model="stdp_synapse",
            params={
                "tau_plus": self.tau_plus,
                "lambda": self.lambda_,
                "alpha": self.alpha,
                "Wmax": self.w_max,
                "mu_plus": 0.0,
                "mu_minus": 0.0,
            },
            neuron={"tau_minus": self.tau_minus},
            rule=sl.STDP(
                tau_plus=self.tau_plus,
                tau_minus=self.tau_minus,
                A_plus=a_plus,
                A_minus=self.alpha * a_plus,
                w_min=0.0,
                w_max=self.w_max,
                coincidence="ignore",
            ),
        )


@dataclass(frozen=True)
class Plastic:
    """Any plasticity: a synapse model of NEST with its parameters, and our rule."""

    model: str
    params: dict[str, float]
    neuron: dict[str, float]  # what in NEST belongs to the post neuron
    rule: Any

    def plastic(self) -> Plastic:
        """Return itself."""
        return self


@dataclass
class Synapses:
    """An explicit list of synapses, from the sources or from the neurons to the neurons."""

    pre: Ints
    post: Ints
    weight: Floats
    delay: Floats  # ms
    from_source: bool = False
    stdp: Stdp | Plastic | None = None


@dataclass
class Description:
    """A population, the spike sources that drive it, and the synapses."""

    model: str
    dt: float
    steps: int
    n: int
    params: dict[str, float | Floats]
    v_init: Floats
    n_sources: int
    source_steps: Ints  # stamps, in steps
    source_ids: Ints
    synapses: list[Synapses] = field(default_factory=list)

    @property
    def duration(self) -> float:
        """Length of the run in ms."""
        return round(self.steps * self.dt, 6)


@dataclass
class Weights:
    """Weights of a plastic projection and what they belong to."""

    pre: Ints
    post: Ints
    delay_steps: Ints
    weight: Floats

    def sorted(self) -> Weights:
        """Sort by pre, post, delay and weight.

        The weight is a valid last key: additive STDP moves multapses of the same delay alike and
        clips them alike, so it never swaps two of them (NEST's own order of them is unspecified).
        """
        order = np.lexsort((self.weight, self.delay_steps, self.post, self.pre))
        return Weights(
            self.pre[order], self.post[order], self.delay_steps[order], self.weight[order]
        )


@dataclass
class Result:
    """What a simulator made of a description."""

    spikes: Ints  # [k, 2]: step of the stamp and id, sorted
    weights: list[Weights]  # one for each plastic projection, in the order of the description
    traces: dict[str, Floats]  # [steps, n]; row k has the stamp k + 1


def to_steps(times: Any, dt: float) -> Ints:
    """Stamps in ms as integer steps; they must lie on the grid."""
    scaled = np.asarray(times, dtype=np.float64) / dt
    steps = np.rint(scaled)
    np.testing.assert_allclose(scaled, steps, rtol=0, atol=1e-6, err_msg="stamps are off the grid")
    return steps.astype(np.int64)


def _spike_table(times: Any, ids: Any, d: Description) -> Ints:
    steps, ids = to_steps(times, d.dt), np.asarray(ids, dtype=np.int64)
    keep = steps <= d.steps
    order = np.lexsort((ids[keep], steps[keep]))
    return np.stack([steps[keep][order], ids[keep][order]], axis=1)


def _trace(times: Any, values: Floats, d: Description) -> Floats:
    """Rows with the stamps dt .. duration (a simulator may record more)."""
    steps = to_steps(times, d.dt)
    keep = (steps >= 1) & (steps <= d.steps)
    assert np.array_equal(steps[keep], np.arange(1, d.steps + 1)), "a sample of each step"
    return np.asarray(values)[keep]


# --- NEST ---------------------------------------------------------------------------------------


def run_nest(d: Description, record: tuple[str, ...] = ()) -> Result:
    """Run a description with NEST."""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    longest = max([s.delay.max() for s in d.synapses], default=d.dt)
    nest.set(resolution=d.dt, local_num_threads=1)
    # Slices of one step: see the second Simulate below. 1 ms is NEST's default delay.
    nest.set(min_delay=d.dt, max_delay=max(longest + d.dt, 1.0))

    params: dict[str, Any] = {"V_m": d.v_init.tolist()}
    params |= {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in d.params.items()}
    for s in d.synapses:
        for key, value in (s.stdp.plastic().neuron if s.stdp else {}).items():
            assert params.setdefault(key, value) == value
    neurons = nest.Create(NEST_MODELS[d.model], d.n, params=params)
    source_ids = _nest_sources(d)
    neuron_ids = np.array(neurons.tolist())

    models = []
    for s in d.synapses:
        syn_spec: dict[str, Any] = {"weight": s.weight, "delay": s.delay}
        if s.stdp is not None:
            syn_spec["synapse_model"] = f"plastic_{len(models)}"
            models.append(syn_spec["synapse_model"])
            rule = s.stdp.plastic()
            nest.CopyModel(rule.model, models[-1], rule.params)
        pre = (source_ids if s.from_source else neuron_ids)[s.pre]
        nest.Connect(pre, neuron_ids[s.post], "one_to_one", syn_spec)

    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    if record:
        meter = nest.Create("multimeter", params={"interval": d.dt, "record_from": list(record)})
        nest.Connect(meter, neurons)

    nest.Simulate(d.duration)
    # NEST hands over the spikes and samples of the last slice only when the next Simulate starts.
    # With slices of one step this delivers the stamps <= duration to the synapses, and no others.
    nest.Simulate(d.dt)

    first = neuron_ids[0]
    traces = {}
    if record:
        events = meter.events
        order = np.lexsort((events["senders"], events["times"]))
        times = events["times"][order].reshape(-1, d.n)[:, 0]
        traces = {k: _trace(times, events[k][order].reshape(-1, d.n), d) for k in record}
    return Result(
        _spike_table(recorder.events["times"], recorder.events["senders"] - first, d),
        [_nest_weights(model, source_ids, first, d.dt) for model in models],
        traces,
    )


def _nest_sources(d: Description) -> Ints:
    """Make the sources: generators, or parrots behind generators where synapses are plastic.

    A generator cannot have plastic synapses. A parrot repeats a spike as late as the delay of its
    input, here one step, so the generator fires one step earlier.
    """
    parrots = any(s.from_source and s.stdp is not None for s in d.synapses)
    times = [
        np.sort(d.source_steps[d.source_ids == i] - parrots) * d.dt for i in range(d.n_sources)
    ]
    generators = nest.Create(
        "spike_generator", d.n_sources, params=[{"spike_times": t.round(6)} for t in times]
    )
    if not parrots:
        return np.array(generators.tolist())
    relays = nest.Create("parrot_neuron", d.n_sources)
    nest.Connect(generators, relays, "one_to_one", {"weight": 1.0, "delay": d.dt})
    return np.array(relays.tolist())


def _nest_weights(model: str, source_ids: Ints, first: int, dt: float) -> Weights:
    got = nest.GetConnections(synapse_model=model).get(["source", "target", "delay", "weight"])
    pre = np.asarray(got["source"])
    pre = np.where(pre >= source_ids[0], pre - source_ids[0], pre - first)
    post = np.asarray(got["target"]) - first
    return Weights(pre, post, to_steps(got["delay"], dt), np.asarray(got["weight"])).sorted()


# --- spikelet -----------------------------------------------------------------------------------


def run_spikelet(d: Description, record: tuple[str, ...] = ()) -> Result:
    """Run a description with spikelet in float64."""
    models = {"exp": sl.LIF, "alpha": sl.LIFAlpha, "delta": sl.LIFDelta, "cond": sl.LIFCond}
    net = sl.Network(dt=d.dt, seed=1, dtype="float64")
    neurons = net.population(d.n, models[d.model](**d.params))
    neurons.V_m[:] = d.v_init
    source = net.population(
        d.n_sources, sl.SpikeSource(times=d.source_steps * d.dt, ids=d.source_ids)
    )
    plastic = []
    for s in d.synapses:
        rule = None if s.stdp is None else s.stdp.plastic().rule
        projection = net.connect(
            source if s.from_source else neurons,
            neurons,
            (s.pre, s.post),
            weight=s.weight,
            delay=s.delay,
            plasticity=rule,
        )
        if rule is not None:
            plastic.append(projection)

    spikes = net.record(neurons, "spikes")
    recorders = {key: net.record(neurons, key) for key in record}
    net.run(d.duration)
    return Result(
        _spike_table(spikes.times, spikes.ids, d),
        [_spikelet_weights(p, d.dt) for p in plastic],
        {key: _trace(r.times, r.values, d) for key, r in recorders.items()},
    )


def _spikelet_weights(projection: Any, dt: float) -> Weights:
    pre, post = np.asarray(projection.pre_ids), np.asarray(projection.post_ids)
    delay_steps = to_steps(projection.delays, dt)
    return Weights(pre, post, delay_steps, np.asarray(projection.weights)).sorted()


# --- comparison ---------------------------------------------------------------------------------


def assert_same_spikes(got: Result, expected: Result, dt: float) -> None:
    """Fail, and name the first spike that differs, unless the trains are identical."""
    a, b = got.spikes, expected.spikes
    if np.array_equal(a, b):
        return
    common = min(len(a), len(b))
    differs = np.flatnonzero((a[:common] != b[:common]).any(axis=1))
    k = int(differs[0]) if len(differs) else common

    def name(table: Ints) -> str:
        if k >= len(table):
            return "no more spikes"
        return f"neuron {table[k, 1]} at {table[k, 0] * dt:.3f} ms"

    pytest.fail(
        f"{len(a)} spikes, NEST has {len(b)}; the first that differs is number {k}: "
        f"{name(a)}, NEST: {name(b)}"
    )
