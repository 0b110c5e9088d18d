"""Run NEST's hpc_benchmark with power-law STDP on spikelet and on NEST, and compare.

    python bench/python/hpc_benchmark.py --threads 2 --nest-python NEST_ENV/bin/python
    python bench/python/hpc_benchmark.py --simulators spikelet --model-ms 1000

The network is that of NEST's example hpc_benchmark.py (Morrison, Aertsen & Diesmann, Neural Comput.
19:1437, 2007): 9000 excitatory and 2250 inhibitory neurons at scale 1, each with 9000 excitatory and
2250 inhibitory inputs, a delay of 1.5 ms, and STDP between the excitatory neurons, with potentiation
by a power of the weight and depression in proportion to it. Each simulator runs in a process of its
own, on its own random numbers; the mean rates and the mean plastic weights must agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from measure import peak_rss_mb

DT = 0.1
DELAY = 1.5
TAU_SYN = 0.32582722403722841  # gives a rise time of 1.700759 ms of the membrane potential
WORKER = Path(__file__).with_name("worker.py")
NEURON = {
    "E_L": 0.0, "C_m": 250.0, "tau_m": 10.0, "t_ref": 0.5, "V_th": 20.0, "V_reset": 0.0,
    "tau_syn_ex": TAU_SYN, "tau_syn_in": TAU_SYN,
}  # fmt: skip
JE, G, SIGMA_W = 0.14, -5.0, 3.47  # mV, ratio, pA
MEAN_V, SIGMA_V = 5.7, 7.2
LAMBDA, ALPHA, MU, TAU_PLUS, TAU_MINUS = 0.1, 0.0513, 0.4, 15.0, 30.0
ETA = 1.685
SAMPLED = 200
"""Number of neurons, or all of fewer, whose plastic weights are compared."""


def weight_of_1_mv() -> float:
    """Return the weight in pA of a synapse whose potential peaks at 1 mV."""
    tau_m, c_m = NEURON["tau_m"], NEURON["C_m"]
    b = 1.0 / TAU_SYN - 1.0 / tau_m
    t = 1.700759
    peak = (np.exp(-t / tau_m) - np.exp(-t / TAU_SYN)) / b - t * np.exp(-t / TAU_SYN)
    return float(1.0 / (np.e / (TAU_SYN * c_m * b) * peak))


class Numbers:
    """The sizes and weights of the network at a scale."""

    def __init__(self, scale: float) -> None:
        self.n_exc, self.n_inh = round(9000 * scale), round(2250 * scale)
        self.k_exc, self.k_inh = min(9000, self.n_exc), min(2250, self.n_inh)
        self.apart = max(1, self.n_exc // SAMPLED)  # neurons from one sampled to the next
        self.weight = JE * weight_of_1_mv()
        threshold = (
            NEURON["V_th"] * NEURON["C_m"] / (9000 * NEURON["tau_m"] * self.weight * np.e * TAU_SYN)
        )
        self.drive = ETA * threshold * 9000 * 1000.0  # Hz, of each neuron


@dataclass(frozen=True)
class Case:
    """A simulator."""

    simulator: str


def on_spikelet(
    *, scale: float, seed: int, threads: int, dtype: Any, warm_up: float, model_ms: float
) -> dict[str, Any]:
    """Build and run the network on spikelet."""
    import spikelet as sl  # noqa: PLC0415  # each worker has one simulator

    n = Numbers(scale)
    start = perf_counter()
    net = sl.Network(dt=DT, seed=seed, threads=threads, dtype=dtype)
    exc, inh = (net.population(size, sl.LIFAlpha(**NEURON)) for size in (n.n_exc, n.n_inh))
    rng = np.random.default_rng(seed)
    rule = sl.STDP(
        dependence="power_law", tau_plus=TAU_PLUS, tau_minus=TAU_MINUS, A_plus=LAMBDA,
        A_minus=LAMBDA * ALPHA, mu_plus=MU, w_min=0.0, coincidence="ignore",
    )  # fmt: skip
    plastic = None
    for population in (exc, inh):
        population.V_m[:] = rng.normal(MEAN_V, SIGMA_V, len(population))
        net.inject(population, sl.PoissonInput(rate=n.drive, weight=n.weight))
        excitatory = net.connect(
            exc,
            population,
            sl.FixedIndegree(n.k_exc, self_connections=False),
            weight=sl.Normal(n.weight, SIGMA_W) if population is exc else n.weight,
            delay=DELAY,
            plasticity=rule if population is exc else None,
        )
        plastic = plastic or excitatory
        net.connect(
            inh,
            population,
            sl.FixedIndegree(n.k_inh, self_connections=False),
            weight=G * n.weight,
            delay=DELAY,
        )
    recorder = net.record(exc, "spikes")
    net.prepare()
    built = perf_counter() - start
    net.run(warm_up)
    start = perf_counter()
    net.run(model_ms)
    wall = perf_counter() - start
    peak = peak_rss_mb()
    sampled = plastic.weights[plastic.post_ids % n.apart == 0]
    return {
        "build_s": built,
        "wall_s": wall,
        "rate_hz": _rate(recorder.times, n.n_exc, warm_up, model_ms),
        "weight": float(sampled.mean()),
        "weight_std": float(sampled.std()),
        "synapses": sum(len(p) for p in net.projections),
        "peak_rss_mb": peak,
        "versions": {"spikelet": sl.__version__, "simd": sl.simd_level()},
    }


def on_nest(
    *, scale: float, seed: int, threads: int, warm_up: float, model_ms: float
) -> dict[str, Any]:
    """Build and run the network on NEST, which computes in float64."""
    import nest  # noqa: PLC0415
    from nest_kernel import set_up, timed  # noqa: PLC0415

    n = Numbers(scale)
    set_up(DT, seed, threads)
    start = perf_counter()
    parameters = NEURON | {"tau_minus": TAU_MINUS}
    exc, inh = (
        nest.Create("iaf_psc_alpha", size, params=parameters) for size in (n.n_exc, n.n_inh)
    )
    drive = nest.Create("poisson_generator", params={"rate": n.drive})
    nest.SetDefaults("static_synapse_hpc", {"delay": DELAY})
    nest.CopyModel("static_synapse_hpc", "excitatory", {"weight": n.weight})
    nest.CopyModel("static_synapse_hpc", "inhibitory", {"weight": G * n.weight})
    nest.CopyModel(
        "stdp_pl_synapse_hom_hpc",
        "plastic",
        {"alpha": ALPHA, "lambda": LAMBDA, "mu": MU, "tau_plus": TAU_PLUS},
    )
    for population in (exc, inh):
        population.V_m = nest.random.normal(MEAN_V, SIGMA_V)
        nest.Connect(drive, population, "all_to_all", {"synapse_model": "excitatory"})
        rule = {"rule": "fixed_indegree", "allow_autapses": False, "allow_multapses": True}
        synapse = (
            {
                "synapse_model": "plastic",
                "weight": nest.random.normal(n.weight, SIGMA_W),
                "delay": DELAY,
            }
            if population is exc
            else {"synapse_model": "excitatory"}
        )
        nest.Connect(exc, population, rule | {"indegree": n.k_exc}, synapse)
        nest.Connect(inh, population, rule | {"indegree": n.k_inh}, {"synapse_model": "inhibitory"})
    recorder = nest.Create("spike_recorder")
    nest.Connect(exc, recorder, syn_spec={"delay": DELAY})
    synapses = nest.num_connections
    nest.Prepare()
    built = perf_counter() - start
    wall, peak = timed(model_ms, warm_up)
    sampled = np.asarray(
        nest.GetConnections(target=exc[:: n.apart], synapse_model="plastic").weight
    )
    return {
        "build_s": built,
        "wall_s": wall,
        "rate_hz": _rate(np.asarray(recorder.events["times"]), n.n_exc, warm_up, model_ms),
        "weight": float(sampled.mean()),
        "weight_std": float(sampled.std()),
        "synapses": synapses,
        "peak_rss_mb": peak,
        "versions": {"nest": nest.__version__},
    }


def _rate(times: Any, size: int, warm_up: float, model_ms: float) -> float:
    """Return the mean rate in Hz in the time measured."""
    return float(np.sum(times > warm_up) / size / model_ms * 1e3)


def main() -> None:
    """Run all simulators in turn."""
    from spikelet.cli import bench_harness as harness  # noqa: PLC0415  # not in NEST's Python

    simulators = ("spikelet", "nest")
    parser = harness.parser(__doc__, *simulators, runs=1, seed=1, zero=["warm_up"])
    add = parser.add_argument
    add("--simulators", nargs="+", choices=simulators, default=simulators)
    add("--scale", type=float, default=1.0, help="neurons / 11 250 (default: 1)")
    add("--threads", type=int, default=1)
    add("--dtype", default="float32", help="of spikelet; NEST computes in float64")
    add("--warm-up", type=float, default=50.0, metavar="MS")
    add("--model-ms", type=float, default=250.0, metavar="MS", help="as in NEST's example: 250")
    args, origin = parser.parse_args(), harness.about()
    settings = {key: getattr(args, key) for key in ("scale", "threads", "warm_up", "model_ms")}
    dtype = {"spikelet": {"dtype": args.dtype}, "nest": {}}

    def once(case: Case, seed: int) -> dict[str, Any]:
        name = case.simulator
        given = settings | dtype[name] | {"seed": seed}
        python, function = getattr(args, f"{name}_python"), f"hpc_benchmark.on_{name}"
        return harness.call(python, WORKER, function, given, threads=args.threads)

    seeds = range(args.seed, args.seed + args.runs)
    cases = [Case(name) for name in args.simulators]
    results = harness.take_turns(cases, seeds, once, "{wall_s:.2f} s, {rate_hz:.2f} Hz")
    columns = {
        "build s": "build_s .1f", "run s": harness.spread("wall_s"), "rate Hz": "rate_hz .2f", "weight pA": "weight .2f",
        "SD of weights": "weight_std .2f", "peak RSS MB": "peak_rss_mb .0f",
    }  # fmt: skip
    text = (
        f"scale {args.scale:g}, {args.threads} threads, {args.model_ms:g} ms, {args.dtype}; medians"
    )
    harness.show(args, origin, results, [text, harness.table(results, ["simulator"], columns)])


if __name__ == "__main__":
    main()
