# %% [markdown]
"""A synfire chain of ten groups with noise (Diesmann et al. 1999).

Brian2's script: examples/frompapers/Diesmann_et_al_1999.py. The equations are linear: integration is exact, noise included
(Brian2: Euler). Without noise the spikes are Brian2's with method="exact". V_m evolves in the refractory period, as there;
events act after the threshold test (`schedule="brian2"`).
"""

# %%
from __future__ import annotations

from typing import Any

import numpy as np

import spikelet as sl

GROUPS, SIZE, VOLLEY = 10, 100, 85
NEURON = sl.Equations(
    """
    dV_m/dt = (-(V_m - E_L) + x)/tau_m : mV
    dx/dt = (-x + y)/tau_psp : mV
    dy/dt = -y/tau_psp + mean + sigma*xi : mV
    """,
    threshold="V_m > V_th",
    reset="V_m = E_L",
    refractory="t_ref - dt",
    receptors={"ex": "y += weight"},
    parameters={
        "E_L": (-70.0, "mV"), "V_th": (-55.0, "mV"), "t_ref": (1.0, "ms"), "tau_m": (10.0, "ms"),
        "tau_psp": (0.325, "ms"), "mean": (25.27, "mV/ms"), "sigma": 39.24,
    },
    initial={"V_m": "E_L + rand()*(V_th - E_L)"},
    schedule="brian2",
    name="Synfire",
)  # fmt: skip


# %%
def build(
    times: Any, sigma: float = 39.24, seed: int = 1, dtype: Any = "float32"
) -> tuple[sl.Network, sl.Population]:
    """Return the chain, whose first group gets a volley of one spike from each of 85 sources."""
    net = sl.Network(dt=0.1, seed=seed, dtype=dtype)
    neurons = net.population(GROUPS * SIZE, NEURON(sigma=sigma))
    group = [neurons[k : k + SIZE] for k in range(0, len(neurons), SIZE)]
    source = net.population(VOLLEY, sl.SpikeSource(times, np.arange(VOLLEY), snap=True))
    for pre, post in zip([source, *group], group, strict=False):
        net.connect(pre, post, sl.AllToAll(), weight=4.86, delay=0.1)
    return net, neurons


# %%
def main() -> None:
    times = np.sort(50.0 + np.random.default_rng(1).standard_normal(VOLLEY))
    net, neurons = build(times)
    spikes = net.record(neurons, "spikes")
    net.run(100.0)
    for k in range(GROUPS):
        volley = spikes.times[(spikes.ids // SIZE == k) & (spikes.times > 50.0)]
        early, middle, late = np.percentile(volley, [25, 50, 75])
        print(
            f"group {k}: {len(volley):3d} spikes around {middle:5.1f} ms, half of them within {late - early:.2f} ms"
        )


if __name__ == "__main__":
    main()
