# %% [markdown]
"""Depressing and facilitating synapses.

NEST's script: pynest/examples/evaluate_tsodyks2_synapse.py, with tsodyks_synapse and tsodyks2_synapse: here one rule, with and
without a time constant for released resources. Synapses start at rest here. That is u = U for tsodyks2_synapse, as in the
script, and u = 0 for tsodyks_synapse; the script starts that one with u = U, too, as if it had just fired.
"""

# %%
from __future__ import annotations

import numpy as np

import spikelet as sl

SYNAPSES = {
    "depression": {"U": 0.67, "tau_rec": 450.0, "tau_fac": 0.0},
    "facilitation": {"U": 0.1, "tau_rec": 100.0, "tau_fac": 1000.0},
}
TAU_PSC = 3.0  # ms, the synaptic current's


# %%
def simulate(U: float, tau_rec: float, tau_fac: float) -> np.ndarray:
    """Return V_m [samples, 2] of the targets of tsodyks_synapse and tsodyks2_synapse each 5 ms."""
    net = sl.Network(dt=0.1, dtype="float64")
    source = net.population(1, sl.LIF(tau_syn_ex=TAU_PSC))
    targets = net.population(2, source.model)
    for k, tau_psc in enumerate((TAU_PSC, None)):
        rule = sl.TsodyksMarkram(U=U, tau_rec=tau_rec, tau_fac=tau_fac, tau_psc=tau_psc)
        net.connect(
            source, targets[k : k + 1], sl.AllToAll(), weight=250.0, delay=1.0, plasticity=rule
        )
    potentials = net.record(targets, "V_m", every=5.0)
    for current in (376.0, 0.0, 376.0):
        source.I_e = current
        net.run(500.0)
    return np.asarray(potentials.values)


# %%
def main() -> None:
    for name, synapse in SYNAPSES.items():
        first, second = simulate(**synapse).max(axis=0)
        print(
            f"{name:12s}: V_m up to {first:.2f} mV with tsodyks_synapse, {second:.2f} mV with tsodyks2_synapse"
        )


if __name__ == "__main__":
    main()
