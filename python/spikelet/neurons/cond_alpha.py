"""Leaky integrate-and-fire neurons with conductances, beyond `LIFCond`."""

from __future__ import annotations

import functools

from spikelet._util.checks import choice
from spikelet.neurons.base import Values
from spikelet.neurons.equations.equations import Equations
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.neurons.equations.schemes import METHODS
from spikelet.neurons.order import require_below
from spikelet.neurons.synapses import synapses_of


def LIFCondAlpha(*, method: str = "rk4", **parameters: Values) -> EquationsModel:
    r"""Leaky integrate-and-fire neuron with alpha-shaped conductances (NEST ``iaf_cond_alpha``).

    .. math:: C_m \dot V = -g_L (V - E_L) - g_{ex} (V - E_{ex}) - g_{in} (V - E_{in}) + I_e

    An event of weight w adds ``|w| (t/tau) exp(1 - t/tau)`` to the conductance of its receptor: the weight is the peak [nS].

    Parameters
    ----------
    method : str
        How V_m is integrated, as in ``spikelet.Equations``. "rk4" needs ``g dt / C_m < 2.7`` for the sum g of all conductances;
        "exponential_midpoint", of order 2, is stable for any input.
    C_m, g_L : float or array
        Capacitance, 250 pF; leak conductance, 16.6667 nS.
    E_L, V_th, V_reset : float or array
        Resting potential, -70 mV; threshold, -55 mV; reset, -60 mV.
    t_ref : float or array
        Refractory period, 2 ms.
    E_ex, E_in : float or array
        Reversal potentials, 0 and -85 mV.
    tau_syn_ex, tau_syn_in : float or array
        Times of the peaks, 0.2 and 2 ms.
    I_e : float or array
        Constant current, 0 pA.

    Returns
    -------
    EquationsModel
        A model, made by ``spikelet.Equations``.

    Notes
    -----
    States: ``V_m`` [mV], ``g_ex``, ``g_in`` [nS], and ``dg_ex``, ``dg_in``: the decaying sums of the weights [nS].
    The conductances are exact. PyNN: IF_cond_alpha.
    """
    choice("LIFCondAlpha", "method", method, *METHODS)
    return require_below(_equations(method)(**parameters), "V_reset", "V_th")


@functools.cache
def _equations(method: str) -> Equations:
    s = synapses_of("LIFCondAlpha", "cond_alpha")
    return Equations(
        f"""
        C_m*dV_m/dt = -g_L*(V_m - E_L) {s.current} + I_e  (unless refractory)
        {s.equations}
        """,
        name="LIFCondAlpha",
        threshold="V_m >= V_th",
        reset="V_m = V_reset",
        refractory="t_ref",
        method=method,
        receptors=s.receptors,
        parameters={
            "C_m": (250.0, "pF", "> 0"),
            "g_L": (16.6667, "nS", "> 0"),
            "E_L": (-70.0, "mV"),
            "V_th": (-55.0, "mV"),
            "V_reset": (-60.0, "mV"),
            "t_ref": (2.0, "ms", ">= 0"),
            "I_e": (0.0, "pA"),
            **s.parameters,
        },
    )
