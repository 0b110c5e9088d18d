# %% [markdown]
"""Find the cell types that a behaviour needs: silence each in turn, in a network built from tables of a connectome.

Without files, the script makes up tables of neurons and synapses of a small animal, which mean nothing biologically. With
tables of your own (CSV, parquet, Excel), it builds their network, activates one type, and measures another.

    python examples/connectome.py
    python examples/connectome.py --edges edges.csv --neurons neurons.csv --activate sensory --measure motor
"""

# %%
from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

import spikelet as sl

mpl.use("Agg")
from matplotlib import pyplot as plt  # after the choice of a backend

# %% [markdown]
# ## What to look for
#
# Sensory neurons excite relays, which excite motor neurons; a side path does the same more weakly, and local neurons inhibit
# the relays. Without the relays, the motor neurons fall silent; without the local neurons, they fire more. Silenced
# neurons still fire, but nothing receives what they send.


# %%
def made_up(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return tables of the synapses and of the neurons of an animal that does not exist."""
    rng = np.random.default_rng(seed)
    sizes = {"sensory": 20, "relay": 40, "side": 20, "local": 20, "motor": 10, "other": 90}
    neurons = pd.DataFrame({"type": np.repeat(list(sizes), list(sizes.values()))})
    neurons["transmitter"] = np.where(neurons.type == "local", "GABA", "ACh")
    neurons.index = neurons.type + "_" + neurons.groupby("type").cumcount().astype(str)
    paths = {
        ("sensory", "relay"): 14, ("sensory", "side"): 8, ("sensory", "local"): 10, ("local", "relay"): 12,
        ("relay", "motor"): 8, ("side", "motor"): 5, ("motor", "other"): 2, ("other", "other"): 1,
    }  # fmt: skip
    rows = []
    for (a, b), synapses in paths.items():
        pre, post = (neurons.index[neurons.type == name] for name in (a, b))
        pairs = rng.random((len(pre), len(post))) < 0.4
        i, j = np.nonzero(pairs)
        rows.append(
            pd.DataFrame(
                {"pre": pre[i], "post": post[j], "weight": 1 + rng.poisson(synapses, len(i))}
            )
        )
    return pd.concat(rows), neurons


def screen(model: sl.models.ConnectomeModel, measured: str, trials: int) -> pd.DataFrame:
    """Return the rate of a type with nothing and with each type silenced, the lowest first."""
    found = {}
    for silenced in ("nothing", *pd.unique(model.columns["type"])):
        if silenced != "nothing":
            model.silence(silenced)
        found[silenced] = model.run(500.0, trials=trials).by("type").loc[measured]
        model.restore(activation=False)  # the drive stays, with the same random numbers
    return pd.DataFrame(found).T[["active", "rate", "std"]].sort_values("rate", kind="stable")


def draw(table: pd.DataFrame, measured: str, path: Path) -> None:
    """Draw the rates."""
    figure, axes = plt.subplots(figsize=(6.0, 3.5), layout="constrained")
    colors = ["#d1495b" if name == "nothing" else "#30638e" for name in table.index]
    axes.barh(table.index, table["rate"], xerr=table["std"], color=colors)
    axes.set(xlabel=f"rate of {measured} (Hz)", ylabel="silenced")
    figure.savefig(path, dpi=150)
    print(f"Figure: {path}")


# %% All together
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--edges", type=Path, metavar="FILE", help="table of synapses (default: made up)")
    add("--neurons", type=Path, metavar="FILE", help="table of neurons, with their types")
    add("--activate", default="sensory", metavar="TYPE", help="type to activate")
    add("--measure", default="motor", metavar="TYPE", help="type to measure")
    add("--rate", type=float, default=100.0, metavar="HZ", help="rate of the activation")
    add("--trials", type=int, default=5, metavar="N")
    add("--seed", type=int, default=1, metavar="N")
    add("--out", type=Path, default=Path("connectome.png"))
    add("--quick", action="store_true", help="two trials")
    args = parser.parse_args()
    if (args.edges is None) != (args.neurons is None):
        parser.error("--edges and --neurons go together")
    if not args.out.parent.is_dir() or args.out.suffix not in {".png", ".pdf", ".svg"}:
        parser.error(f"--out must be a .png, .pdf or .svg in a folder that exists, got {args.out}")
    try:
        run(args)
    except (ImportError, OSError, ValueError, TypeError) as error:
        parser.error(str(error))


def run(args: argparse.Namespace) -> None:
    """Build, activate, silence, and draw."""
    tables = (args.edges, args.neurons) if args.edges else made_up(args.seed)
    signs = {"ACh": 1, "GABA": -1, None: 1}
    model = sl.models.connectome(*tables, sign=signs, seed=args.seed, threads=1)
    print(model)
    model.activate(args.activate, rate=args.rate)
    print(model.run(500.0).by("type").round(1).to_string())
    model.index(args.measure)
    table = screen(model, args.measure, 2 if args.quick else args.trials)
    print(f"\nRate of {args.measure} [Hz], by what is silenced:\n{table.round(1).to_string()}")
    draw(table, args.measure, args.out)


# %%
if __name__ == "__main__":
    main()
