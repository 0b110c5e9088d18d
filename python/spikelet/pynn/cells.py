"""Standard cell types, in terms of the models of the network."""

from __future__ import annotations

from typing import Any, ClassVar

from pyNN import errors
from pyNN.standardmodels import build_translations, cells

from spikelet.neurons import LIF
from spikelet.pynn.native import Cells, Neurons
from spikelet.pynn.simulator import State

__all__ = ["IF_curr_exp"]

_MEMBRANE = (
    ("v_rest", "E_L"),
    ("v_reset", "V_reset"),
    ("tau_refrac", "t_ref"),
    ("v_thresh", "V_th"),
    ("i_offset", "I_e", 1000.0),
)
_TAU_SYN = (("tau_syn_E", "tau_syn_ex"), ("tau_syn_I", "tau_syn_in"))
_CURRENTS = {"v": "V_m", "isyn_exc": "I_syn_ex", "isyn_inh": "I_syn_in"}


class _Neuron:
    """What a cell type of neurons needs to be built.

    Attributes
    ----------
    model : callable
        Returns the model, given native parameters.
    fixed : dict
        Native parameters that PyNN does not have.
    variable_map : dict of str to str
        Native states, by PyNN's names.
    scale_factors : dict of str to float
        What native values are multiplied with, by PyNN's names; 1.0 if they are not there.
    weight_scale : float
        What PyNN's weights are multiplied with.
    receptors : dict of str to str
        Native receptors, by PyNN's names.
    """

    model: ClassVar[Any]
    fixed: ClassVar[dict[str, Any]] = {}
    variable_map: ClassVar[dict[str, str]] = {}
    scale_factors: ClassVar[dict[str, float]] = {}
    weight_scale: ClassVar[float] = 1000.0
    receptors: ClassVar[dict[str, str]] = {"excitatory": "ex", "inhibitory": "in"}

    def native_states(self, variable: str) -> tuple[str, ...]:
        """Return the native states that a variable is the sum of."""
        return (self.variable_map[variable],)

    def from_native(self, variable: str, values: list[Any]) -> Any:
        """Return a variable in PyNN's unit, given its native states."""
        return sum(values) * self.scale_factors.get(variable, 1.0)

    def check_variable(self, variable: str) -> None:
        """Check that a state can be set."""
        if variable not in self.variable_map:
            raise errors.NonExistentParameterError(variable, type(self).__name__, self.variable_map)

    def native_variable(self, variable: str) -> tuple[str, float]:
        """Return the name of a native state, and what its values are multiplied with."""
        return self.variable_map[variable], self.scale_factors.get(variable, 1.0)

    def build(self, state: State, size: int, parameters: dict[str, Any], label: str) -> Cells:
        """Add cells to the network, given native parameters."""
        return Neurons(state, size, type(self).model, {**self.fixed, **parameters}, label)


class IF_curr_exp(_Neuron, cells.IF_curr_exp):
    __doc__ = cells.IF_curr_exp.__doc__

    model = LIF
    translations = build_translations(
        *_MEMBRANE, ("cm", "C_m", 1000.0), ("tau_m", "tau_m"), *_TAU_SYN
    )
    variable_map = _CURRENTS
    scale_factors: ClassVar = {"isyn_exc": 1e-3, "isyn_inh": 1e-3}
    recordable: ClassVar = ["spikes", "v", "isyn_exc", "isyn_inh"]
