r"""What many small projections between two populations cost, compared with one that has all their synapses.

python bench/python/many_projections.py --projections 1000 --synapses 100
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

import spikelet as sl
from spikelet.cli import bench_harness as harness

RULES: dict[str, Any] = {
    "static": None,
    "STDP": sl.STDP(),
    "TsodyksMarkram": sl.TsodyksMarkram(),
}


@dataclass(frozen=True)
class Case:
    """A row of the table."""

    rule: str
    delays: str


def timed(case: Case, parts: int, args: argparse.Namespace) -> tuple[float, float]:
    """Return the time of a step [us] of a network with the synapses in `parts` projections, and its spikes per step."""
    rng = np.random.default_rng(2)
    net = sl.Network(dt=0.1, seed=1, threads=1)
    source, target = net.population(1000, sl.LIF()), net.population(1000, sl.LIF())
    net.inject(source, sl.PoissonInput(rate=8000.0, weight=35.0))
    pre, post = rng.integers(0, 1000, (2, args.projections * args.synapses))
    if args.by_source:
        pre.sort()
    delay = (
        np.full(len(pre), 1.5) if case.delays == "1.5 ms" else rng.integers(5, 25, len(pre)) * 0.1
    )
    for part in np.array_split(np.arange(len(pre)), parts):
        ends = pre[part], post[part]
        net.connect(
            source, target, ends, weight=1.0, delay=delay[part], plasticity=RULES[case.rule]
        )
    spikes = net.record(source, "spikes")
    net.run(10.0)
    times = []
    for _ in range(5):
        start = time.process_time()
        net.run(20.0)
        times.append(time.process_time() - start)
    return float(np.median(times)) * 1e6 / 200, len(spikes.times) / (net.t / 0.1)


def main() -> None:
    """Measure all cases, in this process."""
    parser = harness.parser(__doc__, runs=1)
    add = parser.add_argument
    add("--projections", type=int, default=1000, metavar="N")
    add("--synapses", type=int, default=100, metavar="N", help="of each")
    add(
        "--by-source",
        action="store_true",
        help="each projection from about one of the 1000 sources",
    )
    args, origin = parser.parse_args(), harness.about()

    def once(case: Case, _: int) -> harness.Record:
        (one, one_spikes), (us, spikes) = (timed(case, n, args) for n in (1, args.projections))
        return {"us": us, "one_us": one, "spikes_a_step": spikes, "one_spikes": one_spikes}

    cases = [Case(rule, delays) for rule in RULES for delays in ("1.5 ms", "0.5 to 2.4 ms")]
    results = harness.take_turns(
        cases, range(args.runs), once, "{us:.1f} us, {one_us:.1f} in one", good="us"
    )
    columns: dict[str, harness.Column] = {
        "spikes per step": "spikes_a_step .1f", "us per step": "us .1f", "in one projection": "one_us .1f",
    }  # fmt: skip
    harness.show(
        args, origin, results, [harness.table(results, ["rule", "delays"], columns, good="us")]
    )


if __name__ == "__main__":
    main()
