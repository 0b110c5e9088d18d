"""Models from text as people write them: arguments of ``sl.Equations``."""

from __future__ import annotations

from typing import Any

ADEX: dict[str, Any] = {
    "text": """
        C_m*dV_m/dt = -g_L*(V_m - E_L) + g_L*Delta_T*exp((V_m - V_th)/Delta_T) - w + I_syn_ex + I_syn_in + I_e
        tau_w*dw/dt = a*(V_m - E_L) - w
        dI_syn_ex/dt = -I_syn_ex/tau_syn_ex
        dI_syn_in/dt = -I_syn_in/tau_syn_in
    """,
    "threshold": "V_m >= V_peak",
    "reset": "V_m = V_reset; w += b",
    "refractory": "t_ref",
    "receptors": {"ex": "I_syn_ex += weight", "in": "I_syn_in += weight"},
    "parameters": {
        "C_m": (281.0, "pF", "> 0"), "g_L": (30.0, "nS"), "E_L": (-70.6, "mV"), "Delta_T": (2.0, "mV"), "V_th": (-50.4, "mV"),
        "tau_w": (144.0, "ms", "> 0"), "a": (4.0, "nS"), "b": (80.5, "pA"), "V_peak": (0.0, "mV"), "V_reset": (-60.0, "mV"),
        "t_ref": (0.0, "ms", ">= 0"), "tau_syn_ex": (0.2, "ms", "> 0"), "tau_syn_in": (2.0, "ms", "> 0"), "I_e": (0.0, "pA"),
    },
    "name": "AdEx",
}  # fmt: skip

COBAHH: dict[str, Any] = {
    "text": """
        dv/dt = (gl*(El - v) + ge*(Ee - v) + gi*(Ei - v) -
                 g_na*(m*m*m)*h*(v - ENa) -
                 g_kd*(n*n*n*n)*(v - EK))/Cm : volt
        dm/dt = alpha_m*(1 - m) - beta_m*m : 1
        dn/dt = alpha_n*(1 - n) - beta_n*n : 1
        dh/dt = alpha_h*(1 - h) - beta_h*h : 1
        dge/dt = -ge*(1./taue) : siemens
        dgi/dt = -gi*(1./taui) : siemens
        alpha_m = 0.32*(mV**-1)*4*mV/exprel((13*mV - v + VT)/(4*mV))/ms : Hz
        beta_m = 0.28*(mV**-1)*5*mV/exprel((v - VT - 40*mV)/(5*mV))/ms : Hz
        alpha_h = 0.128*exp((17*mV - v + VT)/(18*mV))/ms : Hz
        beta_h = 4./(1 + exp((40*mV - v + VT)/(5*mV)))/ms : Hz
        alpha_n = 0.032*(mV**-1)*5*mV/exprel((15*mV - v + VT)/(5*mV))/ms : Hz
        beta_n = .5*exp((10*mV - v + VT)/(40*mV))/ms : Hz
    """,
    "threshold": "v > -20*mV",
    "refractory": 3.0,
    "receptors": {"ex": "ge += weight", "in": "gi += abs(weight)"},
    "parameters": {
        "gl": (10.0, "nS"), "El": (-60.0, "mV"), "Ee": (0.0, "mV"), "Ei": (-80.0, "mV"), "g_na": (20.0, "uS"), "g_kd": (6.0, "uS"),
        "ENa": (50.0, "mV"), "EK": (-90.0, "mV"), "Cm": (200.0, "pF"), "VT": (-63.0, "mV"), "taue": (5.0, "ms"), "taui": (10.0, "ms"),
    },
    "initial": {"v": "El + (randn()*5 - 5)*mV", "m": "alpha_m/(alpha_m + beta_m)"},
    "name": "COBAHH",
}  # fmt: skip
"""Brian2's example of a network of Hodgkin-Huxley neurons, as its documentation prints it."""

FLY: dict[str, Any] = {
    "text": """
        dv/dt = (v_0 - v + g)/t_mbr : volt (unless refractory)
        dg/dt = -g/tau : volt (unless refractory)
        v_0 : volt
    """,
    "threshold": "v > v_th",
    "reset": "v = v_rst; g = 0*mV",
    "refractory": "t_rfc",
    "receptors": {"ex": "g += weight"},
    "parameters": {
        "v_0": -52.0, "v_rst": (-52.0, "mV"), "v_th": (-45.0, "mV"), "t_mbr": (20.0, "ms"), "tau": (5.0, "ms"), "t_rfc": (2.2, "ms"),
    },
    "initial": {"v": "v_0"},
    "name": "Fly",
}  # fmt: skip
"""The whole fly brain (Shiu et al., Nature 2024)."""
