"""Exponential integrate-and-fire neuron without adaptation."""

from __future__ import annotations

import functools

from spikelet._util.checks import choice
from spikelet.neurons.base import Values
from spikelet.neurons.equations.equations import Equations
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.neurons.equations.schemes import METHODS
from spikelet.neurons.order import require_below
from spikelet.neurons.synapses import SynapseKind, require_kind, synapses_of


def EIF(
    *, synapses: SynapseKind = "cond_exp", method: str = "rk2", **parameters: Values
) -> EquationsModel:
    r"""Exponential integrate-and-fire neuron (`AdEx` without adaptation).

    .. math:: C_m \dot V = -g_L (V - E_L) + g_L \Delta_T e^{(V - V_{th}) / \Delta_T} + I_{syn} + I_e

    Parameters
    ----------
    synapses : {"cond_exp", "cond_alpha", "psc_exp", "psc_alpha", "delta"}
        As in `AdEx`.
    method : str
        As in `AdEx`.
    C_m, g_L, E_L, V_th, V_peak, V_reset, t_ref, Delta_T, I_e, tau_syn_ex, tau_syn_in, E_ex, E_in : float or array
        As in `AdEx`, with the same defaults.

    Returns
    -------
    EquationsModel
        A model, made by ``spikelet.Equations``.

    Raises
    ------
    ValueError
        If there are no such synapses, if these have no such parameter, or if a value breaks its rule.

    Notes
    -----
    States: ``V_m`` [mV], and those of the synapses, as in `AdEx`.

    Fourcaud-Trocmé, Hansel, van Vreeswijk & Brunel, J. Neurosci. 23 (2003), eqs. 1 and 11. NEST: an aeif model with
    ``a = b = 0``.
    """
    require_kind("EIF", synapses)
    choice("EIF", "method", method, *METHODS)
    return require_below(_equations(synapses, method)(**parameters), "V_reset", "V_peak")


@functools.cache
def _equations(synapses: SynapseKind, method: str) -> Equations:
    s = synapses_of("EIF", synapses, "V")
    return Equations(
        f"""
        V = min(V_m, V_peak)
        I_spike = g_L*Delta_T*exp((V - V_th)/Delta_T)
        C_m*dV_m/dt = -g_L*(V - E_L) + I_spike {s.current} + I_e  (unless refractory)
        {s.equations}
        """,
        name="EIF",
        threshold="V_m >= V_peak",
        reset="V_m = V_reset",
        refractory="t_ref",
        method=method,
        receptors=s.receptors,
        parameters={
            "C_m": (281.0, "pF", "> 0"),
            "g_L": (30.0, "nS", "> 0"),
            "E_L": (-70.6, "mV"),
            "V_th": (-50.4, "mV"),
            "V_peak": (0.0, "mV"),
            "V_reset": (-60.0, "mV"),
            "t_ref": (0.0, "ms", ">= 0"),
            "Delta_T": (2.0, "mV", "> 0"),
            "I_e": (0.0, "pA"),
            **s.parameters,
        },
    )
