# %% [markdown]
"""Response of a membrane to packets of spikes, and the same by convolution.

NEST's script: pynest/examples/pulsepacket.py. In float64 the potentials are NEST's for the same spikes. NEST stops its neurons
from firing by a threshold of infinity; here it is far away.
"""

# %%
from __future__ import annotations

from typing import Any

import numpy as np

import spikelet as sl

TAU_M, TAU_SYN, C_M, WEIGHT = 20.0, 0.5, 200.0, 0.1
CENTER, ACTIVITY, SDEV = 500.0, 100, 10.0


# %%
def simulate(
    packets: Any, n: int, start: float = 0.0, every: float = 1.0, end: float = 650.0
) -> Any:
    """Return the times and the potentials [samples, n] of neurons with one source each."""
    net = sl.Network(dt=0.1, dtype="float64")
    model = sl.LIFAlpha(tau_m=TAU_M, tau_syn_ex=TAU_SYN, C_m=C_M, E_L=0.0, V_reset=0.0, V_th=1e6)
    neurons, sources = net.population(n, model), net.population(n, packets)
    net.connect(sources, neurons, sl.OneToOne(), weight=WEIGHT, delay=1.0)
    potentials = net.record(neurons, "V_m", every=every)
    net.run(end)
    late = potentials.times > start
    return potentials.times[late], potentials.values[late]


def convolved(times: np.ndarray) -> np.ndarray:
    """Return the expected potential: the packet's density convolved with the PSP [mV]."""
    h = 0.05
    t = np.arange(0.0, 15 * TAU_M, h)
    rate = 1 / TAU_SYN - 1 / TAU_M
    slow, fast = np.exp(-t / TAU_M), np.exp(-t / TAU_SYN)
    psp = WEIGHT * np.e / (TAU_SYN * C_M) * ((slow - fast) / rate**2 - t * fast / rate)
    at = np.arange(-6 * SDEV, 6 * SDEV, h)
    density = np.exp(-(at**2) / (2 * SDEV**2)) / (SDEV * np.sqrt(2 * np.pi))
    whole = ACTIVITY * h * np.convolve(density, psp)
    arrives = CENTER + 1.0 - 6 * SDEV + h * np.arange(len(whole))  # one delay late
    return np.interp(times, arrives, whole, left=0.0, right=0.0)


# %%
def main() -> None:
    packets = sl.PulsePacket([CENTER], activity=ACTIVITY, sdev=SDEV)
    times, values = simulate(packets, 100)
    mean = values.mean(axis=1)
    print(f"mean of {values.shape[1]} neurons: peak {mean.max():.4f} mV at {times[mean.argmax()]:.0f} ms; "
          f"by convolution {convolved(times).max():.4f} mV")  # fmt: skip


if __name__ == "__main__":
    main()
