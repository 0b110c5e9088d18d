"""Connect a layer of neurons at random places in a unit square by distance, and compare what building takes with NEST.

    python bench/python/space.py --neurons 20000 --scale 0.05 --cutoff 0.1 --nest-python NEST_ENV/bin/python

Delays depend on the distance, too. spikelet's time includes the layout of the synapses.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

WORKER = Path(__file__).with_name("worker.py")
RULES: dict[str, dict[str, Any]] = {
    "each pair by itself": {},
    "50 sources, each once": {"indegree": 50, "multapses": False},
    "50 sources": {"indegree": 50, "multapses": True},
}


@dataclass(frozen=True)
class Case:
    """A row of the table."""

    simulator: str
    rule: str


def places(neurons: int, seed: int) -> Any:
    """Return positions, [neurons, 2]."""
    return np.random.default_rng(seed).uniform(0.0, 1.0, (neurons, 2))


def on_spikelet(
    *, rule: str, neurons: int, scale: float, cutoff: float | None, threads: int, seed: int
) -> dict[str, Any]:
    """Return the time for connecting and laying out a layer, and its number of synapses."""
    import spikelet as sl  # noqa: PLC0415  # not in NEST's Python

    net = sl.Network(dt=0.1, seed=seed, threads=threads)
    cells = net.population(neurons, sl.LIF(), positions=places(neurons, seed))
    start = perf_counter()
    by = sl.DistanceDependent("gaussian", scale=scale, cutoff=cutoff, **RULES[rule])
    projection = net.connect(cells, cells, by, weight=1.0, delay=sl.ByDistance("0.2 + 2*d"))
    net.prepare()
    return {
        "wall_s": perf_counter() - start,
        "synapses": len(projection),
        "versions": {"spikelet": sl.__version__},
    }


def on_nest(
    *, rule: str, neurons: int, scale: float, cutoff: float | None, threads: int, seed: int
) -> dict[str, Any]:
    """Return the time for connecting a layer, and its number of synapses."""
    import nest  # noqa: PLC0415
    from nest_kernel import set_up  # noqa: PLC0415

    set_up(0.1, seed + 1, threads)
    spread = nest.spatial.free(places(neurons, seed).tolist(), extent=[2.0, 2.0])
    cells = nest.Create("iaf_psc_exp", neurons, positions=spread)
    distance, how = nest.spatial.distance, RULES[rule]
    by: dict[str, Any] = {"rule": "pairwise_bernoulli"}
    if how:
        by = {
            "rule": "fixed_indegree",
            "indegree": how["indegree"],
            "allow_multapses": how["multapses"],
        }
    by["p"] = nest.spatial_distributions.gaussian(distance, std=scale)
    if cutoff is not None:
        by["mask"] = {"circular": {"radius": cutoff}}
    start = perf_counter()
    nest.Connect(cells, cells, by, {"weight": 1.0, "delay": 0.2 + 2.0 * distance})
    return {
        "wall_s": perf_counter() - start,
        "synapses": int(nest.num_connections),
        "versions": {"nest": nest.__version__},
    }


def main() -> None:
    """Run all cases in turn."""
    from spikelet.cli import bench_harness as harness  # noqa: PLC0415  # not in NEST's Python

    parser = harness.parser(__doc__, "spikelet", "nest", runs=3)
    add = parser.add_argument
    add("--simulators", nargs="+", choices=["spikelet", "nest"], default=["spikelet", "nest"])
    add("--neurons", type=int, default=20000, metavar="N")
    add("--scale", type=float, default=0.05, metavar="S", help="of the gaussian")
    add("--cutoff", type=float, metavar="D", help="default: none")
    add("--threads", type=int, default=2, metavar="N")
    args, origin = parser.parse_args(), harness.about()
    given = {key: getattr(args, key) for key in ("neurons", "scale", "cutoff", "threads")}

    def once(case: Case, seed: int) -> dict[str, Any]:
        python = getattr(args, f"{case.simulator}_python")
        settings = given | {"rule": case.rule, "seed": seed}
        return harness.call(
            python, WORKER, f"space.on_{case.simulator}", settings, threads=args.threads
        )

    cases = [Case(simulator, rule) for rule in RULES for simulator in args.simulators]
    results = harness.take_turns(
        cases, range(args.runs), once, "{synapses} synapses, {wall_s:.3f} s"
    )
    columns: dict[str, harness.Column] = {
        "synapses": "synapses .0f", "s": harness.spread("wall_s"),
        "ns each": lambda _, runs: f"{1e9 * min(r['wall_s'] / max(r['synapses'], 1) for r in runs):.0f}",
    }  # fmt: skip
    harness.show(args, origin, results, [harness.table(results, ["simulator", "rule"], columns)])


if __name__ == "__main__":
    main()
