# %% [markdown]
"""Four receptors of one AdEx neuron, with beta functions as conductances.

NEST's script: pynest/examples/aeif_cond_beta_multisynapse.py, with that model. Here the neuron is written as equations: each
receptor is two states and a name. A conductance peaks at the weight in both. NEST takes adaptive steps.
"""

# %%
from __future__ import annotations

import numpy as np

import spikelet as sl

REVERSAL = (0.0, 0.0, 0.0, -85.0)  # mV
DECAY = (50.0, 20.0, 20.0, 20.0)  # ms
RISE = (10.0, 10.0, 1.0, 1.0)
DELAYS = (1.0, 300.0, 500.0, 700.0)


# %% [markdown]
# ## The neuron


# %%
def peak(decay: float, rise: float) -> float:
    """Return the peak of exp(-t/decay) - exp(-t/rise)."""
    t = decay * rise / (decay - rise) * np.log(decay / rise)
    return float(np.exp(-t / decay) - np.exp(-t / rise))


def neuron() -> sl.Equations:
    """Return AdEx with a receptor for each reversal potential."""
    lines, receptors, parameters, current = [], {}, {}, ""
    for k, (reversal, decay, rise) in enumerate(zip(REVERSAL, DECAY, RISE, strict=True), 1):
        lines += [f"g_{k} = (slow_{k} - fast_{k})/{peak(decay, rise)!r}"]
        lines += [
            f"dslow_{k}/dt = -slow_{k}/decay_{k} : nS",
            f"dfast_{k}/dt = -fast_{k}/rise_{k} : nS",
        ]
        receptors[f"r{k}"] = f"slow_{k} += weight; fast_{k} += weight"
        parameters |= {
            f"E_{k}": (reversal, "mV"),
            f"decay_{k}": (decay, "ms"),
            f"rise_{k}": (rise, "ms"),
        }
        current += f" + g_{k}*(E_{k} - V_m)"
    membrane = f"""
        C_m*dV_m/dt = -g_L*(V_m - E_L) + g_L*Delta_T*exp((V_m - V_th)/Delta_T) - w{current}
        tau_w*dw/dt = a*(V_m - E_L) - w : pA
    """
    parameters |= {
        "C_m": (281.0, "pF"),
        "g_L": (30.0, "nS"),
        "E_L": (-70.6, "mV"),
        "V_th": (-50.4, "mV"),
    }
    parameters |= {"Delta_T": (2.0, "mV"), "V_peak": (0.0, "mV"), "V_reset": (-60.0, "mV")}
    parameters |= {"a": (4.0, "nS"), "b": (80.5, "pA"), "tau_w": (144.0, "ms")}
    return sl.Equations(
        membrane + "\n".join(lines),
        threshold="V_m >= V_peak",
        reset="V_m = V_reset; w += b",
        receptors=receptors,
        parameters=parameters,
        method="rk4",
        name="AdExBeta",
    )


# %% [markdown]
# ## One spike, four delays


# %%
def simulate(weight: float = 1.0, duration: float = 1000.0) -> sl.StateRecorder:
    """Return V_m each ms."""
    net = sl.Network(dt=0.1, dtype="float64")
    cell = net.population(1, neuron()())
    spike = net.population(1, sl.SpikeSource([10.0], [0]))
    for k, delay in enumerate(DELAYS, 1):
        net.connect(spike, cell, sl.AllToAll(), weight=weight, delay=delay, receptor=f"r{k}")
    potential = net.record(cell, "V_m", every=1.0)
    net.run(duration)
    return potential


# %%
def main() -> None:
    values = simulate().values[:, 0]
    for delay in DELAYS:
        part = values[int(10 + delay) : int(10 + delay) + 180]
        print(f"receptor at {10 + delay:5.0f} ms: V_m from {part.min():.3f} to {part.max():.3f} mV")


if __name__ == "__main__":
    main()
