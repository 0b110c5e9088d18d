"""Leaky integrate-and-fire neuron with NMDA receptors, which magnesium blocks at rest."""

from __future__ import annotations

import functools

from spikelet._util.checks import choice
from spikelet.neurons.base import Values
from spikelet.neurons.equations.equations import Equations
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.neurons.equations.schemes import METHODS
from spikelet.neurons.order import require_below


def LIFNMDA(*, method: str = "exponential_midpoint", **parameters: Values) -> EquationsModel:
    r"""Leaky integrate-and-fire neuron with AMPA, GABA and NMDA receptors (NEST ``iaf_bw_2001``).

    .. math::

        C_m \dot V = -g_L (V - E_L) - s_{AMPA} (V - E_{ex}) - s_{GABA} (V - E_{in})
            - \frac{s_{NMDA} (V - E_{ex})}{1 + [Mg^{2+}] e^{-0.062 V} / 3.57} + I_e

    An event adds the magnitude of its weight [nS] to the conductance of its receptor, "AMPA", "GABA" or "NMDA", which
    decays exponentially. The block of the NMDA receptor by magnesium is that of Jahr & Stevens.

    Parameters
    ----------
    method : str
        How V_m is integrated, as in ``spikelet.Equations``. The default is stable for any input; "rk4" is of order 4.
    C_m, g_L : float or array
        Capacitance, 500 pF; leak conductance, 25 nS.
    E_L, V_th, V_reset : float or array
        Resting potential, -70 mV; threshold, -55 mV; reset, -60 mV.
    t_ref : float or array
        Refractory period, 2 ms.
    E_ex, E_in : float or array
        Reversal potentials, 0 and -70 mV.
    tau_AMPA, tau_GABA, tau_decay_NMDA : float or array
        Time constants, 2, 5 and 100 ms.
    conc_Mg2 : float or array
        Concentration of magnesium, 1 mM; 0 removes the block.
    I_e : float or array
        Constant current, 0 pA.

    Returns
    -------
    EquationsModel
        A model, made by ``spikelet.Equations``. Connections and inputs name a receptor: ``net.connect(..., receptor="NMDA")``.

    Notes
    -----
    States: ``V_m`` [mV], ``s_AMPA``, ``s_GABA``, ``s_NMDA`` [nS].

    **Saturation.** In Brunel & Wang's network the NMDA gates of a source saturate: a spike adds ``k_0 + k_1 s`` to the
    gate s. That is short-term depression, exactly: connect with weight ``w k_0 / U`` and
    ``TsodyksMarkram(U=U, tau_rec=tau_decay_NMDA)``, where, for a gate with rise time tau_r and opening rate alpha,
    ``U = -k_1 = 1 - exp(-alpha tau_r)`` and ``k_0 = (alpha tau_r)**q * gamma(1 - q, alpha tau_r)`` with
    ``q = tau_r / tau_decay_NMDA`` and the lower incomplete gamma function
    (``scipy.special.gammainc(1 - q, x) * scipy.special.gamma(1 - q)``). NEST does the same inside its neuron.

    Brunel & Wang, J. Comput. Neurosci. 11 (2001), eqs. 1 to 9; Wang, Neuron 36 (2002); Jahr & Stevens, J. Neurosci. 10 (1990).
    """
    choice("LIFNMDA", "method", method, *METHODS)
    return require_below(_equations(method)(**parameters), "V_reset", "V_th")


@functools.cache
def _equations(method: str) -> Equations:
    return Equations(
        """
        open = 1/(1 + conc_Mg2*exp(-0.062*V_m)/3.57)
        C_m*dV_m/dt = -g_L*(V_m - E_L) + (s_AMPA + open*s_NMDA)*(E_ex - V_m) + s_GABA*(E_in - V_m) + I_e  (unless refractory)
        ds_AMPA/dt = -s_AMPA/tau_AMPA : nS
        ds_GABA/dt = -s_GABA/tau_GABA : nS
        ds_NMDA/dt = -s_NMDA/tau_decay_NMDA : nS
        """,
        name="LIFNMDA",
        threshold="V_m >= V_th",
        reset="V_m = V_reset",
        refractory="t_ref",
        method=method,
        receptors={x: f"s_{x} += abs(weight)" for x in ("AMPA", "GABA", "NMDA")},
        parameters={
            "C_m": (500.0, "pF", "> 0"),
            "g_L": (25.0, "nS", "> 0"),
            "E_L": (-70.0, "mV"),
            "V_th": (-55.0, "mV"),
            "V_reset": (-60.0, "mV"),
            "t_ref": (2.0, "ms", ">= 0"),
            "E_ex": (0.0, "mV"),
            "E_in": (-70.0, "mV"),
            "tau_AMPA": (2.0, "ms", "> 0"),
            "tau_GABA": (5.0, "ms", "> 0"),
            "tau_decay_NMDA": (100.0, "ms", "> 0"),
            "conc_Mg2": (1.0, "mM", ">= 0"),
            "I_e": (0.0, "pA"),
        },
    )
