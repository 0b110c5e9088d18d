"""Standard cell types of neurons, in terms of the models of the network."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from pyNN import errors
from pyNN.parameters import ArrayParameter
from pyNN.standardmodels import build_translations, cells

from spikelet import neurons
from spikelet.neurons.synapses import SynapseKind, synapses_of
from spikelet.pynn.native import Cells, Neurons, Translated, native_errors
from spikelet.pynn.simulator import State

__all__ = [
    "EIF_cond_alpha_isfa_ista",
    "EIF_cond_exp_isfa_ista",
    "GIF_cond_exp",
    "HH_cond_exp",
    "IF_cond_alpha",
    "IF_cond_exp",
    "IF_cond_exp_gsfa_grr",
    "IF_curr_alpha",
    "IF_curr_delta",
    "IF_curr_exp",
    "IF_facets_hardware1",
    "Izhikevich",
]

MEMBRANE = (
    ("v_rest", "E_L"),
    ("v_reset", "V_reset"),
    ("v_thresh", "V_th"),
    ("tau_refrac", "t_ref"),
    ("i_offset", "I_e", 1000.0),  # nA -> pA
)
LEAK = (("cm", "C_m", 1000.0), ("tau_m", "tau_m"))  # nF -> pF
LEAK_CONDUCTANCE = (  # cm is "computed", too: a new one leaves tau_m as it is
    ("cm", "C_m", "1000.0*cm", "0.001*C_m"),
    ("tau_m", "g_L", "1000.0*cm/tau_m", "C_m/g_L"),
)
_TAU_SYN = (("tau_syn_E", "tau_syn_ex"), ("tau_syn_I", "tau_syn_in"))
_REVERSAL = (("e_rev_E", "E_ex"), ("e_rev_I", "E_in"))
ADEX = (
    *MEMBRANE,
    *LEAK_CONDUCTANCE,
    ("v_spike", "V_peak"),
    ("a", "a"),  # nS
    ("b", "b", 1000.0),  # nA -> pA
    ("delta_T", "Delta_T"),
    ("tau_w", "tau_w"),
)

_CURRENTS = {"v": "V_m", "isyn_exc": "I_syn_ex", "isyn_inh": "I_syn_in"}
_CONDUCTANCES = {"v": "V_m", "gsyn_exc": "g_ex", "gsyn_inh": "g_in"}
_MILLI = {"isyn_exc": 1e-3, "isyn_inh": 1e-3, "gsyn_exc": 1e-3, "gsyn_inh": 1e-3, "w": 1e-3}


class _Neuron(Translated):
    """A cell type of neurons.

    Attributes
    ----------
    model : callable
        Returns the model, given native parameters.
    fixed : dict
        Native parameters that PyNN does not have.
    """

    model: ClassVar[Callable[..., neurons.NeuronModel]]
    fixed: ClassVar[Mapping[str, Any]] = {}
    receptors: ClassVar[Mapping[str, str]] = {"excitatory": "ex", "inhibitory": "in"}
    scale_factors: ClassVar[Mapping[str, float]] = _MILLI

    def build(self, state: State, size: int, parameters: dict[str, Any], label: str) -> Cells:
        """Add cells to the network, given native parameters."""
        return Neurons(state, size, type(self).model, {**self.fixed, **parameters}, label)


class IF_curr_exp(_Neuron, cells.IF_curr_exp):
    __doc__ = cells.IF_curr_exp.__doc__

    model = neurons.LIF
    translations = build_translations(*MEMBRANE, *LEAK, *_TAU_SYN)
    variable_map = _CURRENTS
    recordable: ClassVar = ["spikes", "v", "isyn_exc", "isyn_inh"]


class IF_curr_alpha(_Neuron, cells.IF_curr_alpha):
    __doc__ = cells.IF_curr_alpha.__doc__

    model = neurons.LIFAlpha
    translations = build_translations(*MEMBRANE, *LEAK, *_TAU_SYN)
    variable_map = _CURRENTS
    recordable: ClassVar = ["spikes", "v", "isyn_exc", "isyn_inh"]


class IF_curr_delta(_Neuron, cells.IF_curr_delta):
    __doc__ = cells.IF_curr_delta.__doc__

    model = neurons.LIFDelta
    translations = build_translations(*MEMBRANE, *LEAK)
    variable_map: ClassVar = {"v": "V_m"}
    receptors: ClassVar = {"excitatory": "ex", "inhibitory": "ex"}
    weight_scale = 1.0  # mV


class IF_cond_exp(_Neuron, cells.IF_cond_exp):
    __doc__ = cells.IF_cond_exp.__doc__

    model = neurons.LIFCond
    translations = build_translations(*MEMBRANE, *LEAK_CONDUCTANCE, *_TAU_SYN, *_REVERSAL)
    variable_map = _CONDUCTANCES


class IF_cond_alpha(_Neuron, cells.IF_cond_alpha):
    __doc__ = cells.IF_cond_alpha.__doc__

    model = neurons.LIFCondAlpha
    translations = build_translations(*MEMBRANE, *LEAK_CONDUCTANCE, *_TAU_SYN, *_REVERSAL)
    variable_map = _CONDUCTANCES


class IF_cond_exp_gsfa_grr(_Neuron, cells.IF_cond_exp_gsfa_grr):
    __doc__ = cells.IF_cond_exp_gsfa_grr.__doc__

    model = neurons.LIFCondSFA
    fixed: ClassVar = {"method": "rk4"}
    translations = build_translations(
        *MEMBRANE, *LEAK_CONDUCTANCE, *_TAU_SYN, *_REVERSAL,
        ("tau_sfa", "tau_sfa"), ("e_rev_sfa", "E_sfa"), ("q_sfa", "q_sfa"),  # nS
        ("tau_rr", "tau_rr"), ("e_rev_rr", "E_rr"), ("q_rr", "q_rr"),  # nS
    )  # fmt: skip
    variable_map: ClassVar = {**_CONDUCTANCES, "g_s": "g_sfa", "g_r": "g_rr"}


class IF_facets_hardware1(_Neuron, cells.IF_facets_hardware1):
    __doc__ = cells.IF_facets_hardware1.__doc__

    model = neurons.LIFCond
    fixed: ClassVar = {"C_m": 200.0, "t_ref": 1.0, "E_ex": 0.0}
    translations = build_translations(
        ("g_leak", "g_L"), ("v_rest", "E_L"), ("v_reset", "V_reset"), ("v_thresh", "V_th"),
        ("e_rev_I", "E_in"), *_TAU_SYN,
    )  # fmt: skip
    variable_map = _CONDUCTANCES


class HH_cond_exp(_Neuron, cells.HH_cond_exp):
    __doc__ = cells.HH_cond_exp.__doc__

    model = neurons.HodgkinHuxley
    fixed: ClassVar = {"channels": "traub", "synapses": "cond_exp"}
    translations = build_translations(
        ("gbar_Na", "g_Na", 1000.0), ("gbar_K", "g_K", 1000.0), ("g_leak", "g_L", 1000.0),
        ("cm", "C_m", 1000.0), ("v_offset", "V_T"), ("i_offset", "I_e", 1000.0),
        ("e_rev_Na", "E_Na"), ("e_rev_K", "E_K"), ("e_rev_leak", "E_L"), *_TAU_SYN, *_REVERSAL,
    )  # fmt: skip
    variable_map: ClassVar = {**_CONDUCTANCES, "m": "Act_m", "n": "Act_n", "h": "Inact_h"}
    recordable: ClassVar = [*cells.HH_cond_exp.recordable, "m", "n", "h"]
    receptor_types: ClassVar = ("excitatory", "inhibitory")  # no gap junctions


class EIF_cond_exp_isfa_ista(_Neuron, cells.EIF_cond_exp_isfa_ista):
    __doc__ = cells.EIF_cond_exp_isfa_ista.__doc__

    synapses: ClassVar[SynapseKind] = "cond_exp"
    translations = build_translations(*ADEX, *_TAU_SYN, *_REVERSAL)
    variable_map: ClassVar = {**_CONDUCTANCES, "w": "w"}

    def build(self, state: State, size: int, parameters: dict[str, Any], label: str) -> Cells:
        """Add cells to the network, given native parameters."""
        return _AdExNeurons(state, size, self.synapses, parameters, label)


class EIF_cond_alpha_isfa_ista(_Neuron, cells.EIF_cond_alpha_isfa_ista):
    __doc__ = cells.EIF_cond_alpha_isfa_ista.__doc__

    synapses: ClassVar[SynapseKind] = "cond_alpha"
    translations = build_translations(*ADEX, *_TAU_SYN, *_REVERSAL)
    variable_map: ClassVar = {**_CONDUCTANCES, "w": "w"}

    def build(self, state: State, size: int, parameters: dict[str, Any], label: str) -> Cells:
        """Add cells to the network, given native parameters."""
        return _AdExNeurons(state, size, self.synapses, parameters, label)


class _AdExNeurons(Neurons):
    """Neurons with adaptation: with an upstroke, or without one where delta_T is 0, which makes them linear."""

    def __init__(
        self,
        state: State,
        size: int,
        synapses: SynapseKind,
        parameters: Mapping[str, Any],
        label: str,
    ) -> None:
        self._linear = not np.any(parameters["Delta_T"])
        if self._linear:
            super().__init__(state, size, _without_upstroke(synapses), parameters, label)
        else:
            self._check(parameters)
            about = {"synapses": synapses, "method": "rk4"}
            super().__init__(state, size, neurons.AdEx, {**parameters, **about}, label)

    def set(self, indices: Any, values: Mapping[str, Any]) -> None:
        """Set native parameters of some cells."""
        self._check(values)
        super().set(indices, values)

    def _check(self, parameters: Mapping[str, Any]) -> None:
        flat = np.asarray(parameters.get("Delta_T", not self._linear)) == 0
        if (flat != self._linear).any():
            msg = "EIF: delta_T must be 0 in all cells of a population, from its beginning, or in none"
            raise errors.InvalidParameterValueError(msg)


@functools.cache
def _without_upstroke(synapses: SynapseKind) -> neurons.Equations:
    """Return the limit of `AdEx` for Delta_T = 0, in which a neuron spikes at V_th, as in NEST."""
    s = synapses_of("EIF", synapses)
    units = {"C_m": ("pF", "> 0"), "g_L": ("nS", "> 0"), "a": ("nS",), "b": ("pA",), "I_e": ("pA",),
             "tau_w": ("ms", "> 0"), "t_ref": ("ms", ">= 0")}  # fmt: skip
    potentials = ("E_L", "V_th", "V_reset", "V_peak", "Delta_T")
    own = {name: (1.0, *unit) for name, unit in units.items()}
    return neurons.Equations(
        f"""
        C_m*dV_m/dt = -g_L*(V_m - E_L) - w {s.current} + I_e  (unless refractory)
        tau_w*dw/dt = a*(V_m - E_L) - w : pA
        {s.equations}
        """,
        name="AdEx",
        threshold="V_m >= V_th",
        reset="V_m = V_reset; w += b",
        refractory="t_ref",
        method="rk4",
        receptors=s.receptors,
        parameters={**own, **dict.fromkeys(potentials, (0.0, "mV")), **s.parameters},
    )


class Izhikevich(_Neuron, cells.Izhikevich):
    __doc__ = cells.Izhikevich.__doc__

    model = neurons.Izhikevich
    translations = build_translations(
        ("a", "a"), ("b", "b"), ("c", "c"), ("d", "d"), ("i_offset", "I_e", 1000.0)
    )
    variable_map: ClassVar = {"v": "V_m", "u": "U_m"}
    receptors: ClassVar = {"excitatory": "ex", "inhibitory": "ex"}
    weight_scale = 1.0  # mV


# GIF: parameters that are arrays ------------------------------------------------------------------------------------

_KERNELS = ("tau_stc", "q_stc", "tau_sfa", "q_sfa")


class _GIFNeurons(Neurons):
    """Neurons whose parameters `_KERNELS` are arrays in PyNN, and several parameters, numbered from 1, here."""

    def __init__(self, state: State, size: int, parameters: Mapping[str, Any], label: str) -> None:
        with native_errors():
            given = {name: _columns(name, parameters[name]) for name in _KERNELS}
        super().__init__(
            state, size, neurons.GIF, {**parameters, **given, "synapses": "cond_exp"}, label
        )
        self._counts = {name: len(columns) for name, columns in given.items()}

    def get(self, name: str) -> Any:
        """Return a native parameter."""
        if name not in _KERNELS:
            return super().get(name)
        columns = [
            super(_GIFNeurons, self).get(f"{name}_{k + 1}") for k in range(self._counts[name])
        ]
        if not any(np.ndim(c) for c in columns):
            return ArrayParameter(np.array(columns, dtype=np.float64))
        rows = np.stack([np.broadcast_to(c, self.population.size) for c in columns], axis=1)
        values = np.empty(len(rows), dtype=object)
        values[:] = [ArrayParameter(row) for row in rows]
        return values

    def set(self, indices: Any, values: Mapping[str, Any]) -> None:
        """Set native parameters of some cells."""
        flat: dict[str, Any] = {}
        for name, value in values.items():
            if name in _KERNELS:
                columns = _columns(name, value)
                if len(columns) != self._counts[name]:
                    msg = f"GIF_cond_exp: the number of kernels is fixed, {self._counts[name]}, got {len(columns)}"
                    raise errors.InvalidParameterValueError(msg)
                flat |= {f"{name}_{k + 1}": column for k, column in enumerate(columns)}
            else:
                flat[name] = value
        super().set(indices, flat)


def _columns(name: str, value: Any) -> list[Any]:
    """Return the values of each kernel: one for all cells, or an array of one for each."""
    if not np.ndim(value):
        return list(np.asarray(value.value, dtype=np.float64))
    rows = [np.asarray(each.value, dtype=np.float64) for each in value]
    if len({len(row) for row in rows}) > 1:
        msg = f"GIF_cond_exp: {name} must have the same length in all cells of a population"
        raise errors.InvalidParameterValueError(msg)
    return list(np.stack(rows, axis=1))


class GIF_cond_exp(_Neuron, cells.GIF_cond_exp):
    __doc__ = cells.GIF_cond_exp.__doc__

    translations = build_translations(
        ("v_rest", "E_L"), ("v_reset", "V_reset"), ("tau_refrac", "t_ref"),
        ("i_offset", "I_e", 1000.0), *LEAK_CONDUCTANCE, *_TAU_SYN, *_REVERSAL,
        ("delta_v", "Delta_V"), ("v_t_star", "V_T_star"), ("lambda0", "lambda_0"),
        ("tau_eta", "tau_stc"), ("a_eta", "q_stc", 1000.0),  # nA -> pA
        ("tau_gamma", "tau_sfa"), ("a_gamma", "q_sfa"),
    )  # fmt: skip
    variable_map: ClassVar = {**_CONDUCTANCES, "i_eta": None, "v_t": None}
    scale_factors: ClassVar = {**_MILLI, "i_eta": 1e-3}

    def build(self, state: State, size: int, parameters: dict[str, Any], label: str) -> Cells:
        """Add cells to the network, given native parameters."""
        return _GIFNeurons(state, size, parameters, label)

    def native_states(self, variable: str, cells: Cells) -> tuple[str, ...]:
        """Return the native states that a variable is the sum of."""
        prefix = {"i_eta": "stc_", "v_t": "sfa_"}.get(variable)
        if prefix is None:
            return super().native_states(variable, cells)
        return tuple(x for x in cells.population.states if x.startswith(prefix))

    def from_native(self, variable: str, values: list[Any], cells: Cells, indices: Any) -> Any:
        """Return a variable of some cells in PyNN's unit, given its native states."""
        found = super().from_native(variable, values, cells, indices)
        if variable != "v_t":
            return found
        baseline = cells.get("V_T_star")
        return found + (baseline[indices] if np.ndim(baseline) else baseline)
