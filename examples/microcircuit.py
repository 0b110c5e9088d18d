# %% [markdown]
"""Simulate the cortical microcircuit of Potjans & Diesmann (2014): 77 169 neurons, 299 M synapses.

The script runs the network at the chosen scale, prints the rates of its eight populations next to
the published ones and the wall time of a second of model time, and draws the spikes.

    python examples/microcircuit.py                  # a tenth of the neurons with a tenth of the inputs
    python examples/microcircuit.py --scale 1        # all of it: gigabytes of memory
"""

# %%
from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import spikelet as sl
from spikelet import plot, statistics
from spikelet.models.microcircuit import FULL_RATES

PRESIM = 500.0  # ms excluded from the analysis, while the initial transient decays


# %% [markdown]
# ## What to look for
#
# Excitatory neurons fire less than inhibitory ones, and those of layers 2/3 and 6 fire least. All fire
# irregularly and with little synchrony, as in a balanced network. None of this was fitted; it follows
# from the connectivity.


# %%
def table(recorders: dict[str, sl.SpikeRecorder], start: float) -> str:
    """Return rates, irregularity, synchrony and correlation of each population."""
    lines = ["population  rate Hz  published  CV of intervals  synchrony  correlation"]
    for name, spikes in recorders.items():
        rate = statistics.rates(spikes, start).mean()
        cvs = statistics.cvs(spikes, start)
        cvs = cvs[np.isfinite(cvs)]
        pairs = statistics.correlations(spikes, start)
        lines.append(
            f"{name:<10}  {rate:7.2f}  {FULL_RATES[name]:9.2f}  "
            f"{cvs.mean() if cvs.size else np.nan:15.2f}  "
            f"{statistics.synchrony(spikes, start):9.2f}  "
            f"{pairs.mean() if pairs.size else np.nan:11.4f}"
        )
    return "\n".join(lines)


# %% All together
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--scale", type=float, metavar="X", help="scale of the network size (default: 0.1)")
    add("--K-scale", type=float, metavar="X", help="scale of the in-degree (default: as --scale)")
    add("--seconds", type=float, metavar="S", help="model time (default: 2)")
    add("--input", choices=["poisson", "dc"], default="poisson", help="external input")
    add("--seed", type=int, metavar="N", default=1)
    add("--threads", type=int, metavar="N", help="default: as many as speed it up")
    add("--out", type=Path, default=Path("microcircuit.png"))
    add("--quick", action="store_true", help="a twentieth of the network, for half a second")
    args = parser.parse_args()
    scale = (0.05 if args.quick else 0.1) if args.scale is None else args.scale
    seconds = (0.5 if args.quick else 2.0) if args.seconds is None else args.seconds
    if not 0.01 <= seconds < np.inf:
        parser.error("needs --seconds of 0.01 or more")
    if not args.out.parent.is_dir() or args.out.suffix not in {".png", ".pdf", ".svg"}:
        parser.error(f"--out must be a .png, .pdf or .svg in a folder that exists, got {args.out}")
    start = time.perf_counter()
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (to say so if it is missing)

        circuit = sl.models.microcircuit(
            scale, args.K_scale, seed=args.seed, threads=args.threads, input=args.input
        )
    except (ImportError, ValueError, TypeError) as error:
        parser.error(str(error))
    circuit.network.prepare()
    print(f"{circuit.network}\nBuilt in {time.perf_counter() - start:.1f} s.")

    circuit.run(PRESIM)
    recorders = circuit.record()
    start = time.perf_counter()
    circuit.run(round(seconds * 100) * 10.0)
    wall = time.perf_counter() - start
    print(
        f"Simulated {seconds:g} s in {wall:.2f} s: real-time factor {wall / seconds:.2f}.\n\n"
        f"{table(recorders, PRESIM)}\n"
    )
    if scale != 1 or args.K_scale not in (None, 1):
        print("The published rates are those at full scale. A smaller network has different rates.")

    figure = Figure(figsize=(11, 5), layout="constrained")
    plot.activity(recorders, PRESIM, figure=figure)
    figure.savefig(args.out, dpi=150)
    print(f"Figure: {args.out}")


if __name__ == "__main__":
    main()
