r"""What many small projections between two populations cost, compared with one that has all their synapses.

python bench/python/many_projections.py --projections 1000 --synapses 100
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import spikelet as sl

RULES: dict[str, Any] = {
    "static": None,
    "STDP": sl.STDP(),
    "TsodyksMarkram": sl.TsodyksMarkram(),
}


def network(
    parts: int, projections: int, synapses: int, rule: Any, *, spread: bool, by_source: bool
) -> tuple[sl.Network, sl.SpikeRecorder]:
    """Return a network with so many synapses, in `parts` projections, and the spikes of their sources.

    by_source: each projection has the synapses of some sources, instead of any.
    """
    rng = np.random.default_rng(2)
    net = sl.Network(dt=0.1, seed=1, threads=1)
    source, target = net.population(1000, sl.LIF()), net.population(1000, sl.LIF())
    net.inject(source, sl.PoissonInput(rate=8000.0, weight=35.0))
    pre, post = rng.integers(0, 1000, (2, projections * synapses))
    if by_source:
        pre.sort()
    delay = rng.integers(5, 25, len(pre)) * 0.1 if spread else np.full(len(pre), 1.5)
    for part in np.array_split(np.arange(len(pre)), parts):
        ends = pre[part], post[part]
        net.connect(source, target, ends, weight=1.0, delay=delay[part], plasticity=rule)
    return net, net.record(source, "spikes")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--projections", type=int, default=1000, metavar="N")
    parser.add_argument("--synapses", type=int, default=100, metavar="N", help="of each")
    parser.add_argument(
        "--by-source",
        action="store_true",
        help="each projection from about one of the 1000 sources",
    )
    args = parser.parse_args()
    for name, rule in RULES.items():
        for spread in (False, True):
            costs = []
            for parts in (1, args.projections):
                net, spikes = network(
                    parts,
                    args.projections,
                    args.synapses,
                    rule,
                    spread=spread,
                    by_source=args.by_source,
                )
                net.run(10.0)
                times = []
                for _ in range(5):
                    start = time.process_time()
                    net.run(20.0)
                    times.append(time.process_time() - start)
                costs.append(float(np.median(times)) * 1e6 / 200)
            delays = "0.5 to 2.4 ms" if spread else "1.5 ms"
            rate = len(spikes.times) / (net.t / 0.1)
            print(
                f"{name}, delays of {delays}, {rate:.1f} spikes a step: {costs[1]:.1f} us a step, in one projection {costs[0]:.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
