"""The neurons of the benchmark networks as text for `spikelet.Equations`.

Names of parameters and states are those of `models.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import spikelet as sl

if TYPE_CHECKING:
    from models import Model

SYNAPSES = {
    "current": """
        dI_syn_ex/dt = -I_syn_ex/tau_syn_ex : pA
        dI_syn_in/dt = -I_syn_in/tau_syn_in : pA""",
    "conductance": """
        dg_ex/dt = -g_ex/tau_syn_ex : nS
        dg_in/dt = -g_in/tau_syn_in : nS""",
    "delta": "",
}
CONDUCTANCES = "g_L*(E_L - V_m) + g_ex*(E_ex - V_m) + g_in*(E_in - V_m)"
MEMBRANES = {
    "current": "dV_m/dt = (E_L - V_m)/tau_m + (I_syn_ex + I_syn_in)/C_m",
    "conductance": f"C_m*dV_m/dt = {CONDUCTANCES}",
    "delta": "dV_m/dt = (E_L - V_m)/tau_m : mV",
}
RECEPTORS = {
    "current": {"ex": "I_syn_ex += weight", "in": "I_syn_in += weight"},
    "conductance": {"ex": "g_ex += weight", "in": "g_in += abs(weight)"},
    "delta": {"ex": "V_m += weight (unless refractory)", "in": "V_m += weight (unless refractory)"},
}
HODGKIN_HUXLEY = f"""
    C_m*dV_m/dt = {CONDUCTANCES} - g_Na*m**3*h*(V_m - E_Na) - g_K*n**4*(V_m - E_K)
    v = V_m - V_T
    dm/dt = 1.28/exprel((13 - v)/4)*(1 - m) - 1.4/exprel((v - 40)/5)*m : 1
    dn/dt = 0.16/exprel((15 - v)/5)*(1 - n) - 0.5*exp((10 - v)/40)*n : 1
    dh/dt = 0.128*exp((17 - v)/18)*(1 - h) - 4/(1 + exp((40 - v)/5))*h : 1
"""
UNITS = {"t": "ms", "C": "pF", "E": "mV", "V": "mV", "g": "nS"}


def neuron(model: Model) -> sl.neurons.NeuronModel:
    """Return the neuron of a network as a model from text.

    Hodgkin-Huxley neurons are integrated by exponential Euler, as Brian2's are.
    """
    spiking = model.cell == "hodgkin_huxley"
    membrane = HODGKIN_HUXLEY if spiking else f"{MEMBRANES[model.synapse]} (unless refractory)"
    made = sl.Equations(
        f"{membrane}\n{SYNAPSES[model.synapse]}",
        threshold="V_m >= V_th",
        reset=None if spiking else "V_m = V_reset",
        refractory="t_ref",
        receptors=RECEPTORS[model.synapse],
        parameters={name: (value, UNITS[name[0]]) for name, value in model.neuron.items()},
        method="exponential_euler" if spiking else "auto",
        name=model.name,
    )
    return made()
