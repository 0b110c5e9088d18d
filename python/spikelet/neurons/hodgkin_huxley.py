"""Neurons with the sodium and potassium channels of Hodgkin and Huxley."""

from __future__ import annotations

import functools
from typing import Literal, TypeAlias

from spikelet._util.checks import choice
from spikelet.neurons.base import Values
from spikelet.neurons.equations.equations import Equations
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.neurons.equations.schemes import METHODS
from spikelet.neurons.synapses import SynapseKind, require_kind, synapses_of

Channels: TypeAlias = Literal["squid", "traub"]


def HodgkinHuxley(
    *,
    channels: Channels = "squid",
    synapses: SynapseKind | None = None,
    method: str = "exponential_midpoint",
    **parameters: Values,
) -> EquationsModel:
    r"""Neuron with sodium and potassium channels (NEST ``hh_psc_alpha``, ``hh_cond_exp_traub``).

    .. math::

        C_m \dot V = -g_{Na} m^3 h (V - E_{Na}) - g_K n^4 (V - E_K) - g_L (V - E_L) + I_{syn} + I_e, \qquad
        \dot x = \alpha_x(V) (1 - x) - \beta_x(V) x

    for the gates m, h and n. A neuron spikes at the end of the first step at which V_m lies above 0 mV (Traub: V_T + 30 mV)
    and falls; it does not spike again for t_ref. Nothing is reset.

    Parameters
    ----------
    channels : {"squid", "traub"}
        The squid's giant axon, or the hippocampal pyramidal cell of Traub & Miles as in Brette et al. (2007).
    synapses : {"cond_exp", "cond_alpha", "psc_exp", "psc_alpha", "delta"}, optional
        As in `AdEx`; by default "psc_alpha" for "squid" and "cond_exp" for "traub", the combinations that NEST has.
    method : str
        How V_m and the gates are integrated, as in ``spikelet.Equations``. Runge-Kutta methods need dt < 0.05 ms.
    g_Na, g_K, g_L : float or array
        Conductances, 12000, 3600 and 30 nS; Traub: 20000, 6000 and 10 nS.
    E_Na, E_K, E_L : float or array
        Reversal potentials, 50, -77 and -54.402 mV; Traub: 50, -90 and -60 mV.
    C_m : float or array
        Capacitance, 100 pF; Traub: 200 pF.
    V_T : float or array
        Shifts the gates of "traub" along V, -63 mV.
    t_ref : float or array
        Time after a spike during which there is no other, 2 ms.
    I_e : float or array
        Constant current, 0 pA.
    tau_syn_ex, tau_syn_in : float or array
        Time constants of the synapses, 0.2 and 2 ms; Traub: 5 and 10 ms; not for "delta".
    E_ex, E_in : float or array
        Reversal potentials, 0 and -85 mV; Traub: 0 and -80 mV; only for conductances.

    Returns
    -------
    EquationsModel
        A model, made by ``spikelet.Equations``.

    Raises
    ------
    ValueError
        If there are no such channels or synapses, if these have no such parameter, or if a value breaks its rule.

    Notes
    -----
    States: ``V_m`` [mV], ``Act_m``, ``Inact_h``, ``Act_n``, and those of the synapses, as in `AdEx`. At the start V_m is
    -65 mV (Traub: E_L) and the gates are at equilibrium. NEST compares V_m with its value one step before, so its spike
    can be one step later.

    Hodgkin & Huxley, J. Physiol. 117 (1952); Traub & Miles, Neuronal Networks of the Hippocampus (1991); Brette et al.,
    J. Comput. Neurosci. 23 (2007), appendix B. PyNN: HH_cond_exp is "traub".
    """
    choice("HodgkinHuxley", "channels", channels, "squid", "traub")
    if synapses is None:
        synapses = "cond_exp" if channels == "traub" else "psc_alpha"
    require_kind("HodgkinHuxley", synapses)
    choice("HodgkinHuxley", "method", method, *METHODS)
    return _equations(channels, synapses, method)(**parameters)


_SQUID = """
    alpha_m = 1/exprel(-(V_m + 40)/10)
    beta_m = 4*exp(-(V_m + 65)/18)
    alpha_h = 0.07*exp(-(V_m + 65)/20)
    beta_h = 1/(1 + exp(-(V_m + 35)/10))
    alpha_n = 0.1/exprel(-(V_m + 55)/10)
    beta_n = 0.125*exp(-(V_m + 65)/80)
"""
_TRAUB = """
    v = V_m - V_T
    alpha_m = 1.28/exprel((13 - v)/4)
    beta_m = 1.4/exprel((v - 40)/5)
    alpha_h = 0.128*exp((17 - v)/18)
    beta_h = 4/(1 + exp((40 - v)/5))
    alpha_n = 0.16/exprel((15 - v)/5)
    beta_n = 0.5*exp((10 - v)/40)
"""


@functools.cache
def _equations(channels: Channels, synapses: SynapseKind, method: str) -> Equations:
    s, traub = synapses_of("HodgkinHuxley", synapses, held=False), channels == "traub"
    own = {
        "C_m": (200.0 if traub else 100.0, "pF", "> 0"),
        "g_Na": (20000.0 if traub else 12000.0, "nS", ">= 0"),
        "g_K": (6000.0 if traub else 3600.0, "nS", ">= 0"),
        "g_L": (10.0 if traub else 30.0, "nS", ">= 0"),
        "E_Na": (50.0, "mV"),
        "E_K": (-90.0 if traub else -77.0, "mV"),
        "E_L": (-60.0 if traub else -54.402, "mV"),
        **({"V_T": (-63.0, "mV")} if traub else {}),
        "t_ref": (2.0, "ms", ">= 0"),
        "I_e": (0.0, "pA"),
    }
    slower = {"tau_syn_ex": 5.0, "tau_syn_in": 10.0, "E_in": -80.0} if traub else {}
    of_synapses = {
        name: (slower.get(name, default), *rest) for name, (default, *rest) in s.parameters.items()
    }
    gates = {"Act_m": "m", "Inact_h": "h", "Act_n": "n"}
    return Equations(
        f"""
        C_m*dV_m/dt = I_m
        I_m = g_Na*Act_m**3*Inact_h*(E_Na - V_m) + g_K*Act_n**4*(E_K - V_m) + g_L*(E_L - V_m) {s.current} + I_e
        dAct_m/dt = alpha_m*(1 - Act_m) - beta_m*Act_m : 1
        dInact_h/dt = alpha_h*(1 - Inact_h) - beta_h*Inact_h : 1
        dAct_n/dt = alpha_n*(1 - Act_n) - beta_n*Act_n : 1
        {s.equations}
        {_TRAUB if traub else _SQUID}
        """,
        name="HodgkinHuxley",
        threshold=f"V_m >= {'V_T + 30' if traub else '0'} and I_m < 0",
        refractory="t_ref",
        method=method,
        receptors=s.receptors,
        parameters={**own, **of_synapses},
        initial={"V_m": "E_L" if traub else -65.0}
        | {gate: f"alpha_{x}/(alpha_{x} + beta_{x})" for gate, x in gates.items()},
    )
