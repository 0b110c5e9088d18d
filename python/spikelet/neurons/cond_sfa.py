"""Leaky integrate-and-fire neuron with conductances for adaptation and relative refractoriness."""

from __future__ import annotations

import functools

from spikelet._util.checks import choice
from spikelet.neurons.base import Values
from spikelet.neurons.equations.equations import Equations
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.neurons.equations.schemes import METHODS
from spikelet.neurons.order import require_below
from spikelet.neurons.synapses import synapses_of


def LIFCondSFA(*, method: str = "exponential_midpoint", **parameters: Values) -> EquationsModel:
    r"""`LIFCond` with spike-frequency adaptation and relative refractoriness (NEST ``iaf_cond_exp_sfa_rr``).

    .. math::

        C_m \dot V = -g_L (V - E_L) - g_{ex} (V - E_{ex}) - g_{in} (V - E_{in})
            - g_{sfa} (V - E_{sfa}) - g_{rr} (V - E_{rr}) + I_e

    A spike adds q_sfa to g_sfa and q_rr to g_rr; all four conductances decay exponentially.

    Parameters
    ----------
    method : str
        How V_m is integrated, as in ``spikelet.Equations``. The default is stable for any input; "rk4" is of order 4.
    C_m, g_L : float or array
        Capacitance, 289.5 pF; leak conductance, 28.95 nS.
    E_L, V_th, V_reset : float or array
        Resting potential, -70 mV; threshold, -57 mV; reset, -70 mV.
    t_ref : float or array
        Refractory period, 0.5 ms.
    E_ex, E_in, tau_syn_ex, tau_syn_in : float or array
        Synapses: reversal potentials, 0 and -75 mV; time constants, 1.5 and 10 ms.
    E_sfa, q_sfa, tau_sfa : float or array
        Adaptation: reversal potential, -70 mV; increment, 14.48 nS; time constant, 110 ms.
    E_rr, q_rr, tau_rr : float or array
        Relative refractoriness: -70 mV, 3214 nS, 1.97 ms.
    I_e : float or array
        Constant current, 0 pA.

    Returns
    -------
    EquationsModel
        A model, made by ``spikelet.Equations``.

    Notes
    -----
    States: ``V_m`` [mV], ``g_ex``, ``g_in``, ``g_sfa``, ``g_rr`` [nS].

    Dayan & Abbott, Theoretical Neuroscience (2001), eq. 5.15; parameters of Muller, Buesing, Schemmel & Meier, Neural
    Comput. 19 (2007). PyNN: IF_cond_exp_gsfa_grr.
    """
    choice("LIFCondSFA", "method", method, *METHODS)
    return require_below(_equations(method)(**parameters), "V_reset", "V_th")


@functools.cache
def _equations(method: str) -> Equations:
    s = synapses_of("LIFCondSFA", "cond_exp")
    return Equations(
        f"""
        I_sfa = g_sfa*(E_sfa - V_m) + g_rr*(E_rr - V_m)
        C_m*dV_m/dt = -g_L*(V_m - E_L) {s.current} + I_sfa + I_e  (unless refractory)
        {s.equations}
        dg_sfa/dt = -g_sfa/tau_sfa : nS
        dg_rr/dt = -g_rr/tau_rr : nS
        """,
        name="LIFCondSFA",
        threshold="V_m >= V_th",
        reset="V_m = V_reset; g_sfa += q_sfa; g_rr += q_rr",
        refractory="t_ref",
        method=method,
        receptors=s.receptors,
        parameters={
            "C_m": (289.5, "pF", "> 0"),
            "g_L": (28.95, "nS", "> 0"),
            "E_L": (-70.0, "mV"),
            "V_th": (-57.0, "mV"),
            "V_reset": (-70.0, "mV"),
            "t_ref": (0.5, "ms", ">= 0"),
            "I_e": (0.0, "pA"),
            "E_ex": (0.0, "mV"),
            "E_in": (-75.0, "mV"),
            "tau_syn_ex": (1.5, "ms", "> 0"),
            "tau_syn_in": (10.0, "ms", "> 0"),
            "E_sfa": (-70.0, "mV"),
            "q_sfa": (14.48, "nS", ">= 0"),
            "tau_sfa": (110.0, "ms", "> 0"),
            "E_rr": (-70.0, "mV"),
            "q_rr": (3214.0, "nS", ">= 0"),
            "tau_rr": (1.97, "ms", "> 0"),
        },
    )
