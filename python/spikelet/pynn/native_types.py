"""Cell types of any model of the package, beside PyNN's standard ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from pyNN import errors
from pyNN.models import BaseCellType

from spikelet import neurons
from spikelet.neurons import Equations, NeuronModel
from spikelet.pynn.native import Cells, Neurons, Translated
from spikelet.pynn.simulator import State

__all__ = ["NativeCellType", "native_cell_type"]

_SCALED = ("pA", "nS")  # units of weights that PyNN has in nA and uS


class NativeCellType(Translated, BaseCellType):
    """Base of the cell types that `native_cell_type` makes: names and units are those of the model.

    Attributes
    ----------
    template : NeuronModel
        The model with its default parameters.
    """

    template: ClassVar[NeuronModel]
    always_local = False

    def build(self, state: State, size: int, parameters: dict[str, Any], label: str) -> Cells:
        """Add cells to the network."""
        return Neurons(state, size, type(self).template.replace, parameters, label)


def native_cell_type(
    model: str | NeuronModel | Equations | Callable[[], NeuronModel],
) -> type[NativeCellType]:
    """Return a cell type of a model of the package.

    Parameters
    ----------
    model : str, NeuronModel, Equations or callable
        The name of a ready-made model ("LIFNMDA"), a model, whose parameters become the defaults, or a text model.

    Returns
    -------
    type
        A cell type. Its parameters, states and their units are those of the model (pF, pA, nS, mV, ms). Its receptors
        "ex" and "in" are called "excitatory" and "inhibitory". Weights are in nA or uS, as with standard types, where
        the model has pA or nS, and otherwise as the model has them.

    Raises
    ------
    pyNN.errors.NoModelAvailableError
        If there is no model of this name.
    TypeError, ValueError
        If `model` is nothing of the above, or has parameters with one value for each neuron.

    Examples
    --------
    >>> import spikelet.pynn as sim
    >>> sim.native_cell_type("LIFNMDA").get_parameter_names()[:2]
    ['C_m', 'g_L']
    """
    template = _template(model)
    arrays = [name for name in template.parameters() if np.ndim(getattr(template, name))]
    if arrays:
        msg = f"native_cell_type: defaults must be single numbers; {', '.join(arrays)} has one for each neuron"
        raise ValueError(msg)
    names = {"ex": "excitatory", "in": "inhibitory"}
    receptors = {
        names[x] if set(template.receptors) <= set(names) else x: x for x in template.receptors
    }
    if tuple(receptors) == ("excitatory",):
        receptors["inhibitory"] = receptors["excitatory"]
    units = {state: template.state(state).unit or "dimensionless" for state in template.states}
    about = {
        "__doc__": f"A native cell type, of {template!r}.",
        "template": template,
        "default_parameters": {name: getattr(template, name) for name in template.parameters()},
        "recordable": ["spikes", *template.states],
        "units": {**template.units(), **units},
        "variable_map": {state: state for state in template.states},
        "receptor_types": tuple(receptors),
        "receptors": receptors,
        "injectable": template.current is not None,
        "conductance_based": template.conductance,
        "weight_scale": 1000.0 if template.weight_unit in _SCALED else 1.0,
    }
    return type(type(template).__name__, (NativeCellType,), about)


def _template(model: Any) -> NeuronModel:
    if isinstance(model, NeuronModel):
        return model
    if isinstance(model, str):
        found = getattr(neurons, model, None) if model in neurons.__all__ else None
        if found is None or model in ("Equations", "IntegrateAndFire", "NeuronModel"):
            known = sorted(set(neurons.__all__) - {"Equations", "IntegrateAndFire", "NeuronModel"})
            msg = f"native_cell_type: there is no model {model!r}; there are: {', '.join(known)}"
            raise errors.NoModelAvailableError(msg)
        model = found
    made = model() if callable(model) else None
    if not isinstance(made, NeuronModel):
        msg = f"native_cell_type: model must be a name, a neuron model or Equations, got {model!r}"
        raise TypeError(msg)
    return made
