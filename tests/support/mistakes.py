"""Typical mistakes, and the message that each gives, in a network in use: see `tests.contract.test_fifty_mistakes`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

import spikelet as sl

__all__ = ["MISTAKES", "Mistake", "scene"]


class Mistake(NamedTuple):
    """Code, the kind of error or warning, and its whole message."""

    code: str
    kind: type[Exception]
    message: str


def scene() -> dict[str, Any]:
    """Return a network in use, by the names that the mistakes use."""
    net = sl.Network(seed=4)
    E = net.population(10, sl.LIF(I_e=400.0), name="E")
    I = net.population(4, sl.LIF(), name="I")
    S = net.population(3, sl.SpikeSource([1.0, 7.0], [0, 1]), name="S")
    EI = net.connect(E, I, sl.AllToAll(), weight=50.0)
    drive = net.inject(E, sl.PoissonInput(rate=2000.0, weight=20.0))
    spikes = net.record(E, "spikes")
    net.run(5.0)
    stranger = sl.Network().population(10, sl.LIF(), name="stranger")
    model = sl.SpikingModel([sl.layers.Linear(np.full((3, 4), 0.25)), sl.layers.IF(1.0)])
    return {
        "sl": sl, "np": np, "sparse": sparse, "net": net, "E": E, "I": I, "S": S, "EI": EI, "drive": drive,
        "spikes": spikes, "stranger": stranger, "model": model,
    }  # fmt: skip


MISTAKES = [
    Mistake(
        "sl.LIF(tau_mem=20.0)",
        TypeError,
        "LIF has no parameter 'tau_mem'; did you mean 'tau_m'? (there are: E_L, V_th, V_reset, t_ref, theta_plus, tau_theta, reset, tau_m, C_m, tau_syn_ex, tau_syn_in, I_e)",
    ),
    Mistake(
        "sl.LIF(20.0)",
        TypeError,
        "LIF takes no positional arguments; name its parameters, such as E_L=..., got 20.0",
    ),
    Mistake(
        "sl.LIF(tau_m=0.02)",
        ValueError,
        "LIF: tau_m must be at least 0.1 ms; times are in ms: did you mean 20?, got 0.02",
    ),
    Mistake(
        "sl.LIF(C_m=200e-12)",
        UserWarning,
        "LIF: C_m = 2e-10 pF looks like a value in SI units: did you mean 200 pF?",
    ),
    Mistake(
        "sl.LIF(C_m=0.25)",
        UserWarning,
        "LIF: C_m = 0.25 pF looks like a value in nF, PyNN's unit: did you mean 250 pF?",
    ),
    Mistake(
        "sl.LIF(V_th=-0.05, E_L=-0.07, V_reset=-0.07)",
        UserWarning,
        "LIF: V_th = -0.05 mV looks like a value in SI units: did you mean -50 mV?",
    ),
    Mistake(
        "sl.LIF(t_ref=0.002)",
        UserWarning,
        "LIF: t_ref = 0.002 ms looks like a value in SI units: did you mean 2 ms?",
    ),
    Mistake(
        "sl.LIF(V_th=-80.0)",
        ValueError,
        "LIF: V_reset must lie below V_th = -80 mV, got -70.0",
    ),
    Mistake(
        "sl.LIF(v_rest=-65.0)",
        TypeError,
        "LIF has no parameter 'v_rest'; did you mean 'E_L'? (there are: E_L, V_th, V_reset, t_ref, theta_plus, tau_theta, reset, tau_m, C_m, tau_syn_ex, tau_syn_in, I_e)",
    ),
    Mistake(
        "sl.LIF(V_m=-65.0)",
        TypeError,
        "LIF has no parameter 'V_m': it is a state; set it on the population, as in cells.V_m = ... (sl.io.nest_model() takes a dictionary of NEST's with its states)",
    ),
    Mistake(
        "sl.LIF(tau_minus=20.0)",
        TypeError,
        "LIF has no parameter 'tau_minus': it is of the plasticity rule, as in sl.STDP(tau_minus=20.0)",
    ),
    Mistake(
        'sl.LIF(I_e="500 pA")',
        TypeError,
        "LIF: I_e must be a number or an array of numbers in pA, not a text, got '500 pA'",
    ),
    Mistake(
        "sl.Lif()",
        AttributeError,
        "spikelet has no 'Lif'; did you mean 'LIF'? (dir() lists what there is)",
    ),
    Mistake(
        "sl.Network(dt=1e-4)",
        UserWarning,
        "Network: dt = 0.0001 ms looks like a value in seconds: did you mean 0.1 ms?",
    ),
    Mistake(
        "sl.Network(resolution=0.1)",
        TypeError,
        "Network has no argument 'resolution'; did you mean 'dt'? (there are: dt, seed, threads, dtype, comm)",
    ),
    Mistake(
        'sl.Network(dtype="float16")',
        ValueError,
        'Network: dtype must be "float32" or "float64", got \'float16\'',
    ),
    Mistake(
        "net.population(sl.LIF(), 10)",
        TypeError,
        "population: n must be the number of elements: net.population(n, model), got LIF()",
    ),
    Mistake(
        "net.population(10, sl.LIF)",
        TypeError,
        "population: model must be a neuron model or a spike source; call it: LIF(), got <class 'spikelet.neurons.integrate_and_fire.LIF'>",
    ),
    Mistake(
        'net.population(10, "LIF")',
        TypeError,
        "population: model must be a neuron model or a spike source; did you mean sl.LIF()?, got 'LIF'",
    ),
    Mistake(
        "net.population(10, sl.PoissonInput(rate=10.0, weight=1.0))",
        TypeError,
        "population: model must be a neuron model or a spike source; an input goes to net.inject(population, PoissonInput(...)), got PoissonInput(rate=10.0, weight=1.0)",
    ),
    Mistake(
        'net.population(10, sl.LIF(), nmae="E")',
        TypeError,
        "Network.population has no argument 'nmae'; did you mean 'name'? (there are: n, model, name, positions)",
    ),
    Mistake(
        'net.population(10, sl.LIF(I_e=[1.0, 2.0]), name="A")',
        ValueError,
        "population A: array parameters must have length 10, got length 2",
    ),
    Mistake(
        'net.population(2, sl.SpikeSource([6.05], [0]), name="A")',
        ValueError,
        'SpikeSource: times must lie on the grid of dt = 0.1 ms (snap=True rounds to the nearest step, snap="up" as NEST), got 6.05',
    ),
    Mistake(
        "net.connect(E, I, sl.AllToAll)",
        TypeError,
        "connect E -> I: rule must be a connection rule, a sparse matrix or (pre_ids, post_ids); did you mean sl.AllToAll()?, got <class 'spikelet.rules.AllToAll'>",
    ),
    Mistake(
        'net.connect(E, I, "all_to_all")',
        TypeError,
        "connect E -> I: rule must be a connection rule, a sparse matrix or (pre_ids, post_ids); did you mean sl.AllToAll()?, got 'all_to_all'",
    ),
    Mistake(
        'net.connect(E, I, {"rule": "pairwise_bernoulli", "p": 0.1})',
        TypeError,
        "connect E -> I: rule must be a connection rule, a sparse matrix or (pre_ids, post_ids); did you mean sl.FixedProbability(0.1)?, got {'p': 0.1, 'rule': 'pairwise_bernoulli'}",
    ),
    Mistake(
        "net.connect(E, I, 0.1)",
        TypeError,
        "connect E -> I: rule must be a connection rule, a sparse matrix or (pre_ids, post_ids); did you mean sl.FixedProbability(0.1)?, got 0.1",
    ),
    Mistake(
        "net.connect(E, I, np.ones((10, 4)))",
        TypeError,
        "connect E -> I: rule must be a connection rule, a sparse matrix or (pre_ids, post_ids); of a dense array, connect the items that are not 0 with scipy.sparse.csr_array(array), or all of them with sl.AllToAll() and weight=array, got array of float64, shape (10, 4)",
    ),
    Mistake(
        "net.connect(E, I, sparse.csr_array(np.ones((4, 10))))",
        ValueError,
        "connect E -> I: matrix must have the shape (10, 4) (transposed? rows are sources: pass matrix.T), got shape (4, 10)",
    ),
    Mistake(
        "net.connect(E, I, ([0, 10], [2, 2]))",
        ValueError,
        "connect E -> I: pre_ids must lie in 0 .. 9, got 10",
    ),
    Mistake(
        "net.connect(E, I)",
        TypeError,
        "Network.connect needs 'rule' (arguments are: pre, post, rule, weight, delay, receptor, plasticity, weight_dtype)",
    ),
    Mistake(
        "net.connect(E, I, sl.AllToAll(), wieght=1.0)",
        TypeError,
        "Network.connect has no argument 'wieght'; did you mean 'weight'? (there are: pre, post, rule, weight, delay, receptor, plasticity, weight_dtype)",
    ),
    Mistake(
        "net.connect(E, I, sl.AllToAll(), weights=1.0)",
        TypeError,
        "Network.connect has no argument 'weights'; did you mean 'weight'? (there are: pre, post, rule, weight, delay, receptor, plasticity, weight_dtype)",
    ),
    Mistake(
        "net.connect(E, I, sl.AllToAll(), weight=[1.0, 2.0])",
        ValueError,
        "connect E -> I: weight must have one value for all synapses, or one for each of the 40, got 2",
    ),
    Mistake(
        'net.connect(E, I, sl.AllToAll(), weight=float("nan"))',
        ValueError,
        "connect E -> I: weight must not contain NaN, got nan",
    ),
    Mistake(
        'net.connect(E, I, sl.AllToAll(), weight=5.0, receptor="inhibitory")',
        UserWarning,
        'connect E -> I: weight = 5 pA at receptor="inhibitory" depolarises, as the receptor of a current only sets its time constant: did you mean -5 pA?',
    ),
    Mistake(
        "net.connect(E, I, sl.AllToAll(), delay=0.0015)",
        ValueError,
        "connect E -> I: delay must lie between dt = 0.1 ms and 65535 steps; delays are in ms: did you mean 1.5?, got 0.0015",
    ),
    Mistake(
        "net.connect(E, I, sl.AllToAll(), delay=0.0)",
        ValueError,
        "connect E -> I: delay must lie between dt = 0.1 ms and 65535 steps, got 0.0",
    ),
    Mistake(
        'net.connect(E, I, sl.AllToAll(), receptor="exc")',
        ValueError,
        'connect E -> I: receptor must be "excitatory", "ex", "inhibitory" or "in", got \'exc\'',
    ),
    Mistake(
        "net.connect(E, I, sl.AllToAll(), plasticity=sl.STDP)",
        TypeError,
        "connect E -> I: plasticity must be a rule such as sl.STDP(...); did you mean sl.STDP()?, got <class 'spikelet.plasticity.STDP'>",
    ),
    Mistake(
        "net.connect(E, I, sl.AllToAll(), weight=5.0, plasticity=sl.STDP(w_max=1.0))",
        ValueError,
        "connect E -> I: weight must lie in [w_min, w_max] = [0, 1] of its plasticity, got 5",
    ),
    Mistake(
        "net.connect(E, I, sl.OneToOne())",
        ValueError,
        "connect E -> I: OneToOne needs populations of the same size, got sizes (10, 4)",
    ),
    Mistake(
        "net.connect(E, I, sl.FixedIndegree(0.1))",
        TypeError,
        "FixedIndegree: number must be an integer; a probability is FixedProbability(0.1), got 0.1",
    ),
    Mistake(
        "net.connect(E, I, sl.FixedProbability(10))",
        ValueError,
        "FixedProbability: p must be in [0, 1]; a number of sources for each target is FixedIndegree(10), got 10.0",
    ),
    Mistake(
        "net.connect(E, I, sl.FixedIndegree(100, multapses=False))",
        ValueError,
        "connect E -> I: FixedIndegree: 100 synapses cannot be drawn from 10 candidates with multapses=False",
    ),
    Mistake(
        "net.connect(E, stranger, sl.AllToAll())",
        ValueError,
        "connect: post must belong to this network, got 'stranger'",
    ),
    Mistake(
        "net.connect(E, S, sl.AllToAll())",
        ValueError,
        "connect E -> S: post must be neurons, not a spike source, got Population(S: 3, SpikeSource(times=array([1., 7.]), ids=array([0, 1])))",
    ),
    Mistake(
        'net.connect("E", I, sl.AllToAll())',
        TypeError,
        "connect: pre must be a Population, as net.population(...) returns, got 'E'",
    ),
    Mistake(
        'net.record(E, "spike")',
        ValueError,
        "record E (LIF): what must be one of: spikes, V_m, I_syn_ex, I_syn_in, theta; did you mean 'spikes'?, got 'spike'",
    ),
    Mistake(
        'net.record(E, "Vm")',
        ValueError,
        "record E (LIF): what must be one of: spikes, V_m, I_syn_ex, I_syn_in, theta; did you mean 'V_m'?, got 'Vm'",
    ),
    Mistake(
        'net.record(S, "V_m")',
        ValueError,
        "record S (SpikeSource): what must be one of: spikes, got 'V_m'",
    ),
    Mistake(
        'net.record(EI, "weight")',
        ValueError,
        "record Projection(E -> I: 40 synapses, cache lines): what must be \"weights\"; did you mean 'weights'?, got 'weight'",
    ),
    Mistake(
        'net.record(E, "V_m", every=0.05)',
        ValueError,
        "record E: every must be a multiple of dt = 0.1 ms, got 0.05",
    ),
    Mistake(
        'net.record(E, "spikes", every=1.0)',
        ValueError,
        "record E: every is not for spikes, got 1.0",
    ),
    Mistake(
        "E.Vm",
        AttributeError,
        "E (LIF) has no 'Vm'; did you mean 'V_m'? (there are: V_m, I_syn_ex, I_syn_in, theta, E_L, V_th, V_reset, t_ref, theta_plus, tau_theta, reset, tau_m, C_m, tau_syn_ex, tau_syn_in, I_e)",
    ),
    Mistake(
        "E.v = -65.0",
        AttributeError,
        "E (LIF) has no 'v'; did you mean 'V_m'? (there are: V_m, I_syn_ex, I_syn_in, theta, E_L, V_th, V_reset, t_ref, theta_plus, tau_theta, reset, tau_m, C_m, tau_syn_ex, tau_syn_in, I_e)",
    ),
    Mistake(
        "E.spikes",
        AttributeError,
        "E (LIF) has no 'spikes'; record them: net.record(population, \"spikes\") (there are: V_m, I_syn_ex, I_syn_in, theta, E_L, V_th, V_reset, t_ref, theta_plus, tau_theta, reset, tau_m, C_m, tau_syn_ex, tau_syn_in, I_e)",
    ),
    Mistake(
        "E[20]",
        IndexError,
        "E: index 20 is out of bounds for axis 0 with size 10 (ids are 0 .. 9)",
    ),
    Mistake(
        "E.V_m[:] = [1.0, 2.0]",
        ValueError,
        "E.V_m: value must be one number or numbers of shape (10,), got shape (2,)",
    ),
    Mistake(
        "E.V_m[:5][0] = -65.0",
        ValueError,
        "states cannot be set through a slice of them: assign in one step, as in `population.V_m[:10] = -65.0`, or copy the array with np.array(...)",
    ),
    Mistake(
        'E.V_m = float("nan")',
        ValueError,
        "E.V_m: value must be finite at index 0, got nan",
    ),
    Mistake(
        "EI.weight",
        AttributeError,
        "Projection has no 'weight'; did you mean 'weights'? (there are: add, blocks, delays, index, joined, network, normalize, plasticity, post, post_ids, pre, pre_ids, receptor, remove, removed, reward, schedule_reward, signal, to_scipy, traces, weights)",
    ),
    Mistake(
        "EI.weights = [1.0, 2.0]",
        ValueError,
        "Projection(E -> I: 40 synapses, cache lines): weights must be one number or one for each of the 40 synapses, got shape (2,)",
    ),
    Mistake(
        'net.run("100")',
        TypeError,
        "run: duration must be a number or an array of numbers in ms, not a text, got '100'",
    ),
    Mistake(
        "net.run(100.05)",
        ValueError,
        "run: duration must be a multiple of dt = 0.1 ms, got 100.05",
    ),
    Mistake(
        "net.run(-1.0)",
        ValueError,
        "run: duration must be >= 0, got -1.0",
    ),
    Mistake(
        "net.run(100.0, progres=True)",
        TypeError,
        "Network.run has no argument 'progres'; did you mean 'progress'? (there are: duration, progress, save, save_every)",
    ),
    Mistake(
        "net.run(1000.0, 0.1)",
        TypeError,
        "Network.run takes 1 by position (duration), got 2; name the others: progress=, save=, save_every=",
    ),
    Mistake(
        "net.simulate(100.0)",
        AttributeError,
        "Network has no 'simulate'; did you mean 'run'? (there are: connect, dt, dtype, exchanges, inject, inputs, join, load, population, populations, prepare, projections, ranks, record, recorders, regulate, regulations, report, reset, run, save, seed, t, threads, to_neo, to_nest)",
    ),
    Mistake(
        "net.inject(E, sl.PoissonSource(5.0))",
        TypeError,
        "inject E: what must be PoissonInput, CurrentInput, StepCurrent, SineCurrent or NoiseInput; did you mean sl.PoissonInput(rate=5.0, weight=...)?, got PoissonSource(rate=5.0)",
    ),
    Mistake(
        "net.inject(E, 100.0)",
        TypeError,
        "inject E: what must be PoissonInput, CurrentInput, StepCurrent, SineCurrent or NoiseInput; a constant current is a parameter, as in cells.I_e = 100.0, got 100.0",
    ),
    Mistake(
        "net.inject(E, sl.CurrentInput(100.0))",
        ValueError,
        "CurrentInput: values must be [steps] or [steps, n]; a constant current is a parameter, as in cells.I_e = 5.0, got shape ()",
    ),
    Mistake(
        "net.inject(E, sl.PoissonInput(rate=0.008, weight=87.8))",
        UserWarning,
        "PoissonInput: rate = 0.008 Hz is one event in 125 s: did you mean 8 Hz (0.008 kHz)?",
    ),
    Mistake(
        "drive.rates = 5.0",
        AttributeError,
        "input to E (PoissonInput) has no 'rates'; did you mean 'rate'? (there are: rate, weight, receptor, start, stop)",
    ),
    Mistake(
        "sl.STDP(taup=20.0)",
        TypeError,
        "STDP has no parameter 'taup'; did you mean 'tau_plus'? (there are: coincidence, axonal_fraction, tau_plus, tau_minus, A_plus, A_minus, w_min, w_max, pairing, dependence, mu_plus, mu_minus)",
    ),
    Mistake(
        "sl.STDP(A_plus=0.01, A_minus=-0.012)",
        UserWarning,
        'STDP: A_minus = -0.012 is subtracted, so that both orders of spikes potentiate: did you mean 0.012? If you mean both, say warnings.filterwarnings("ignore", "STDP: A_minus")',
    ),
    Mistake(
        'sl.STDP(pairing="nearest")',
        ValueError,
        "STDP: pairing must be one of all_to_all, nearest_symmetric, nearest_pre_centered, nearest_restricted, got 'nearest'",
    ),
    Mistake(
        'sl.SynapseEquations("", on_pre="w += 0.1*V_m_post")',
        ValueError,
        "SynapseEquations: axonal_fraction must be 1.0 for a rule that reads V_m_post: a target's state is known when the spike arrives, got 0.0",
    ),
    Mistake(
        "sl.Normal(mean=1.0, sd=0.1)",
        TypeError,
        "Normal has no parameter 'sd'; did you mean 'std'? (there are: clip, redraw, mean, std)",
    ),
    Mistake(
        "sl.Uniform(2.0, 1.0)",
        ValueError,
        "Uniform: low must not exceed high = 1.0, got 2.0",
    ),
    Mistake(
        "sl.encode.poisson(np.array([255.0]), 10)",
        ValueError,
        "encode.poisson: x must lie in [0, 1], got 255.0 at index (0,)",
    ),
    Mistake(
        "sl.layers.IF(treshold=1.0)",
        TypeError,
        "IF has no parameter 'treshold'; did you mean 'threshold'? (there are: threshold, reset, v_reset, v_init, amplitude, code, levels, reset_delay, strict)",
    ),
    Mistake(
        "model.run(np.ones((2, 5)), steps=4)",
        ValueError,
        "Linear 'linear0': input shape must be (4,), got (5,)",
    ),
    Mistake(
        "model.run(np.ones((2, 4)), step=4)",
        TypeError,
        "SpikingModel.run has no argument 'step'; did you mean 'steps'? (there are: x, steps, delay, record, coding, seed, progress, until)",
    ),
    Mistake(
        'sl.convert("model.onnx", np.ones((2, 4)), stepps=8)',
        TypeError,
        "convert has no argument 'stepps'; did you mean 'steps'? (there are: ann, calibration, steps, method, neuron, keep, coding, dtype, threads, progress)",
    ),
    Mistake(
        "spikes.times = [1.0]",
        AttributeError,
        "SpikeRecorder: times cannot be set: data cannot be changed; clear() discards it",
    ),
]
