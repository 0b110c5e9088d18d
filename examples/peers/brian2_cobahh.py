# %% [markdown]
"""4000 Hodgkin-Huxley neurons with exponential conductances (Brette et al. 2007, benchmark 3).

Brian2's script: examples/COBAHH.py. With the same scheme, the same synapses and initial values the spikes are the same in
float64. A spike is stamped at the end of its step (Brian2: at its start), the shortest delay is one step (there none),
and the 3 ms in which Brian2 detects no other spike begin one step earlier: 2.9 here.
"""

# %%
from __future__ import annotations

from typing import Any

import spikelet as sl

TRAUB = """
    alpha_m = 1.28/exprel((13 - (V_m - V_T))/4)
    beta_m = 1.4/exprel((V_m - V_T - 40)/5)
    alpha_h = 0.128*exp((17 - (V_m - V_T))/18)
    beta_h = 4/(1 + exp((40 - (V_m - V_T))/5))
    alpha_n = 0.16/exprel((15 - (V_m - V_T))/5)
    beta_n = 0.5*exp((10 - (V_m - V_T))/40)
    dm/dt = alpha_m*(1 - m) - beta_m*m : 1
    dn/dt = alpha_n*(1 - n) - beta_n*n : 1
    dh/dt = alpha_h*(1 - h) - beta_h*h : 1
"""
COBAHH = sl.Equations(
    f"""
    C_m*dV_m/dt = g_L*(E_L - V_m) + ge*(E_ex - V_m) + gi*(E_in - V_m) - g_Na*m**3*h*(V_m - E_Na) - g_K*n**4*(V_m - E_K)
    {TRAUB}
    dge/dt = -ge/tau_ex : nS
    dgi/dt = -gi/tau_in : nS
    """,
    threshold="V_m > -20",
    refractory="t_ref",
    receptors={"ex": "ge += weight", "in": "gi += abs(weight)"},
    parameters={
        "C_m": (200.0, "pF"), "g_L": (10.0, "nS"), "E_L": (-60.0, "mV"), "E_K": (-90.0, "mV"), "E_Na": (50.0, "mV"),
        "g_Na": (20_000.0, "nS"), "g_K": (6_000.0, "nS"), "V_T": (-63.0, "mV"), "t_ref": (2.9, "ms"),
        "tau_ex": (5.0, "ms"), "tau_in": (10.0, "ms"), "E_ex": (0.0, "mV"), "E_in": (-80.0, "mV"),
    },
    initial={"V_m": "E_L - 5 + 5*randn()", "ge": "10*(4 + 1.5*randn())", "gi": "10*(20 + 12*randn())"},
    method="exponential_euler",
    name="COBAHH",
)  # fmt: skip


# %%
def build(
    n: int,
    excitation: Any,
    inhibition: Any,
    weights: tuple[float, float] = (6.0, -67.0),
    dtype: Any = "float32",
) -> tuple[sl.Network, sl.Population]:
    """Return the network; the last fifth of the neurons is inhibitory.

    `excitation` and `inhibition` are rules, or (sources, targets).
    """
    net = sl.Network(dt=0.1, seed=1, dtype=dtype)
    neurons = net.population(n, COBAHH())
    inhibitory = n - n // 5
    net.connect(neurons[:inhibitory], neurons, excitation, weight=weights[0], delay=0.1)
    net.connect(neurons[inhibitory:], neurons, inhibition, weight=weights[1], delay=0.1)
    return net, neurons


# %%
def main() -> None:
    net, neurons = build(4000, sl.FixedProbability(0.02), sl.FixedProbability(0.02))
    spikes, trace = net.record(neurons, "spikes"), net.record(neurons[[1, 10, 100]], "V_m")
    net.run(300.0)
    print(f"{len(spikes.times)} spikes, {spikes.rates().mean():.1f} Hz; V_m from {trace.values.min():.1f} "
          f"to {trace.values.max():.1f} mV")  # fmt: skip


if __name__ == "__main__":
    main()
