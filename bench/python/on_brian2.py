"""Run a benchmark model on Brian2 in C++ standalone mode with its default compiler flags."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import brian2 as b2
import numpy as np
from brian2 import ms, mV, nS, pF
from measure import Run, peak_rss_mb, record
from models import DT, SAMPLED

if TYPE_CHECKING:
    from measure import DType
    from models import Model, Pathway, Plasticity
    from numpy.typing import NDArray

UNITS = {
    **dict.fromkeys(("tau_m", "tau_syn_ex", "tau_syn_in", "t_ref"), ms),
    **dict.fromkeys(("E_L", "V_th", "V_reset", "V_m", "E_ex", "E_in", "E_Na", "E_K", "V_T"), mV),
    **dict.fromkeys(("g_L", "g_ex", "g_in", "g_Na", "g_K"), nS),
    "C_m": pF,
}

# Current synapses are in mV (current times resistance), as in Brian's own example.
EQUATIONS = {
    "current": """
        dV_m/dt = (E_L - V_m + g_ex + g_in) / tau_m : volt (unless refractory)
        dg_ex/dt = -g_ex / tau_syn_ex : volt
        dg_in/dt = -g_in / tau_syn_in : volt""",
    "conductance": """
        dV_m/dt = (g_L * (E_L - V_m) + g_ex * (E_ex - V_m) + g_in * (E_in - V_m)) / C_m
            : volt (unless refractory)
        dg_ex/dt = -g_ex / tau_syn_ex : siemens
        dg_in/dt = -g_in / tau_syn_in : siemens""",
    "delta": "dV_m/dt = (E_L - V_m) / tau_m : volt (unless refractory)",
}
HODGKIN_HUXLEY = """
    dV_m/dt = (g_L*(E_L - V_m) + g_ex*(E_ex - V_m) + g_in*(E_in - V_m)
               - g_Na*(m*m*m)*h*(V_m - E_Na) - g_K*(n*n*n*n)*(V_m - E_K))/C_m : volt
    dg_ex/dt = -g_ex / tau_syn_ex : siemens
    dg_in/dt = -g_in / tau_syn_in : siemens
    dm/dt = alpha_m*(1 - m) - beta_m*m : 1
    dn/dt = alpha_n*(1 - n) - beta_n*n : 1
    dh/dt = alpha_h*(1 - h) - beta_h*h : 1
    alpha_m = 1.28/exprel((13*mV - V_m + V_T)/(4*mV))/ms : Hz
    beta_m = 1.4/exprel((V_m - V_T - 40*mV)/(5*mV))/ms : Hz
    alpha_h = 0.128*exp((17*mV - V_m + V_T)/(18*mV))/ms : Hz
    beta_h = 4/(1 + exp((40*mV - V_m + V_T)/(5*mV)))/ms : Hz
    alpha_n = 0.16/exprel((15*mV - V_m + V_T)/(5*mV))/ms : Hz
    beta_n = 0.5*exp((10*mV - V_m + V_T)/(40*mV))/ms : Hz"""
METHODS = {"current": "exact", "conductance": "exponential_euler", "delta": "exact"}

# Delta synapses act before the threshold test of the same step, as in NEST. Brian then processes
# a spike one step later, so delays are one step shorter.
SYNAPSES_FIRST = ["start", "groups", "synapses", "thresholds", "resets", "end"]

# Presynaptic spikes reach the synapse when they are transmitted. With postsynaptic ones two delays
# late, all intervals are those of a dendritic delay, and pre and post need one queue each. A tie has
# no effect: `lastupdate` is still that of the pre spike, which has just added 1 to the trace.
STDP = """
    w : volt
    dtrace_plus/dt = -trace_plus / tau_plus : 1 (event-driven)
    dtrace_minus/dt = -trace_minus / tau_minus : 1 (event-driven)"""
ON_PRE = """
    w = clip(w - A_minus * trace_minus, 0 * volt, w_max)
    V_m += w
    trace_plus += 1"""
ON_POST = """
    w = clip(w + A_plus * (trace_plus - int(lastupdate == t)), 0 * volt, w_max)
    trace_minus += 1"""

# The wall clock around the loop: Brian itself reports CPU time if it does not use OpenMP.
STAMP = "auto bench_{} = std::chrono::steady_clock::now();"
REPORT = """{
    using seconds = std::chrono::duration<double>;
    std::ofstream report("bench.txt");
    std::ifstream status("/proc/self/status");
    report << seconds(bench_loop - bench_main).count() << std::endl
           << seconds(bench_done - bench_loop).count() << std::endl;
    if (status) report << status.rdbuf();
}"""


@dataclass(frozen=True)
class Parts:
    """The network, and what is read from it after its run."""

    network: b2.Network
    monitor: b2.SpikeMonitor
    synapses: list[b2.Synapses]
    plastic: list[b2.Synapses]
    drawing: float
    """Seconds for drawing synapses with numpy."""

    def run(self, **figures: Any) -> Run:
        """Return the measurements."""
        return Run(
            synapses=sum(len(made) for made in self.synapses),
            times=np.asarray(self.monitor.t / ms) + DT,
            ids=np.asarray(self.monitor.i, np.int64),
            versions={"brian2": b2.__version__},
            weights=np.concatenate(
                [np.asarray(m.w / mV)[np.asarray(m.j) % SAMPLED == 0] for m in self.plastic]
                or [np.empty(0)]
            ),
            **figures,
        )


def simulate(model: Model, *, duration: float, seed: int, threads: int, dtype: DType) -> Run:
    """Build `model`, run it for `duration` ms and return the measurements."""
    if dtype != "float64":
        raise ValueError("this benchmark runs Brian2 with its default data type, float64")
    with tempfile.TemporaryDirectory(prefix="bench-brian2-") as folder:
        return _standalone(model, Path(folder), duration=duration, seed=seed, threads=threads)


def _standalone(model: Model, folder: Path, *, duration: float, seed: int, threads: int) -> Run:
    start = perf_counter()
    b2.set_device("cpp_standalone", build_on_run=False)
    b2.prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
    b2.prefs.codegen.cpp.headers += ["<chrono>"]
    parts = build(model, seed)

    device: Any = b2.device
    device.insert_code("before_start", STAMP.format("main"))
    device.insert_code("before_network_run", STAMP.format("loop"))
    device.insert_code("after_network_run", STAMP.format("done") + REPORT)
    parts.network.run(duration * ms)
    device.build(directory=str(folder), with_output=False)
    elapsed = perf_counter() - start
    wiring, wall, *status = (folder / "bench.txt").read_text().splitlines()
    return parts.run(
        build_s=parts.drawing + float(wiring),
        compile_s=elapsed - parts.drawing - device.timers["run_binary"],
        wall_s=float(wall),
        peak_rss_mb=max(peak_rss_mb(), peak_rss_mb("\n".join(status))),
    )


def build(model: Model, seed: int) -> Parts:
    """Return the network of a model."""
    b2.defaultclock.dt = DT * ms
    b2.seed(seed)
    constants = {name: value * UNITS[name] for name, value in model.neuron.items()}
    # Brian includes the step of the spike.
    constants["refractory"] = (model.neuron["t_ref"] + DT) * ms
    delay = model.delay * ms
    if model.synapse == "delta":
        delay -= DT * ms
    elif delay == DT * ms:
        delay = 0 * ms  # Brian's default; the other simulators need at least one step
    spiking = model.cell == "hodgkin_huxley"
    group = b2.NeuronGroup(
        model.size,
        HODGKIN_HUXLEY if spiking else EQUATIONS[model.synapse],
        threshold="V_m >= V_th",
        reset="" if spiking else "V_m = V_reset",
        refractory="refractory",
        method=METHODS[model.synapse],
        namespace=constants,
    )
    for name, values in model.initial_state(seed).items():
        setattr(group, name, values * UNITS[name])

    rng = np.random.default_rng(seed)
    drawing = 0.0
    synapses: list[b2.Synapses] = []
    plastic: list[b2.Synapses] = []
    for path in model.pathways():
        source = group[path.first : path.first + path.size]
        target = group[path.first_target : path.first_target + path.targets]
        if path.plasticity:
            made = _plastic(source, target, path.plasticity, model.delay)
        else:
            made = b2.Synapses(source, target, on_pre=_on_pre(model, path), delay=delay)
        if model.rule == "pairwise":
            made.connect(p=path.probability)
        else:
            began = perf_counter()
            pre, post = _fixed_indegree(path, rng)
            made.connect(i=pre, j=post)
            drawing += perf_counter() - began
        if path.plasticity:
            made.w = path.weight * mV
            plastic.append(made)
        synapses.append(made)
    monitor = b2.SpikeMonitor(group)
    network = b2.Network(group, synapses, monitor)
    if model.synapse == "delta":
        network.schedule = SYNAPSES_FIRST
    if model.drive_rate:
        # As many inputs as a neuron has excitatory synapses, each a Bernoulli train.
        inputs = model.indegree_exc
        rate = model.drive_rate / inputs * b2.Hz
        weight = model.drive_weight * mV
        network.add(b2.PoissonInput(group, "V_m", inputs, rate, weight=weight))
    return Parts(network, monitor, synapses, plastic, drawing)


def _plastic(
    source: b2.NeuronGroup, target: b2.NeuronGroup, rule: Plasticity, delay: float
) -> b2.Synapses:
    """Return plastic delta synapses; see ON_POST for their order, SYNAPSES_FIRST for the steps."""
    made = b2.Synapses(
        source,
        target,
        STDP,
        on_pre=ON_PRE,
        on_post=ON_POST,
        delay={"pre": (delay - DT) * ms, "post": (2 * delay - DT) * ms},
        namespace={
            "tau_plus": rule.tau_plus * ms,
            "tau_minus": rule.tau_minus * ms,
            "A_plus": rule.A_plus * mV,
            "A_minus": rule.A_minus * mV,
            "w_max": rule.w_max * mV,
        },
    )
    made.pre.order, made.post.order = 0, 1
    return made


def _on_pre(model: Model, path: Pathway) -> str:
    """Return the statement for a presynaptic spike, with the weight as a constant."""
    if model.synapse == "delta":
        return f"V_m += {path.weight!r} * mV"
    receptor = "g_ex" if path.weight > 0 else "g_in"
    if model.synapse == "conductance":
        return f"{receptor} += {abs(path.weight)!r} * nS"
    peak = path.weight * model.neuron["tau_m"] / model.neuron["C_m"]
    return f"{receptor} += {peak!r} * mV"


def _fixed_indegree(
    path: Pathway, rng: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Draw the sources of each target; sort synapses by source, which is faster in Brian."""
    pre = rng.integers(0, path.size, path.targets * path.indegree, dtype=np.uint16)
    order = np.argsort(pre, kind="stable")
    return pre[order].astype(np.int32), (order // path.indegree).astype(np.int32)


standalone = partial(record, simulate)
