# %% [markdown]
"""Poisson trains whose rate is a sine of time.

NEST's script: pynest/examples/sinusoidal_poisson_generator.py. Parameters and phases are NEST's. There a generator gives each
target its own train, or all the same one; here each element of a population has one, which all its targets get.
The trains come from other random numbers.
"""

# %%
from __future__ import annotations

import numpy as np

import spikelet as sl

GENERATORS = {
    "slow": {"rate": 10_000.0, "amplitude": 5_000.0, "frequency": 10.0, "phase": 0.0},
    "silent": {
        "rate": 0.0,
        "amplitude": 10_000.0,
        "frequency": 5.0,
        "phase": 90.0,
    },  # when negative
}


# %%
def simulate(n: int = 20, duration: float = 200.0, seed: int = 1) -> dict[str, np.ndarray]:
    """Return the numbers of spikes of n trains in bins of 5 ms."""
    net = sl.Network(dt=0.01, seed=seed)
    sources = {
        name: net.population(n, sl.SinusoidalPoisson(**values))
        for name, values in GENERATORS.items()
    }
    spikes = {name: net.record(source, "spikes") for name, source in sources.items()}
    net.run(duration)
    edges = np.arange(0.0, duration + 1.0, 5.0) + net.dt / 2
    return {name: np.histogram(found.times, edges)[0] for name, found in spikes.items()}


def expected(
    rate: float, amplitude: float, frequency: float, phase: float, n: int = 20
) -> np.ndarray:
    """Return the expected numbers in bins of 5 ms of the first 200 ms."""
    t = (np.arange(20_000) + 0.5) * 0.01
    rates = rate + amplitude * np.sin(2e-3 * np.pi * frequency * t + np.deg2rad(phase))
    return n * 1e-5 * np.maximum(rates, 0.0).reshape(40, 500).sum(axis=1)


# %%
def main() -> None:
    for name, counts in simulate().items():
        print(f"{name:7s}", " ".join(f"{count:5d}" for count in counts[::4]))
        print("expected", " ".join(f"{count:5.0f}" for count in expected(**GENERATORS[name])[::4]))


if __name__ == "__main__":
    main()
