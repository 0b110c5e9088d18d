"""Exponential integrate-and-fire neuron with adaptation: NEST's aeif models, PyNN's EIF_..._isfa_ista."""

from __future__ import annotations

import functools

from spikelet._util.checks import choice
from spikelet.neurons.base import Values
from spikelet.neurons.equations.equations import Equations
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.neurons.equations.schemes import METHODS
from spikelet.neurons.order import require_below
from spikelet.neurons.synapses import SynapseKind, require_kind, synapses_of


def AdEx(
    *, synapses: SynapseKind = "cond_exp", method: str = "rk2", **parameters: Values
) -> EquationsModel:
    r"""Adaptive exponential integrate-and-fire neuron (NEST ``aeif_cond_exp`` and its relatives).

    .. math::

        C_m \dot V &= -g_L (V - E_L) + g_L \Delta_T e^{(V - V_{th}) / \Delta_T} - w + I_{syn} + I_e \\
        \tau_w \dot w &= a (V - E_L) - w

    A neuron spikes where V_m reaches V_peak; then V_m becomes V_reset, and b is added to w. Everywhere in the equations
    V is V_m, but at most V_peak, as in NEST, so the upstroke stays finite.

    Parameters
    ----------
    synapses : {"cond_exp", "cond_alpha", "psc_exp", "psc_alpha", "delta"}
        Conductances or currents, decaying exponentially or as alpha functions whose peak is the weight, or steps of V_m:
        ``aeif_cond_exp``, ``aeif_cond_alpha``, ``aeif_psc_exp``, ``aeif_psc_alpha``, ``aeif_psc_delta``.
    method : str
        How V_m and w are integrated, as in ``spikelet.Equations``: "rk2", or "rk4" for more accuracy at twice the cost.
    C_m, g_L : float or array
        Capacitance, 281 pF; leak conductance, 30 nS.
    E_L, V_th, V_peak, V_reset : float or array
        Resting potential, -70.6 mV; potential at which the upstroke begins, -50.4 mV; threshold, 0 mV; reset, -60 mV.
    t_ref : float or array
        Refractory period, 0 ms.
    Delta_T : float or array
        Slope factor, 2 mV.
    a, b, tau_w : float or array
        Subthreshold adaptation, 4 nS; increment at a spike, 80.5 pA; time constant, 144 ms.
    I_e : float or array
        Constant current, 0 pA.
    tau_syn_ex, tau_syn_in : float or array
        Time constants of the synapses, 0.2 and 2 ms; not for "delta".
    E_ex, E_in : float or array
        Reversal potentials, 0 and -85 mV; only for "cond_exp" and "cond_alpha".

    Returns
    -------
    EquationsModel
        A model, made by ``spikelet.Equations``.

    Raises
    ------
    ValueError
        If there are no such synapses, if these have no such parameter, or if a value breaks its rule.

    See Also
    --------
    EIF : without adaptation.

    Notes
    -----
    States: ``V_m`` [mV], ``w`` [pA]; those of the synapses: ``g_ex``, ``g_in`` [nS] or ``I_syn_ex``, ``I_syn_in`` [pA],
    and ``dg_ex`` or ``dI_syn_ex`` and so on, the decaying sums of the weights, for alpha functions. An inhibitory
    current is negative here, as in `LIF`; NEST's aeif_psc models record its magnitude. NEST resets within a step and
    integrates the rest of it; here a spike and its reset are at the end of the step.

    Brette & Gerstner, J. Neurophysiol. 94 (2005), eqs. 1 to 3. PyNN: EIF_cond_exp_isfa_ista, EIF_cond_alpha_isfa_ista.
    """
    require_kind("AdEx", synapses)
    choice("AdEx", "method", method, *METHODS)
    return require_below(_equations(synapses, method)(**parameters), "V_reset", "V_peak")


@functools.cache
def _equations(synapses: SynapseKind, method: str) -> Equations:
    s = synapses_of("AdEx", synapses, "V")
    return Equations(
        f"""
        V = min(V_m, V_peak)
        I_spike = g_L*Delta_T*exp((V - V_th)/Delta_T)
        C_m*dV_m/dt = -g_L*(V - E_L) + I_spike - w {s.current} + I_e  (unless refractory)
        tau_w*dw/dt = a*(V - E_L) - w : pA
        {s.equations}
        """,
        name="AdEx",
        threshold="V_m >= V_peak",
        reset="V_m = V_reset; w += b",
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
            "a": (4.0, "nS"),
            "b": (80.5, "pA"),
            "tau_w": (144.0, "ms", "> 0"),
            "I_e": (0.0, "pA"),
            **s.parameters,
        },
    )
