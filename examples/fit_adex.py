# %% [markdown]
"""Fit an adaptive neuron to recordings: six parameters from potentials and spikes of four current steps.

The recordings are made up, so that the parameters are known; noise is added to the potentials. All candidates of a
generation run as one population.

    python examples/fit_adex.py                        # 10000 candidates, with scipy
    python examples/fit_adex.py --optimizer cma        # pip install 'spikelet[fit]'
"""

# %%
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import spikelet as sl

TRUE = sl.AdEx(C_m=200.0, g_L=12.0, V_th=-50.0, a=2.0, b=60.0, tau_w=120.0)
VARY = {
    "C_m": sl.fitting.Range(50.0, 500.0, log=True),
    "g_L": (5.0, 30.0),
    "V_th": (-60.0, -40.0),
    "a": (0.0, 10.0),
    "b": (0.0, 200.0),
    "tau_w": sl.fitting.Range(20.0, 400.0, log=True),
}
DT = 0.1  # ms
NOISE = 0.3  # mV, of the amplifier


# %% [markdown]
# ## Recordings
#
# Two steps below the threshold show the membrane and `a`; two steps above it show the threshold and `b`.


# %%
def recording() -> sl.fitting.Recording:
    """Return what an experiment would give: currents, potentials and spikes, [T, sweeps]."""
    step = np.repeat([0.0, 1.0, 0.0], [500, 2500, 1000])
    current = np.outer(step, [-150.0, 100.0, 350.0, 500.0])
    net = sl.Network(dt=DT, dtype="float64")
    cells = net.population(4, TRUE)
    net.inject(cells, sl.CurrentInput(current))
    V_m, spikes = net.record(cells, "V_m"), net.record(cells, "spikes")
    net.run(len(current) * DT)
    noise = np.random.default_rng(1).normal(0.0, NOISE, current.shape)
    return sl.fitting.Recording(current, V_m.values + noise, spikes, dt=DT)


# %% All together
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--candidates", type=int, metavar="N", help="candidates to try (default: 10000)")
    add("--optimizer", default="scipy", choices=["scipy", "cma"])
    add("--out", type=Path, default=Path("fit_adex.png"))
    add("--quick", action="store_true", help="600 candidates")
    args = parser.parse_args()
    fitting = sl.fitting
    optimizer = fitting.CMAES() if args.optimizer == "cma" else fitting.DifferentialEvolution()
    try:
        best = sl.fit(
            sl.AdEx(),
            vary=VARY,
            data=recording(),
            optimizer=optimizer,
            candidates=args.candidates or (600 if args.quick else 10_000),
            seed=1,
        )
        best.plot().savefig(args.out, dpi=150)
    except (ImportError, ValueError) as error:
        parser.error(str(error))
    print(f"{len(best.losses)} candidates, least loss {best.loss:.4g}\n\n          true      fit")
    for name, value in best.parameters.items():
        print(f"{name:5} {getattr(TRUE, name):8.2f} {value:8.2f}")
    print(f"Figure: {args.out}")


if __name__ == "__main__":
    main()
