# %% [markdown]
"""A threshold that each spike raises.

Brian2's script: examples/adaptive_threshold.py. Events act after the threshold test (`schedule="brian2"`), so they count in
the next step. Both equations are linear: integration is exact, and so are the spikes for the same input.
"""

# %%
from __future__ import annotations

from typing import Any

import numpy as np

import spikelet as sl

ADAPTIVE = sl.Equations(
    """
    dV_m/dt = -V_m/tau : mV
    dV_th/dt = (V_rest - V_th)/tau_th : mV
    """,
    threshold="V_m > V_th",
    reset="V_m = 0; V_th += jump",
    receptors={"ex": "V_m += weight"},
    parameters={
        "tau": (10.0, "ms"),
        "tau_th": (15.0, "ms"),
        "V_rest": (10.0, "mV"),
        "jump": (3.0, "mV"),
    },
    initial={"V_th": "V_rest"},
    schedule="brian2",
    name="Adaptive",
)


# %%
def simulate(source: Any, duration: float = 2000.0) -> tuple[sl.SpikeRecorder, sl.StateRecorder]:
    """Return the spikes, and V_m and V_th each ms."""
    net = sl.Network(dt=0.1, seed=1, dtype="float64")
    neuron = net.population(1, ADAPTIVE())
    net.connect(net.population(1, source), neuron, sl.AllToAll(), weight=3.0, delay=0.1)
    spikes, states = net.record(neuron, "spikes"), net.record(neuron, ["V_m", "V_th"], every=1.0)
    net.run(duration)
    return spikes, states


# %%
def main() -> None:
    spikes, states = simulate(sl.PoissonSource(rate=500.0))
    thresholds = np.asarray(states["V_th"].values)
    print(
        f"{len(spikes.times)} spikes, threshold from {thresholds.min():.2f} to {thresholds.max():.2f} mV"
    )


if __name__ == "__main__":
    main()
