r"""Count what networks that others trained cost beside their ANN in 8 bits: arithmetic, memory, and spikes at break-even.

Each kind of neurons is converted with 400 calibration images; test images are counted. All is priced in 8-bit weights and
32-bit potentials; see `spikelet.energy`.

    python bench/python/energy.py --models FOLDER --page docs/conversion_energy.md
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from networks import NETWORKS

import spikelet as sl
from spikelet.cli import bench_harness as harness

TABLE = "energy.py"
CALIBRATION = 400
HEADER = (
    "neurons", "T", "accuracy", "equal decisions", "arithmetic / int8 ANN", "the same, dense ANN", "with memory / int8 ANN",
    "with memory but potentials", "spikes per neuron and step", "break-even",
)  # fmt: skip


def main() -> None:
    parser = harness.parser(__doc__, page=[TABLE])
    add = parser.add_argument
    add("--models", type=Path, required=True, metavar="FOLDER", help="see networks.py")
    add("--network", choices=NETWORKS, default="resnet20-akamaster")
    add("--images", type=int, default=1000, help="test images (default: 1000)")
    add("--kinds", nargs="+", metavar="KIND:T,T", default=["first_spike:64,32,16", "predictive:16,32"],
        help="neurons and numbers of steps (default: first_spike:64,32,16 predictive:16,32)")  # fmt: skip
    args, origin, rows = parser.parse_args(), harness.about(), []
    network = NETWORKS[args.network]
    ann, samples = network.build(args.models).eval(), network.samples(args.models)
    x, labels = np.array(samples.test[: args.images]), samples.labels[: args.images]
    for kind, steps in (
        (k, int(t))
        for each in args.kinds
        for k, _, ts in [each.partition(":")]
        for t in ts.split(",")
    ):
        snn = sl.convert(ann, np.array(samples.calibration[:CALIBRATION]), steps=steps, neuron=kind)
        cost = sl.energy.measure(snn, x, ann=snn.ann, labels=labels, technology="45nm-int8")
        ratios, rule = cost.ratios, cost.break_even
        rows.append([
            kind, str(steps), f"{cost.decisions['snn_accuracy']:.1%}", f"{cost.decisions['snn_agreement']:.1%}",
            *(f"{ratios[f'{name} / {of} int8']:.3g}" for name, of in (
                ("arithmetic", "ann"), ("arithmetic", "dense ann"), ("with memory", "ann"),
                ("with memory but potentials", "ann"))),
            *(f"{value:.4f}" for value in (rule.rate, rule.limit)),
        ])  # fmt: skip
    harness.show(args, origin, [], {TABLE: harness.markdown(HEADER, rows)}, rows=rows)


if __name__ == "__main__":
    main()
