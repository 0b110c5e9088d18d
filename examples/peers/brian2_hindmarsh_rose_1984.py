# %% [markdown]
"""Bursts of the Hindmarsh-Rose model for three currents.

Brian2's script: examples/frompapers/Hindmarsh_Rose_1984.py, by the same scheme. The model has no threshold, and no units but
that of time.
"""

# %%
from __future__ import annotations

import numpy as np

import spikelet as sl

HINDMARSH_ROSE = sl.Equations(
    """
    dx/dt = y - a*x**3 + b*x**2 + I - z
    dy/dt = c - d*x**2 - y
    dz/dt = r*(s*(x - x_1) - z)
    """,
    parameters={
        "a": 1.0,
        "b": 3.0,
        "c": 1.0,
        "d": 5.0,
        "r": 0.001,
        "s": 4.0,
        "x_1": -1.6,
        "I": 0.0,
    },
    initial={"x": "x_1", "y": "c - d*x_1**2", "z": 0.0},
    method="rk4",
    name="HindmarshRose",
)


# %%
def simulate(duration: float = 2100.0) -> np.ndarray:
    """Return x [samples, 3] each 5 units of time."""
    net = sl.Network(dt=0.1, dtype="float64")
    neurons = net.population(3, HINDMARSH_ROSE(I=np.array([0.4, 2.0, 4.0])))
    trace = net.record(neurons, "x", every=5.0)
    net.run(duration)
    return np.asarray(trace.values)


# %%
def main() -> None:
    for current, x in zip((0.4, 2.0, 4.0), simulate().T, strict=True):
        print(
            f"I = {current}: x from {x.min():.2f} to {x.max():.2f}, above 0 in {np.mean(x > 0):.0%} of the time"
        )


if __name__ == "__main__":
    main()
