# %% [markdown]
"""The fast-spiking interneuron of Wang & Buzsaki (1996).

Brian2's script: examples/frompapers/Wang_Buszaki_1996.py, with method="rk4" on both sides; its exponential Euler keeps m, which is
a function of V, constant in a step. There is no threshold. Parameters are for 1 cm^2: nF, uS and nA instead of pF, nS and pA.
"""

# %%
from __future__ import annotations

import spikelet as sl

WANG_BUZSAKI = sl.Equations(
    """
    C_m*dV_m/dt = -g_Na*m**3*h*(V_m - E_Na) - g_K*n**4*(V_m - E_K) - g_L*(V_m - E_L) + I_e
    m = alpha_m/(alpha_m + beta_m)
    alpha_m = 1/exprel(-(V_m + 35)/10)
    beta_m = 4*exp(-(V_m + 60)/18)
    dh/dt = 5*(alpha_h*(1 - h) - beta_h*h)
    alpha_h = 0.07*exp(-(V_m + 58)/20)
    beta_h = 1/(exp(-0.1*(V_m + 28)) + 1)
    dn/dt = 5*(alpha_n*(1 - n) - beta_n*n)
    alpha_n = 0.1/exprel(-(V_m + 34)/10)
    beta_n = 0.125*exp(-(V_m + 44)/80)
    """,
    parameters={
        "C_m": 1.0, "g_Na": 35.0, "g_K": 9.0, "g_L": 0.1, "E_Na": 55.0, "E_K": -90.0, "E_L": -65.0, "I_e": 2.0,
    },
    initial={"V_m": -70.0, "h": 1.0},
    method="rk4",
    name="WangBuzsaki",
)  # fmt: skip


# %%
def simulate(duration: float = 100.0) -> sl.StateRecorder:
    """Return V_m, h and n each 0.1 ms."""
    net = sl.Network(dt=0.01, dtype="float64")
    neuron = net.population(1, WANG_BUZSAKI())
    trace = net.record(neuron, ["V_m", "h", "n"], every=0.1)
    net.run(duration)
    return trace


# %%
def main() -> None:
    v = simulate()["V_m"].values[:, 0]
    print(
        f"{((v[1:] >= 0) & (v[:-1] < 0)).sum()} spikes in 100 ms, V_m from {v.min():.1f} to {v.max():.1f} mV"
    )


if __name__ == "__main__":
    main()
