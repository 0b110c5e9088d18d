"""Run Brian2's example scripts, in our words, and write what `test_brian2.py` compares with.

    python tests/examples/record_brian2.py                     # all of them; needs Brian2 2.9
    python tests/examples/record_brian2.py adaptive_threshold  # one

Where a script draws at random, it gets spikes, synapses and initial values from here instead, which the file keeps for
spikelet. Where it uses Euler's method, it gets the scheme that spikelet has too; each function says so. Synapses that act
at once have a delay of one step, the shortest of spikelet. Steps are Brian2's: a spike in step n is stamped n dt there and
(n + 1) dt in spikelet.
"""

from __future__ import annotations

from typing import Any

import brian2 as b2
import numpy as np
from brian2 import Hz, cm, ms, msiemens, mV, nA, nS, pA, pF, siemens, uA, uF, ufarad, umetre
from recording import Arrays, write

DT = 0.1 * ms

b2.prefs.codegen.target = "numpy"


def raster(monitor: Any, dt: Any = DT) -> Arrays:
    """Return steps and neurons of the recorded spikes, sorted by step and neuron."""
    steps = np.rint(np.asarray(monitor.t / dt)).astype(np.int32)
    ids = np.asarray(monitor.i).astype(np.int16)
    order = np.lexsort((ids, steps))
    return {"steps": steps[order], "ids": ids[order]}


def fixed_indegree(rng: Any, sources: int, targets: int, indegree: int) -> tuple[Any, Any]:
    """Draw synapses without multapses, in the order of sources; return sources and targets."""
    pre = np.concatenate([rng.choice(sources, indegree, replace=False) for _ in range(targets)])
    post = np.repeat(np.arange(targets), indegree)
    order = np.lexsort((post, pre))
    return pre[order], post[order]


def trains(rng: Any, n: int, rate: float, duration: float) -> tuple[Any, Any]:
    """Draw Poisson trains, at most one spike a step; return the steps of the spikes and their sources."""
    drawn = rng.random((round(duration / 0.1), n)) < rate * 1e-4
    when, ids = np.nonzero(drawn)
    return when, ids


def run(*objects: Any, duration: float) -> None:
    """Run, with the namespace of the caller's objects only."""
    b2.Network(*objects).run(duration * ms, namespace={})


def synapses(pre: Any, post: Any, pairs: tuple[Any, Any], effect: str, **more: Any) -> Any:
    made = b2.Synapses(pre, post, on_pre=effect, delay=DT, namespace={"nS": nS, "mV": mV}, **more)
    made.connect(i=pairs[0], j=pairs[1])
    return made


def given(**pairs: tuple[Any, Any]) -> Arrays:
    """Return the ends of given synapses as arrays for the file."""
    return {
        f"{name}_{end}": at.astype(np.int16)
        for name, both in pairs.items()
        for end, at in zip(("pre", "post"), both, strict=True)
    }


AREA = 20000 * umetre**2
HODGKIN_HUXLEY = {
    "Cm": 1 * ufarad * cm**-2 * AREA,
    "gl": 5e-5 * siemens * cm**-2 * AREA,
    "EK": -90 * mV,
    "ENa": 50 * mV,
    "g_na": 100 * msiemens * cm**-2 * AREA,
    "g_kd": 30 * msiemens * cm**-2 * AREA,
    "VT": -63 * mV,
    "mV": mV,
    "ms": ms,
}
GATES = """
    dm/dt = alpha_m*(1 - m) - beta_m*m : 1
    dn/dt = alpha_n*(1 - n) - beta_n*n : 1
    dh/dt = alpha_h*(1 - h) - beta_h*h : 1
    alpha_m = 0.32*4/exprel((13*mV - v + VT)/(4*mV))/ms : Hz
    beta_m = 0.28*5/exprel((v - VT - 40*mV)/(5*mV))/ms : Hz
    alpha_h = 0.128*exp((17*mV - v + VT)/(18*mV))/ms : Hz
    beta_h = 4/(1 + exp((40*mV - v + VT)/(5*mV)))/ms : Hz
    alpha_n = 0.032*5/exprel((15*mV - v + VT)/(5*mV))/ms : Hz
    beta_n = 0.5*exp((10*mV - v + VT)/(40*mV))/ms : Hz
"""


def cobahh() -> Arrays:
    """A tenth of the neurons, given synapses and initial values."""
    rng = np.random.default_rng(1)
    excitatory, n = 320, 400
    pairs = {
        "ex": fixed_indegree(rng, excitatory, n, 40),
        "in": fixed_indegree(rng, n - excitatory, n, 10),
    }
    start = {
        "v": -65.0 + 5.0 * rng.standard_normal(n),
        "ge": 10.0 * (4.0 + 1.5 * rng.standard_normal(n)),
        "gi": 10.0 * (20.0 + 12.0 * rng.standard_normal(n)),
    }
    model = f"""
        dv/dt = (gl*(El - v) + ge*(Ee - v) + gi*(Ei - v) - g_na*m**3*h*(v - ENa) - g_kd*n**4*(v - EK))/Cm : volt
        {GATES}
        dge/dt = -ge/(5*ms) : siemens
        dgi/dt = -gi/(10*ms) : siemens
    """
    constants = HODGKIN_HUXLEY | {"El": -60 * mV, "Ee": 0 * mV, "Ei": -80 * mV}
    group = b2.NeuronGroup(
        n,
        model,
        threshold="v > -20*mV",
        refractory=3 * ms,
        method="exponential_euler",
        namespace=constants,
    )
    group.v, group.ge, group.gi = start["v"] * mV, start["ge"] * nS, start["gi"] * nS
    ex = synapses(group[:excitatory], group, pairs["ex"], "ge += 12*nS")
    inh = synapses(group[excitatory:], group, pairs["in"], "gi += 134*nS")
    monitor = b2.SpikeMonitor(group)
    run(group, ex, inh, monitor, duration=150.0)
    return raster(monitor) | given(**pairs) | start


def cuba() -> Arrays:
    """A tenth of the neurons, given synapses and initial values."""
    rng = np.random.default_rng(2)
    excitatory, n = 320, 400
    pairs = {
        "ex": fixed_indegree(rng, excitatory, n, 32),
        "in": fixed_indegree(rng, n - excitatory, n, 8),
    }
    start = rng.uniform(-60.0, -50.0, n)
    model = """
        dv/dt = (ge + gi - (v + 49*mV))/(20*ms) : volt (unless refractory)
        dge/dt = -ge/(5*ms) : volt
        dgi/dt = -gi/(10*ms) : volt
    """
    group = b2.NeuronGroup(
        n, model, threshold="v > -50*mV", reset="v = -60*mV", refractory=5 * ms, method="exact",
        namespace={"mV": mV, "ms": ms},
    )  # fmt: skip
    group.v = start * mV
    ex = synapses(group[:excitatory], group, pairs["ex"], "ge += 3.24*mV")
    inh = synapses(group[excitatory:], group, pairs["in"], "gi += -18*mV")
    monitor = b2.SpikeMonitor(group)
    run(group, ex, inh, monitor, duration=300.0)
    return raster(monitor) | given(**pairs) | {"v": start}


def adaptive_threshold() -> Arrays:
    """Given input spikes."""
    when, ids = trains(np.random.default_rng(3), 1, 500.0, 2000.0)
    model = "dv/dt = -v/(10*ms) : volt\ndvt/dt = (10*mV - vt)/(15*ms) : volt"
    namespace = {"mV": mV, "ms": ms}
    neuron = b2.NeuronGroup(
        1,
        model,
        threshold="v > vt",
        reset="v = 0*mV; vt += 3*mV",
        method="exact",
        namespace=namespace,
    )
    neuron.vt = 10 * mV
    source = b2.SpikeGeneratorGroup(1, ids, when * DT)
    drive = b2.Synapses(source, neuron, on_pre="v += 3*mV", namespace=namespace)
    drive.connect()
    monitor = b2.SpikeMonitor(neuron, variables="v")
    states = b2.StateMonitor(neuron, ["v", "vt"], record=True, when="end")
    run(neuron, source, drive, monitor, states, duration=2000.0)
    result = {"drive": when.astype(np.int16), "crossings": np.asarray(monitor.v / mV)}
    result |= {name: np.asarray(getattr(states, name)[0] / mV)[9:2000:10] for name in ("v", "vt")}
    return raster(monitor) | result


def if_curve_hodgkin_huxley() -> Arrays:
    """Half a second, and the trace of one neuron."""
    model = f"""
        dv/dt = (gl*(El - v) - g_na*m**3*h*(v - ENa) - g_kd*n**4*(v - EK) + I)/Cm : volt
        {GATES}
        I : amp
    """
    group = b2.NeuronGroup(
        100, model, threshold="v > -40*mV", refractory="v > -40*mV", method="exponential_euler",
        namespace=HODGKIN_HUXLEY | {"El": -65 * mV},
    )  # fmt: skip
    group.v = -65 * mV
    group.I = np.arange(100) / 100 * 0.7 * nA
    monitor = b2.SpikeMonitor(group)
    trace = b2.StateMonitor(group, "v", record=[50], when="end")
    run(group, monitor, trace, duration=500.0)
    return raster(monitor) | {"v": np.asarray(trace.v[0] / mV)[9:1000:10]}


def phase_locking() -> Arrays:
    """Given initial values, and rk4 instead of Euler's method."""
    start = np.random.default_rng(4).random(100)
    model = "dv/dt = (-v + a*sin(2*pi*t/(100*ms)) + 1.2)/(20*ms) : 1\na : 1"
    group = b2.NeuronGroup(
        100, model, threshold="v > 1", reset="v = 0", method="rk4", namespace={"ms": ms}
    )
    group.v, group.a = start, 0.05 + 0.7 * np.arange(100) / 100
    monitor = b2.SpikeMonitor(group)
    trace = b2.StateMonitor(group, "v", record=[50], when="end")
    run(group, monitor, trace, duration=1000.0)
    return raster(monitor) | {"v": np.asarray(trace.v[0])[49::50], "start": start}


def brunel_hakim_1999() -> Arrays:
    """Statistics only: spikes of each step, and of each neuron."""
    b2.seed(5)
    n, delay = 5000, 2 * ms
    model = "dV/dt = (-V + 25*mV + 1*mV*sqrt(20*ms)*xi)/(20*ms) : volt"
    group = b2.NeuronGroup(
        n, model, threshold="V > 20*mV", reset="V = 10*mV", refractory=2 * ms, method="euler",
        namespace={"mV": mV, "ms": ms},
    )  # fmt: skip
    group.V = 10 * mV
    recurrent = b2.Synapses(group, group, on_pre="V += -0.1*mV", delay=delay, namespace={"mV": mV})
    recurrent.connect(p=0.2)
    monitor = b2.SpikeMonitor(group)
    run(group, recurrent, monitor, duration=500.0)
    spikes = raster(monitor)
    return {
        "by_step": np.bincount(spikes["steps"], minlength=5000).astype(np.int16),
        "by_neuron": np.bincount(spikes["ids"], minlength=n).astype(np.int16),
    }


def hindmarsh_rose_1984() -> Arrays:
    model = """
        dx/dt = (y - x**3 + 3*x**2 + I - z)/ms : 1
        dy/dt = (1 - 5*x**2 - y)/ms : 1
        dz/dt = 0.001*(4*(x + 1.6) - z)/ms : 1
        I : 1 (constant)
    """
    neurons = b2.NeuronGroup(3, model, method="rk4", namespace={"ms": ms})
    neurons.x, neurons.y, neurons.z = -1.6, 1 - 5 * 1.6**2, 0.0
    neurons.I = [0.4, 2, 4]
    trace = b2.StateMonitor(neurons, "x", record=True, when="end")
    run(neurons, trace, duration=2100.0)
    return {"x": np.asarray(trace.x)[:, 49::50]}


def wang_buszaki_1996() -> Arrays:
    """With rk4, because Brian2's exponential Euler takes m as constant."""
    b2.defaultclock.dt = 0.01 * ms
    model = """
        dv/dt = (-35*msiemens*m**3*h*(v - 55*mV) - 9*msiemens*n**4*(v + 90*mV) - 0.1*msiemens*(v + 65*mV)
                 + 2*uA)/(1*uF) : volt
        m = alpha_m/(alpha_m + beta_m) : 1
        alpha_m = 1/exprel(-(v + 35*mV)/(10*mV))/ms : Hz
        beta_m = 4*exp(-(v + 60*mV)/(18*mV))/ms : Hz
        dh/dt = 5*(alpha_h*(1 - h) - beta_h*h) : 1
        alpha_h = 0.07*exp(-(v + 58*mV)/(20*mV))/ms : Hz
        beta_h = 1/(exp(-0.1/mV*(v + 28*mV)) + 1)/ms : Hz
        dn/dt = 5*(alpha_n*(1 - n) - beta_n*n) : 1
        alpha_n = 0.1/exprel(-(v + 34*mV)/(10*mV))/ms : Hz
        beta_n = 0.125*exp(-(v + 44*mV)/(80*mV))/ms : Hz
    """
    namespace = {"msiemens": msiemens, "mV": mV, "ms": ms, "uA": uA, "uF": uF}
    neuron = b2.NeuronGroup(1, model, method="rk4", namespace=namespace)
    neuron.v, neuron.h = -70 * mV, 1
    trace = b2.StateMonitor(neuron, ["v", "h", "n"], record=True, when="end")
    run(neuron, trace, duration=100.0)
    every = slice(9, None, 10)
    b2.defaultclock.dt = DT
    return {"v": np.asarray(trace.v[0] / mV)[every], "h": trace.h[0][every], "n": trace.n[0][every]}


def vogels_et_al_2011() -> Arrays:
    """Smaller, given synapses, exponential Euler, and a delay between spike and both sides of the synapse.

    Both pathways are late by one delay more than spikelet's, where the delay is dendritic: a postsynaptic spike reaches
    the synapse one delay after it.
    """
    rng = np.random.default_rng(6)
    excitatory, n = 160, 200
    inhibitory = n - excitatory
    pairs = {
        "ex": fixed_indegree(rng, excitatory, n, 32),
        "ii": fixed_indegree(rng, inhibitory, inhibitory, 8),
        "ie": fixed_indegree(rng, inhibitory, excitatory, 8),
    }
    start = rng.uniform(-60.0, -50.0, n)
    model = """
        dv/dt = (-10*nS*(v + 60*mV) - (g_ampa*v + g_gaba*(v + 80*mV)) + 200*pA)/(200*pF) : volt (unless refractory)
        dg_ampa/dt = -g_ampa/(5*ms) : siemens
        dg_gaba/dt = -g_gaba/(10*ms) : siemens
    """
    namespace = {"nS": nS, "mV": mV, "pA": pA, "pF": pF, "ms": ms}
    group = b2.NeuronGroup(
        n, model, threshold="v > -50*mV", reset="v = -60*mV", refractory=5 * ms, method="exponential_euler",
        namespace=namespace,
    )  # fmt: skip
    group.v = start * mV
    cells, interneurons = group[:excitatory], group[excitatory:]
    ex = synapses(cells, group, pairs["ex"], "g_ampa += 0.6*nS")
    ii = synapses(interneurons, interneurons, pairs["ii"], "g_gaba += 10*nS")
    plastic = b2.Synapses(
        interneurons, cells,
        "w : 1\ndApre/dt = -Apre/(20*ms) : 1 (event-driven)\ndApost/dt = -Apost/(20*ms) : 1 (event-driven)",
        on_pre="Apre += 1\nw = clip(w + (Apost - alpha)*eta, 0, 100)\ng_gaba += w*nS",
        on_post="Apost += 1\nw = clip(w + Apre*eta, 0, 100)",
        delay={"pre": DT, "post": 2 * DT},
        namespace={"alpha": 3 * Hz * 20 * ms * 2, "eta": 0.5, "nS": nS, "ms": ms},
    )  # fmt: skip
    plastic.pre.order, plastic.post.order = 0, 1
    plastic.connect(i=pairs["ie"][0], j=pairs["ie"][1])
    plastic.w = 1.0
    monitor = b2.SpikeMonitor(group)
    run(group, ex, ii, plastic, monitor, duration=400.0)
    return raster(monitor) | given(**pairs) | {"v": start, "w": np.asarray(plastic.w)}


def diesmann_et_al_1999() -> Arrays:
    """Without noise, so that a chain of given volley and initial values is deterministic."""
    rng = np.random.default_rng(7)
    groups, size = 10, 100
    start = rng.uniform(-70.0, -55.0, groups * size)
    volley = np.sort(np.rint((20.0 + rng.standard_normal(85)) / 0.1).astype(int))
    model = """
        dV/dt = (-(V + 70*mV) + x)/(10*ms) : volt
        dx/dt = (-x + y)/(0.325*ms) : volt
        dy/dt = -y/(0.325*ms) + 25.27*mV/ms : volt
    """
    neurons = b2.NeuronGroup(
        groups * size, model, threshold="V > -55*mV", reset="V = -70*mV", refractory=1 * ms, method="exact",
        namespace={"mV": mV, "ms": ms},
    )  # fmt: skip
    neurons.V = start * mV
    source = b2.SpikeGeneratorGroup(85, np.arange(85), volley * DT)
    first = b2.Synapses(source, neurons[:size], on_pre="y += 4.86*mV", namespace={"mV": mV})
    first.connect()
    pre = np.repeat(np.arange((groups - 1) * size), size)
    post = (pre // size + 1) * size + np.tile(np.arange(size), (groups - 1) * size)
    chain = synapses(neurons, neurons, (pre, post), "y += 4.86*mV")
    monitor = b2.SpikeMonitor(neurons)
    run(neurons, source, first, chain, monitor, duration=60.0)
    return raster(monitor) | {"V": start, "volley": volley.astype(np.int16)}


RECORDINGS = (
    cobahh,
    cuba,
    adaptive_threshold,
    if_curve_hodgkin_huxley,
    phase_locking,
    brunel_hakim_1999,
    hindmarsh_rose_1984,
    wang_buszaki_1996,
    vogels_et_al_2011,
    diesmann_et_al_1999,
)


if __name__ == "__main__":
    write("brian2", RECORDINGS)
