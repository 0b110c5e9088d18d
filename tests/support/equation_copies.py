"""The models that have a kernel, written as equations."""

from __future__ import annotations

from typing import Any

import numpy as np

import spikelet as sl

COMMON = {
    "E_L": (-70.0, "mV"), "V_th": (-55.0, "mV"), "V_reset": (-70.0, "mV"), "t_ref": (2.0, "ms", ">= 0"),
    "theta_plus": (0.0, "mV", ">= 0"), "tau_theta": (np.inf, "ms", "tau"),
}  # fmt: skip
SYNAPSES = {"tau_syn_ex": (2.0, "ms", "> 0"), "tau_syn_in": (2.0, "ms", "> 0")}
MEMBRANE = {"tau_m": (10.0, "ms", "> 0"), "C_m": (250.0, "pF", "> 0"), "I_e": (0.0, "pA")}
CURRENTS = {"ex": "I_syn_ex += weight", "in": "I_syn_in += weight"}
SPIKE: dict[str, Any] = {
    "threshold": "V_m >= V_th + theta", "reset": "V_m = V_reset; theta += theta_plus", "refractory": "t_ref",
}  # fmt: skip
EXPONENTIAL = """
    dI_syn_ex/dt = -I_syn_ex/tau_syn_ex : pA
    dI_syn_in/dt = -I_syn_in/tau_syn_in : pA
    dtheta/dt = -theta/tau_theta : mV
"""

LIF = sl.Equations(
    "dV_m/dt = -(V_m - E_L)/tau_m + (I_syn_ex + I_syn_in + I_e)/C_m : mV (unless refractory)" + EXPONENTIAL,
    receptors=CURRENTS, parameters=COMMON | SYNAPSES | MEMBRANE, name="LIF", **SPIKE,
)  # fmt: skip
IF = sl.Equations(
    "dV_m/dt = (I_syn_ex + I_syn_in + I_e)/C_m : mV (unless refractory)" + EXPONENTIAL,
    receptors=CURRENTS, name="IF", **SPIKE,
    parameters=COMMON | SYNAPSES | {k: MEMBRANE[k] for k in ("C_m", "I_e")},
)  # fmt: skip
LIFDelta = sl.Equations(
    """
    dV_m/dt = -(V_m - E_L)/tau_m + I_e/C_m : mV (unless refractory)
    dtheta/dt = -theta/tau_theta : mV
    """,
    receptors={"ex": "V_m += weight (unless refractory)"}, parameters=COMMON | MEMBRANE, name="LIFDelta", **SPIKE,
)  # fmt: skip
LIFAlpha = sl.Equations(
    """
    dV_m/dt = -(V_m - E_L)/tau_m + (I_syn_ex + I_syn_in + I_e)/C_m : mV (unless refractory)
    dI_syn_ex/dt = (exp(1)*dI_syn_ex - I_syn_ex)/tau_syn_ex : pA
    dI_syn_in/dt = (exp(1)*dI_syn_in - I_syn_in)/tau_syn_in : pA
    ddI_syn_ex/dt = -dI_syn_ex/tau_syn_ex : pA
    ddI_syn_in/dt = -dI_syn_in/tau_syn_in : pA
    dtheta/dt = -theta/tau_theta : mV
    """,
    receptors={"ex": "dI_syn_ex += weight", "in": "dI_syn_in += weight"}, name="LIFAlpha", **SPIKE,
    parameters=COMMON | SYNAPSES | MEMBRANE,
)  # fmt: skip
LIFCond = sl.Equations(
    """
    C_m*dV_m/dt = -g_L*(V_m - E_L) - g_ex*(V_m - E_ex) - g_in*(V_m - E_in) + I_e : mV (unless refractory)
    dg_ex/dt = -g_ex/tau_syn_ex : nS
    dg_in/dt = -g_in/tau_syn_in : nS
    dtheta/dt = -theta/tau_theta : mV
    """,
    receptors={"ex": "g_ex += abs(weight)", "in": "g_in += abs(weight)"}, name="LIFCond", **SPIKE,
    parameters=COMMON | SYNAPSES | {
        "V_reset": (-60.0, "mV"), "C_m": (250.0, "pF", "> 0"), "g_L": (16.6667, "nS", "> 0"), "E_ex": (0.0, "mV"),
        "E_in": (-85.0, "mV"), "tau_syn_ex": (0.2, "ms", "> 0"), "I_e": (0.0, "pA"),
    },
)  # fmt: skip

# By another name, where tests take a class of each kind.
FromText = sl.Equations(**{**LIF.to_dict(), "name": "FromText"}).model

COPIES = {copy.name: copy for copy in (LIF, LIFDelta, LIFAlpha, IF, LIFCond)}
