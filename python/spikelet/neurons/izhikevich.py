"""Izhikevich's neuron."""

from __future__ import annotations

import functools

from spikelet._util.checks import choice
from spikelet.neurons.base import Values
from spikelet.neurons.equations.equations import Equations
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.neurons.equations.schemes import METHODS
from spikelet.neurons.order import require_below


def Izhikevich(*, method: str = "rk4", **parameters: Values) -> EquationsModel:
    r"""Izhikevich's neuron (the model of NEST ``izhikevich``).

    .. math::

        \dot V &= 0.04 V^2 + 5 V + 140 - U + I_e \\
        \dot U &= a (b V - U)

    in mV and ms. A neuron spikes where V_m reaches V_th; then V_m becomes c, and d is added to U. An event adds its
    weight to V_m [mV].

    Parameters
    ----------
    method : str
        How it is integrated, as in ``spikelet.Equations``.
    a, b, c, d : float or array
        Rate of recovery, 0.02 per ms; its sensitivity to V_m, 0.2; reset, -65 mV; increment of U_m at a spike, 8.
    V_th : float or array
        Threshold, 30 mV.
    I_e : float or array
        Constant input, 0 mV/ms. `CurrentInput` and `NoiseInput` add to it: a pA counts as a mV/ms.

    Returns
    -------
    EquationsModel
        A model, made by ``spikelet.Equations``.

    Notes
    -----
    States: ``V_m`` [mV], ``U_m`` [mV/ms]. At the start V_m is -65 mV and U_m is ``b V_m``.

    Izhikevich, IEEE Trans. Neural Netw. 14 (2003), eqs. 1 to 3. NEST integrates by Euler's method, of order 1, and the
    original code by two half steps in V and one step in U, at dt = 1 ms: with such a step, each is another model.
    Here the order is 2 or more, so V(t) follows the equations; at dt = 0.1 ms, spikes differ from NEST's by a few ms.
    """
    choice("Izhikevich", "method", method, *METHODS)
    return require_below(_equations(method)(**parameters), "c", "V_th")


@functools.cache
def _equations(method: str) -> Equations:
    return Equations(
        """
        dV_m/dt = 0.04*V_m**2 + 5*V_m + 140 - U_m + I_e
        dU_m/dt = a*(b*V_m - U_m)
        """,
        name="Izhikevich",
        threshold="V_m >= V_th",
        reset="V_m = c; U_m += d",
        method=method,
        receptors={"ex": "V_m += weight"},
        parameters={"a": 0.02, "b": 0.2, "c": -65.0, "d": 8.0, "V_th": (30.0, "mV"), "I_e": 0.0},
        initial={"V_m": -65.0, "U_m": "b*V_m"},
    )
