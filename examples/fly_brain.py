# %% [markdown]
"""Activate and silence neurons of a whole fruit fly's brain (Shiu et al., Nature 2024).

138 639 leaky integrate-and-fire neurons with the 15 million connections of the FlyWire connectome. Without files, the script
draws a surrogate of the same size, which means nothing biologically. With the two files of
github.com/philshiu/Drosophila_brain_model, it runs the brain, activates the neurons that sense sugar, and silences the most
active one of those that they excite.

    python examples/fly_brain.py
    python examples/fly_brain.py --connectivity Connectivity_783.parquet --neurons Completeness_783.csv --activate ID ...
"""

# %%
from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

import spikelet as sl
from spikelet.models import FlyBrain
from spikelet.models.connectome import Connectome

# %% [markdown]
# ## What to look for
#
# The activated neurons fire at the rate of their drive. What they excite fires at all rates down to a spike now and then,
# and the rest of the brain, more than 99 %, is silent. When one neuron of the pathway is silenced, those that depend on it
# fire less: that is how the model finds out which neurons a behaviour needs.


# %%
def report(title: str, activity: Any, rows: int = 8) -> None:
    """Print how many neurons fire, and the most active ones."""
    table = activity.rates()
    print(
        f"\n{title}: {len(activity)} spikes of {len(table)} neurons in {len(activity.trials)} trials"
    )
    print("                id    index  rate Hz   +-")
    for row in table[:rows]:
        print(f"{row['id']:>18}  {row['index']:>7}  {row['rate']:7.1f}  {row['std']:3.1f}")


def lost(before: Any, after: Any) -> np.ndarray:
    """Return the indices of the neurons whose rates fall most."""
    a, b = (np.zeros(len(before.ids)) for _ in range(2))
    for rates, activity in ((a, before), (b, after)):
        table = activity.rates()
        rates[table["index"]] = table["rate"]
    return np.argsort(b - a, kind="stable")[:5]


# %% All together
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--connectivity",
        type=Path,
        metavar="PARQUET",
        help="the published connectivity (default: a surrogate)",
    )
    add("--neurons", type=Path, metavar="CSV", help="the published list of neurons")
    add(
        "--activate",
        type=int,
        nargs="+",
        metavar="ID",
        help="neurons to activate (default: the first 21)",
    )
    add(
        "--silence",
        type=int,
        nargs="+",
        metavar="ID",
        help="neurons to silence (default: the most active one)",
    )
    add("--rate", type=float, default=150.0, metavar="HZ", help="rate of the activation")
    add("--trials", type=int, default=3, metavar="N")
    add("--seconds", type=float, default=1.0, metavar="S", help="length of a trial")
    add("--threads", type=int, metavar="N", help="default: as many as speed it up")
    add("--seed", type=int, metavar="N", default=0)
    add("--out", type=Path, default=Path("fly_brain.png"))
    add("--quick", action="store_true", help="a surrogate of 5000 neurons, for a fifth of a second")
    args = parser.parse_args()
    if (args.connectivity is None) != (args.neurons is None):
        parser.error("--connectivity and --neurons go together")
    if not args.out.parent.is_dir() or args.out.suffix not in {".png", ".pdf", ".svg"}:
        parser.error(f"--out must be a .png, .pdf or .svg in a folder that exists, got {args.out}")
    try:
        run(args)
    except (ImportError, OSError, ValueError, TypeError) as error:
        parser.error(str(error))


def build(args: argparse.Namespace) -> FlyBrain:
    """Build the brain, and print how long that takes."""
    given: tuple[Any, ...] = (args.connectivity, args.neurons)
    if args.connectivity is None:
        given = (Connectome.surrogate(*((5000, 200_000) if args.quick else ()), seed=args.seed),)
    start = time.perf_counter()
    brain = sl.models.fly_brain(*given, threads=args.threads, seed=args.seed)
    brain.network.prepare()
    print(f"{brain}, ready after {time.perf_counter() - start:.2f} s")
    return brain


def run(args: argparse.Namespace) -> None:
    """Activate, silence, and draw."""
    brain = build(args)
    duration = 200.0 if args.quick else 1e3 * args.seconds
    driven = brain.index(args.activate if args.activate else np.arange(21))
    brain.activate(driven, args.rate)
    start = time.perf_counter()
    activity = brain.run(duration, trials=args.trials)
    seconds = time.perf_counter() - start
    report("Activation", activity)
    print(f"A second of model time takes {1e3 * seconds / (duration * args.trials):.3f} s.")

    others = activity.rates()
    others = others[~np.isin(others["index"], driven)]
    if args.silence is None and len(others) == 0:
        print("No other neuron fires.")
        return
    silenced = brain.index(args.silence if args.silence else others["index"][:1])
    brain.silence(silenced)
    without = brain.run(duration, trials=args.trials)
    report(f"Without what neuron {brain.ids[silenced[0]]} sends", without, rows=0)
    print("Rates fall most of", ", ".join(str(brain.ids[i]) for i in lost(activity, without)))
    activity.plot().savefig(args.out, dpi=150)
    print(f"Figure: {args.out}")


# %%
if __name__ == "__main__":
    main()
