# %% [markdown]
"""Fast oscillations of 5000 inhibitory neurons with noise (Brunel & Hakim 1999).

Brian2's script: examples/frompapers/Brunel_Hakim_1999.py. The noise `xi` is integrated exactly here, by Euler's method
there, and comes from other random numbers: rates and the oscillation agree, spikes do not. V_m evolves in the refractory
period, as there; events act after the threshold test (`schedule="brian2"`).
"""

# %%
from __future__ import annotations

import numpy as np

import spikelet as sl

NEURON = sl.Equations(
    """
    dV_m/dt = (mu - V_m + sigma*sqrt(tau)*xi)/tau
    """,
    threshold="V_m > V_th",
    reset="V_m = V_reset",
    refractory="t_ref - dt",
    receptors={"in": "V_m += weight"},
    parameters={
        "mu": (25.0, "mV"), "sigma": (1.0, "mV"), "tau": (20.0, "ms"), "V_th": (20.0, "mV"), "V_reset": (10.0, "mV"),
        "t_ref": (2.0, "ms"),
    },
    initial={"V_m": "V_reset"},
    schedule="brian2",
    name="Noisy",
)  # fmt: skip


# %%
def simulate(
    n: int = 5000, duration: float = 500.0, seed: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of spikes of all neurons in each step, and of each neuron."""
    net = sl.Network(dt=0.1, seed=seed)
    neurons = net.population(n, NEURON())
    net.connect(neurons, neurons, sl.FixedProbability(0.2), weight=-0.1, delay=2.0)
    spikes = net.record(neurons, "spikes")
    net.run(duration)
    steps = np.rint(spikes.times / net.dt).astype(int) - 1
    return np.bincount(steps, minlength=round(duration / net.dt)), spikes.counts()


def oscillation(by_step: np.ndarray, dt: float = 0.1, start: float = 50.0) -> float:
    """Return the frequency [Hz] at which the spectrum of the population's rate peaks."""
    late = by_step[round(start / dt) :]
    power = np.abs(np.fft.rfft(late - late.mean())) ** 2
    return float(np.fft.rfftfreq(len(late), dt * 1e-3)[power.argmax()])


# %%
def main() -> None:
    by_step, by_neuron = simulate()
    print(
        f"{by_neuron.mean() / 0.5:.1f} Hz for each neuron; all together oscillate at {oscillation(by_step):.0f} Hz"
    )


if __name__ == "__main__":
    main()
