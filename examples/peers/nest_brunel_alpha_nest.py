# %% [markdown]
"""Brunel's random network with alpha-shaped currents.

NEST's script: pynest/examples/brunel_alpha_nest.py, five times as large. Stamps, delays, refractory periods and the order of a
step are the same; in float64 the spikes are, too, for the same synapses and the same drive. A PoissonInput arrives
without a delay and needs no connections.
"""

# %%
from __future__ import annotations

from typing import Any

import numpy as np

import spikelet as sl

TAU_M, TAU_SYN, C_M, V_TH = 20.0, 0.5, 250.0, 20.0
NEURON = sl.LIFAlpha(
    C_m=C_M, tau_m=TAU_M, tau_syn_ex=TAU_SYN, tau_syn_in=TAU_SYN, t_ref=2.0, E_L=0.0, V_reset=0.0, V_th=V_TH
)  # fmt: skip


# %%
def weight_of(psp: float) -> float:
    """Return the peak of the current [pA] whose PSP has a given peak [mV]."""
    t = np.arange(0.0, 10 * TAU_M, 0.001)
    rate = 1 / TAU_SYN - 1 / TAU_M
    slow, fast = np.exp(-t / TAU_M), np.exp(-t / TAU_SYN)
    unit = np.e / (TAU_SYN * C_M * rate) * ((slow - fast) / rate - t * fast)
    return psp / float(unit.max())


def build(
    order: int, weight: float, excitation: Any, inhibition: Any, g: float = 5.0
) -> tuple[sl.Network, sl.Population]:
    """Return the network, without a drive.

    Parameters
    ----------
    order : int
        A fifth of the neurons; they are inhibitory, and the last ones.
    weight : float
        Weight of excitation [pA].
    excitation, inhibition : rule, or (sources, targets)
        The synapses.
    g : float
        Relative weight of inhibition.
    """
    net = sl.Network(dt=0.1, seed=1, dtype="float64")
    neurons = net.population(5 * order, NEURON)
    excitatory, inhibitory = neurons[: 4 * order], neurons[4 * order :]
    net.connect(excitatory, neurons, excitation, weight=weight, delay=1.5)
    net.connect(inhibitory, neurons, inhibition, weight=-g * weight, delay=1.5)
    return net, neurons


# %%
def main() -> None:
    order, epsilon, eta, duration = 500, 0.1, 2.0, 500.0
    weight = weight_of(0.1)
    sources = [int(epsilon * n) for n in (4 * order, order)]
    net, neurons = build(order, weight, *(sl.FixedIndegree(k) for k in sources))
    threshold_rate = V_TH * C_M / (weight * np.e * TAU_M * TAU_SYN)  # events per ms
    net.inject(neurons, sl.PoissonInput(rate=1000 * eta * threshold_rate, weight=weight))
    spikes = net.record(neurons, "spikes")
    net.run(duration)
    rates = spikes.rates()
    print(
        f"{net}: excitatory {rates[: 4 * order].mean():.2f} Hz, inhibitory {rates[4 * order :].mean():.2f} Hz"
    )


if __name__ == "__main__":
    main()
