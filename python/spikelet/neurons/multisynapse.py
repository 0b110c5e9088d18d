"""Leaky integrate-and-fire neuron with any number of synaptic time constants."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from spikelet._util.checks import fail
from spikelet.neurons.base import Values
from spikelet.neurons.equations.equations import Equations
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.neurons.order import require_below


def LIFMultisynapse(
    *, tau_syn: Mapping[str, Values] | Sequence[Values], **parameters: Values
) -> EquationsModel:
    r"""`LIF` with one receptor for each synaptic time constant (NEST ``iaf_psc_exp_multisynapse``).

    .. math:: C_m \dot V = -\frac{C_m}{\tau_m} (V - E_L) + \sum_k I_{syn,k} + I_e, \qquad
        \dot I_{syn,k} = -I_{syn,k} / \tau_{syn,k}

    Integration is exact, also where time constants are equal.

    Parameters
    ----------
    tau_syn : dict of str to (float or array), or sequence of (float or array)
        Time constant [ms] of each receptor, by name: ``{"ampa": 2.0, "gaba": 8.0}``. A sequence names them ``syn_1``,
        ``syn_2`` and so on.
    tau_m, C_m : float or array
        Membrane time constant, 10 ms; capacitance, 250 pF.
    E_L, V_th, V_reset : float or array
        Resting potential, -70 mV; threshold, -55 mV; reset, -70 mV.
    t_ref : float or array
        Refractory period, 2 ms.
    I_e : float or array
        Constant current, 0 pA.

    Returns
    -------
    EquationsModel
        A model, made by ``spikelet.Equations``. Its parameters are called ``tau_syn_ampa`` and so on, for a sequence
        ``tau_syn_1``. Connections and inputs name a receptor: ``net.connect(..., receptor="ampa")``.

    Raises
    ------
    ValueError
        If there is no receptor, or if a name or a value breaks its rule.

    Notes
    -----
    States: ``V_m`` [mV], and ``I_syn_ampa`` and so on, for a sequence ``I_syn_1`` [pA].
    """
    if isinstance(tau_syn, Mapping):
        names = {str(name): str(name) for name in tau_syn}
        values = list(tau_syn.values())
    else:
        if isinstance(tau_syn, str) or not hasattr(tau_syn, "__len__"):
            rule = "must be a sequence or a dictionary with one time constant for each receptor"
            fail("LIFMultisynapse", "tau_syn", tau_syn, rule, error=TypeError)
        values = list(tau_syn)
        names = {f"syn_{k + 1}": str(k + 1) for k in range(len(values))}
    if not names:
        fail("LIFMultisynapse", "tau_syn", tau_syn, "must have at least one time constant")
    taus = {f"tau_syn_{x}": tau for x, tau in zip(names.values(), values, strict=True)}
    return require_below(_equations(tuple(names.items()))(**taus, **parameters), "V_reset", "V_th")


@functools.lru_cache(maxsize=64)
def _equations(receptors: tuple[tuple[str, str], ...]) -> Equations:
    currents = [f"I_syn_{x}" for _, x in receptors]
    decays = "\n".join(f"dI_syn_{x}/dt = -I_syn_{x}/tau_syn_{x} : pA" for _, x in receptors)
    return Equations(
        f"""
        C_m*dV_m/dt = -C_m/tau_m*(V_m - E_L) + {" + ".join(currents)} + I_e  (unless refractory)
        {decays}
        """,
        name="LIFMultisynapse",
        threshold="V_m >= V_th",
        reset="V_m = V_reset",
        refractory="t_ref",
        receptors={receptor: f"I_syn_{x} += weight" for receptor, x in receptors},
        parameters={
            "tau_m": (10.0, "ms", "> 0"),
            "C_m": (250.0, "pF", "> 0"),
            "E_L": (-70.0, "mV"),
            "V_th": (-55.0, "mV"),
            "V_reset": (-70.0, "mV"),
            "t_ref": (2.0, "ms", ">= 0"),
            "I_e": (0.0, "pA"),
            **{f"tau_syn_{x}": (2.0, "ms", "> 0") for _, x in receptors},
        },
    )
