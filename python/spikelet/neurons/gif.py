"""Generalised integrate-and-fire neuron: a stochastic threshold, and any number of adaptation kernels."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Literal

from spikelet._util.checks import choice, fail
from spikelet.neurons.base import Values
from spikelet.neurons.equations.equations import Equations
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.neurons.equations.schemes import METHODS
from spikelet.neurons.synapses import synapses_of


def GIF(
    *,
    synapses: Literal["psc_exp", "cond_exp"] = "psc_exp",
    tau_stc: Sequence[Values] = (),
    q_stc: Sequence[Values] = (),
    tau_sfa: Sequence[Values] = (),
    q_sfa: Sequence[Values] = (),
    method: str = "auto",
    **parameters: Values,
) -> EquationsModel:
    r"""Generalised integrate-and-fire neuron (NEST ``gif_psc_exp``, ``gif_cond_exp``).

    .. math::

        C_m \dot V = -g_L (V - E_L) - \sum_k \eta_k + I_{syn} + I_e, \qquad
        \lambda = \lambda_0 \exp\frac{V - V_T^* - \sum_k \gamma_k}{\Delta_V}

    A neuron that is not refractory spikes in a step with the probability ``1 - exp(-lambda dt)``. A spike adds q_stc to the
    adaptation currents eta, q_sfa to the threshold elements gamma, and resets V_m; eta and gamma decay with
    their time constants.

    Parameters
    ----------
    synapses : {"psc_exp", "cond_exp"}
        Currents or conductances.
    tau_stc, q_stc : sequence of (float or array)
        Adaptation currents: time constants [ms] and increments [pA], one of each for each current; none by default.
    tau_sfa, q_sfa : sequence of (float or array)
        Threshold elements: time constants [ms] and increments [mV].
    method : str
        How V_m is integrated with conductances, as in ``spikelet.Equations``: "auto" is of order 2 and stable for any input,
        "rk4" of order 4. With currents everything is exact.
    C_m, g_L : float or array
        Capacitance, 80 pF; leak conductance, 4 nS.
    E_L, V_reset : float or array
        Resting potential, -70 mV; reset, -55 mV.
    V_T_star, Delta_V : float or array
        Threshold without adaptation, -35 mV; its sharpness, 0.5 mV.
    lambda_0 : float or array
        Rate of spikes at the threshold, 1 per second.
    t_ref : float or array
        Refractory period, 4 ms.
    I_e : float or array
        Constant current, 0 pA.
    tau_syn_ex, tau_syn_in : float or array
        Time constants of the synapses, 2 ms.
    E_ex, E_in : float or array
        Reversal potentials, 0 and -85 mV; only for "cond_exp".

    Returns
    -------
    EquationsModel
        A model, made by ``spikelet.Equations``. Its parameters are called ``tau_stc_1``, ``q_stc_1`` and so on.

    Raises
    ------
    ValueError
        If a sequence of time constants and its increments differ in length, if there are no such synapses or no such
        parameter, or if a value breaks its rule.

    Notes
    -----
    States: ``V_m`` [mV], ``stc_1``, ... [pA], ``sfa_1``, ... [mV], and ``I_syn_ex``, ``I_syn_in`` [pA] or ``g_ex``,
    ``g_in`` [nS]. NEST keeps the sum of the adaptation currents constant during a
    step, and lets an event of gif_psc_exp act one step earlier: it differs by terms of order dt.

    Mensi et al., J. Neurophysiol. 107 (2012), eqs. 1 to 3; Pozzorini et al., PLoS Comput. Biol. 11 (2015).
    """
    choice("GIF", "synapses", synapses, "psc_exp", "cond_exp")
    choice("GIF", "method", method, *METHODS)
    for name, taus, increments in (("stc", tau_stc, q_stc), ("sfa", tau_sfa, q_sfa)):
        for argument, given in ((f"tau_{name}", taus), (f"q_{name}", increments)):
            if isinstance(given, str) or not hasattr(given, "__len__"):
                rule = "must be a sequence with one value for each kernel"
                fail("GIF", argument, given, rule, error=TypeError)
        if len(taus) != len(increments):
            lengths = len(taus), len(increments)
            fail("GIF", f"tau_{name} and q_{name}", lengths, "must have the same length")
        for k, (tau, q) in enumerate(zip(taus, increments, strict=True), 1):
            parameters |= {f"tau_{name}_{k}": tau, f"q_{name}_{k}": q}
    return _equations(synapses, len(tau_stc), len(tau_sfa), method)(**parameters)


@functools.cache
def _equations(
    synapses: Literal["psc_exp", "cond_exp"], currents: int, elements: int, method: str
) -> Equations:
    s = synapses_of("GIF", synapses)
    stc = [f"stc_{k + 1}" for k in range(currents)]
    sfa = [f"sfa_{k + 1}" for k in range(elements)]
    units = dict.fromkeys(stc, "pA") | dict.fromkeys(sfa, "mV")
    kernels = "\n".join(f"d{x}/dt = -{x}/tau_{x} : {unit}" for x, unit in units.items())
    return Equations(
        f"""
        C_m*dV_m/dt = -g_L*(V_m - E_L) {"".join(f"- {x} " for x in stc)}{s.current} + I_e  (unless refractory)
        V_T = {" + ".join(["V_T_star", *sfa])}
        hazard = lambda_0/1000*exp((V_m - V_T)/Delta_V)
        {kernels}
        {s.equations}
        """,
        name="GIF",
        threshold="rand() < -expm1(-hazard*dt)",
        reset="; ".join(["V_m = V_reset", *(f"{x} += q_{x}" for x in units)]),
        refractory="t_ref",
        method=method,
        receptors=s.receptors,
        parameters={
            "C_m": (80.0, "pF", "> 0"),
            "g_L": (4.0, "nS", "> 0"),
            "E_L": (-70.0, "mV"),
            "V_reset": (-55.0, "mV"),
            "V_T_star": (-35.0, "mV"),
            "Delta_V": (0.5, "mV", "> 0"),
            "lambda_0": 1.0,
            "t_ref": (4.0, "ms", ">= 0"),
            "I_e": (0.0, "pA"),
            **s.parameters,
            "tau_syn_ex": (2.0, "ms", "> 0"),
            **{f"tau_{x}": (100.0, "ms", "> 0") for x in units},
            **{f"q_{x}": (0.0, unit) for x, unit in units.items()},
        },
    )
