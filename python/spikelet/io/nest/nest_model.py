"""Make a model from a NEST model name and parameter dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikelet._util.checks import fail, magnitude, named
from spikelet._util.spelling import spelled
from spikelet.neurons import NeuronModel
from spikelet.neurons.nest_names import model_of_nest

__all__ = ["nest_model"]


@spelled
def nest_model(
    name: str, parameters: Mapping[str, Any] | None = None
) -> tuple[NeuronModel, dict[str, Any]]:
    """Return the model for a NEST model name and parameter dictionary, and the initial states in that dictionary.

    NEST mixes parameters and states (``V_m``), and keeps some of its synapses' parameters in the neuron (``tau_minus``, which
    is ignored: give it to the plasticity rule).

    Parameters
    ----------
    name : str
        NEST's name of the model, such as "iaf_psc_exp".
    parameters : mapping of str to (float or array), optional
        Parameters and states in NEST's names and units, or what ``nest.GetStatus`` returns.

    Returns
    -------
    model : NeuronModel
        For `Network.population`.
    states : dict of str to (float or array)
        Initial states, to be set on the population.

    Raises
    ------
    ValueError
        If spikelet has no such model or parameter; the message names the nearest.
    TypeError
        If `name` is not a string or `parameters` is not a mapping.

    Examples
    --------
    >>> import numpy as np
    >>> import spikelet as sl
    >>> model, states = sl.io.nest_model("iaf_psc_exp", {"tau_m": 20.0, "V_m": -65.0, "tau_minus": 20.0})
    >>> net = sl.Network()
    >>> cells = net.population(10, model)
    >>> for state, values in states.items():
    ...     setattr(cells, state, values)
    >>> float(np.mean(cells.V_m))
    -65.0
    """
    if not isinstance(name, str):
        fail(
            "nest_model",
            "name",
            name,
            "must be the name of a NEST model, such as 'iaf_psc_exp'",
            error=TypeError,
        )
    if parameters is not None and not isinstance(parameters, Mapping):
        fail("nest_model", "parameters", parameters, "must be a mapping", error=TypeError)
    for parameter, value in (parameters or {}).items():
        with named(f"nest_model: {parameter}"):
            magnitude(value, "")  # numbers in NEST's units; a unit would be lost
    model, states = model_of_nest("nest_model", name, dict(parameters or {}))
    return model, {state: np.asarray(value)[()] for state, value in states.items()}
