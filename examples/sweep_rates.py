# %% [markdown]
"""Map the states of a balanced network (Brunel 2000) with a sweep over inhibition and input.

Each point of the grid is a separate network with its own random seed. The runs use all cores, each
result is stored as soon as its run finishes, and an interrupted sweep continues where it stopped:

    python examples/sweep_rates.py                       # 2000 neurons, 8 x 8 points, 2 seeds each
    python examples/sweep_rates.py --store brunel        # stop it with Ctrl-C, and start it again
    python examples/sweep_rates.py --executor dask
"""

# %%
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import spikelet as sl
from spikelet import statistics

J = 0.5  # mV, the weight of an excitatory synapse
TAU, THRESHOLD = 20.0, 20.0  # ms, mV
PRESIM = 100.0  # ms excluded from the analysis


# %% [markdown]
# ## One run
#
# A run is a function of parameters and a seed. It returns numbers, which become columns of the table,
# and a recorder, which becomes arrays.


# %%
def brunel(g: float, eta: float, n: int, duration: float, seed: int) -> dict[str, Any]:
    """Simulate a network; return its rate, irregularity and synchrony, and its spikes."""
    net = sl.Network(dt=0.1, seed=seed)
    model = sl.LIFDelta(tau_m=TAU, C_m=200.0, E_L=0.0, V_th=THRESHOLD, V_reset=10.0, t_ref=2.0)
    excitatory = net.population(4 * n // 5, model)
    inhibitory = net.population(n // 5, model)
    indegree = n // 10
    for source, weight, inputs in (
        (excitatory, J, 4 * indegree // 5),
        (inhibitory, -g * J, indegree // 5),
    ):
        for target in (excitatory, inhibitory):
            net.connect(source, target, sl.FixedIndegree(inputs), weight=weight, delay=1.5)
    # The total rate of external input whose mean alone brings a neuron to its threshold.
    threshold_rate = 1e3 * THRESHOLD / (J * TAU)
    for target in (excitatory, inhibitory):
        target.V_m = sl.Uniform(0.0, THRESHOLD)
        net.inject(target, sl.PoissonInput(rate=eta * threshold_rate, weight=J))
    spikes = net.record(excitatory, "spikes")
    net.run(PRESIM + duration)
    cvs = statistics.cvs(spikes, PRESIM)
    cvs = cvs[np.isfinite(cvs)]
    return {
        "rate": float(spikes.rates(PRESIM).mean()),
        "cv": float(cvs.mean()) if cvs.size else None,
        "synchrony": float(statistics.synchrony(spikes, PRESIM)),
        "spikes": spikes,
    }


# %% [markdown]
# ## All runs
#
# `result.table` has one row for each run. With several seeds a point has several rows; the figure
# shows their average.


# %%
def mean(result: sl.SweepResult, name: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return the mean of a result over the seeds, as an array over the grid."""
    values = np.array(result.table[name], dtype=np.float64).reshape(*shape, -1)
    n = np.isfinite(values).sum(axis=-1)
    return np.where(n, np.nansum(values, axis=-1) / np.maximum(n, 1), np.nan)


def draw(result: sl.SweepResult, gs: list[float], etas: list[float], path: Path) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415  (an extra)

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    titles = {"rate": "rate [Hz]", "cv": "CV of intervals", "synchrony": "synchrony"}
    for axes, (name, title) in zip(figure.subplots(1, 3), titles.items(), strict=True):
        values = mean(result, name, (len(gs), len(etas)))
        mesh = axes.pcolormesh(etas, gs, values, shading="nearest")
        axes.set(xlabel="input, in units of the threshold's", ylabel="inhibition g", title=title)
        figure.colorbar(mesh)
    figure.savefig(path, dpi=150)


# %% All together
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--neurons", type=int, metavar="N", help="neurons in each network (default: 2000)")
    add("--points", type=int, metavar="N", help="points along each dimension (default: 8)")
    add("--seeds", type=int, metavar="N", help="seeds of each point (default: 2)")
    add("--executor", default="joblib", choices=["joblib", "dask", "serial"])
    add("--workers", type=int, metavar="N", help="number of processes (default: all cores)")
    add("--store", type=Path, metavar="DIR", help="store finished runs there, and resume")
    add("--out", type=Path, default=Path("sweep_rates.png"))
    add("--quick", action="store_true", help="500 neurons, 3 x 3 points, 1 seed")
    args = parser.parse_args()
    n = args.neurons or (500 if args.quick else 2000)
    points = args.points or (3 if args.quick else 8)
    seeds = args.seeds or (1 if args.quick else 2)
    gs, etas = (
        [float(x) for x in np.linspace(low, high, points)] for low, high in ((2.5, 8), (0.8, 4))
    )
    try:
        result = sl.sweep(
            brunel,
            {"g": gs, "eta": etas},
            fixed={"n": n, "duration": 200.0 if args.quick else 1000.0},
            seeds=seeds,
            executor=args.executor,
            workers=args.workers,
            store=args.store,
        )
        draw(result, gs, etas, args.out)
    except (ImportError, ValueError, TypeError) as error:
        parser.error(str(error))
    table, seconds = result.table, np.array(result.timing["seconds"])
    print(f"{result}, {seconds.sum():.1f} s in all of them\n\n    g    eta   rate Hz     CV")
    for k in range(0, len(result), max(1, len(result) // 9)):  # some of them
        cv = table["cv"][k]
        print(
            f"{table['g'][k]:5.2f}  {table['eta'][k]:5.2f}  {table['rate'][k]:8.2f}  "
            f"{np.nan if cv is None else cv:5.2f}"
        )
    print(f"Figure: {args.out}")


if __name__ == "__main__":
    main()
