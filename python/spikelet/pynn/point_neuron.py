"""Neurons composed of a membrane and any number of named receptors: `PointNeuron` and its components.

Each composition is a text for `spikelet.Equations`. Parameters of a receptor are called ``AMPA.tau_syn`` in PyNN and
``tau_syn_AMPA`` here.
"""

from __future__ import annotations

import functools
from typing import Any, ClassVar

from pyNN import errors
from pyNN.parameters import ParameterSpace
from pyNN.standardmodels import StandardModelType, build_translations, cells, receptors

from spikelet.neurons import Equations
from spikelet.pynn.cells import ADEX, LEAK, MEMBRANE
from spikelet.pynn.native import Cells, Neurons, Translated
from spikelet.pynn.simulator import State

__all__ = [
    "LIF",
    "AdExp",
    "AlphaPSR",
    "BetaPSR",
    "CondAlphaPostSynapticResponse",
    "CondBetaPostSynapticResponse",
    "CondExpPostSynapticResponse",
    "CurrExpPostSynapticResponse",
    "ExpPSR",
    "PointNeuron",
]

# Components ---------------------------------------------------------------------------------------------------------


class LIF(cells.LIF):
    __doc__ = cells.LIF.__doc__

    translations = build_translations(*MEMBRANE, *LEAK)
    variable_map: ClassVar = {"v": "V_m"}
    scale_factors: ClassVar[dict[str, float]] = {}
    text = "C_m*dV_m/dt = -C_m/tau_m*(V_m - E_L) + I_syn + I_e  (unless refractory)"
    potential = "V_m"
    threshold = "V_m >= V_th"
    reset = "V_m = V_reset"


class AdExp(cells.AdExp):
    __doc__ = cells.AdExp.__doc__

    translations = build_translations(*ADEX)
    variable_map: ClassVar = {"v": "V_m", "w": "w"}
    scale_factors: ClassVar[dict[str, float]] = {"w": 1e-3}
    text = """
        V = min(V_m, V_peak)
        I_spike = g_L*Delta_T*exp((V - V_th)/Delta_T)
        C_m*dV_m/dt = -g_L*(V - E_L) + I_spike - w + I_syn + I_e  (unless refractory)
        tau_w*dw/dt = a*(V - E_L) - w : pA
    """
    potential = "V"
    threshold = "V_m >= V_peak"
    reset = "V_m = V_reset; w += b"


class CurrExpPostSynapticResponse(receptors.CurrExpPostSynapticResponse):
    __doc__ = receptors.CurrExpPostSynapticResponse.__doc__

    recordable: ClassVar = ["isyn"]
    native: ClassVar = {"tau_syn": "tau_syn"}
    state: ClassVar = {"isyn": "I_syn"}
    current = "I_syn_{x}"
    text = "dI_syn_{x}/dt = -I_syn_{x}/tau_syn_{x} : pA"
    event = "I_syn_{x} += weight"


class _Conductance:
    recordable: ClassVar = ["gsyn"]
    native: ClassVar = {"tau_syn": "tau_syn", "e_syn": "E"}
    state: ClassVar = {"gsyn": "g"}
    current = "g_{x}*(E_{x} - {V})"


class CondExpPostSynapticResponse(_Conductance, receptors.CondExpPostSynapticResponse):
    __doc__ = receptors.CondExpPostSynapticResponse.__doc__

    text = "dg_{x}/dt = -g_{x}/tau_syn_{x} : nS"
    event = "g_{x} += abs(weight)"


class CondAlphaPostSynapticResponse(_Conductance, receptors.CondAlphaPostSynapticResponse):
    __doc__ = receptors.CondAlphaPostSynapticResponse.__doc__

    text = """
        dg_{x}/dt = (exp(1)*h_{x} - g_{x})/tau_syn_{x} : nS
        dh_{x}/dt = -h_{x}/tau_syn_{x} : nS
    """
    event = "h_{x} += abs(weight)"


class CondBetaPostSynapticResponse(_Conductance, receptors.CondBetaPostSynapticResponse):
    __doc__ = receptors.CondBetaPostSynapticResponse.__doc__

    native: ClassVar = {"tau_rise": "tau_rise", "tau_decay": "tau_decay", "e_syn": "E"}
    # The difference of two exponentials, whose peak is the weight.
    text = """
        dg_{x}/dt = h_{x}/tau_rise_{x} - g_{x}/tau_decay_{x} : nS
        dh_{x}/dt = -h_{x}/tau_rise_{x} : nS
        t_{x} = log(tau_decay_{x}/tau_rise_{x})/(1/tau_rise_{x} - 1/tau_decay_{x})
        k_{x} = (1 - tau_rise_{x}/tau_decay_{x})/(exp(-t_{x}/tau_decay_{x}) - exp(-t_{x}/tau_rise_{x}))
    """
    event = "h_{x} += k_{x}*abs(weight)"


ExpPSR = CondExpPostSynapticResponse
AlphaPSR = CondAlphaPostSynapticResponse
BetaPSR = CondBetaPostSynapticResponse

# Composition --------------------------------------------------------------------------------------------------------

_UNITS = {
    "E": ("mV",),
    "tau_syn": ("ms", "> 0"),
    "tau_rise": ("ms", "> 0"),
    "tau_decay": ("ms", "> 0"),
}
_MEMBRANE_UNITS: dict[str, tuple[str, ...]] = {
    "E_L": ("mV",), "V_reset": ("mV",), "V_th": ("mV",), "V_peak": ("mV",), "t_ref": ("ms", ">= 0"),
    "I_e": ("pA",), "C_m": ("pF", "> 0"), "tau_m": ("ms", "> 0"), "g_L": ("nS", "> 0"), "a": ("nS",),
    "b": ("pA",), "Delta_T": ("mV", "> 0"), "tau_w": ("ms", "> 0"),
}  # fmt: skip


@functools.lru_cache(maxsize=64)
def _equations(membrane: Any, kinds: tuple[tuple[str, type], ...]) -> Equations:
    """Return the model of a composition."""
    parts: list[tuple[str, Any]] = list(kinds)
    potential = membrane.potential
    currents = [kind.current.format(x=label, V=potential) for label, kind in parts]
    lines = [kind.text.format(x=label) for label, kind in parts]
    names = [about["translated_name"] for about in membrane.translations.values()]
    parameters: dict[str, Any] = {name: (1.0, *_MEMBRANE_UNITS[name]) for name in names}
    for label, kind in parts:
        parameters |= {f"{n}_{label}": (1.0, *_UNITS[n]) for n in kind.native.values()}
    return Equations(
        "\n".join([f"I_syn = {' + '.join(currents)}", membrane.text, *lines]),
        name="PointNeuron",
        threshold=membrane.threshold,
        reset=membrane.reset,
        refractory="t_ref",
        method="rk4" if membrane is AdExp else "auto",
        receptors={label: kind.event.format(x=label) for label, kind in parts},
        parameters=parameters,
        initial={"V_m": "E_L"},
    )


class PointNeuron(Translated, cells.PointNeuron):
    """A neuron composed of a membrane and named receptors: ``PointNeuron(LIF(...), AMPA=ExpPSR(...))``."""

    def __init__(self, neuron: Any, **post_synaptic_receptors: Any) -> None:
        known = CurrExpPostSynapticResponse, _Conductance
        if not isinstance(neuron, (LIF, AdExp)):
            msg = f"PointNeuron: there is no membrane {type(neuron).__name__}; there are LIF and AdExp"
            raise errors.NoModelAvailableError(msg)
        if not post_synaptic_receptors:
            msg = "PointNeuron: it must have at least one receptor, as in AMPA=ExpPSR(tau_syn=2.0)"
            raise errors.NoModelAvailableError(msg)
        for label, response in post_synaptic_receptors.items():
            if not isinstance(response, known):
                msg = (
                    f"PointNeuron: there is no receptor of kind {type(response).__name__} ({label})"
                )
                raise errors.NoModelAvailableError(msg)
        super().__init__(neuron, **post_synaptic_receptors)
        _ = self.conductance_based  # PyNN refuses mixtures of currents and conductances

    # Names --------------------------------------------------------------------------------------------------------

    def get_schema(self) -> dict[str, Any]:
        """Return the types of parameters."""
        return dict.fromkeys(self.get_parameter_names(), float)

    def get_parameter_names(self) -> list[str]:
        """Return the names of parameters, those of receptors as ``AMPA.tau_syn``."""
        of_receptors = [
            f"{label}.{name}"
            for label, response in self.post_synaptic_receptors.items()
            for name in response.native
        ]
        return [*self.neuron.get_parameter_names(), *of_receptors]

    def has_parameter(self, name: str) -> bool:
        """Return whether there is a parameter."""
        return name in self.get_parameter_names()

    @property
    def translations(self) -> dict[str, Any]:  # type: ignore[override]  # of the instance
        """Translations of all parameters."""
        return {**self.neuron.translations, **build_translations(*self._of_receptors())}

    def _of_receptors(self) -> list[tuple[str, str, float]]:
        return [
            (f"{label}.{name}", f"{native}_{label}", 1.0)
            for label, response in self.post_synaptic_receptors.items()
            for name, native in response.native.items()
        ]

    @property
    def native_parameters(self) -> ParameterSpace:
        """The parameters by native names."""
        flat = {}
        for name in self.get_parameter_names():
            label, _, of_receptor = name.partition(".")
            space = self.parameter_space
            flat[name] = space[label][of_receptor] if of_receptor else space[name]
        space = ParameterSpace(flat, self.get_schema(), self.parameter_space.shape, type(self))
        return self.translate(space)

    computed_parameters = StandardModelType.computed_parameters
    computed_parameters_include = StandardModelType.computed_parameters_include
    scaled_parameters = StandardModelType.scaled_parameters
    simple_parameters = StandardModelType.simple_parameters

    # For the network ----------------------------------------------------------------------------------------------

    @property
    def variable_map(self) -> dict[str, str]:  # type: ignore[override]  # of the instance
        """Native states by PyNN's names of variables."""
        of_receptors = {
            f"{label}.{name}": f"{native}_{label}"
            for label, response in self.post_synaptic_receptors.items()
            for name, native in response.state.items()
        }
        return {**self.neuron.variable_map, **of_receptors}

    @property
    def scale_factors(self) -> dict[str, float]:  # type: ignore[override]  # of the instance
        """What native values are multiplied with, by variable."""
        return {**dict.fromkeys(self.variable_map, 1e-3), "v": 1.0}

    @property
    def receptors(self) -> dict[str, str]:  # type: ignore[override]  # of the instance
        """Native receptors by PyNN's names: the same."""
        return {label: label for label in self.receptor_types}

    def build(self, state: State, size: int, parameters: dict[str, Any], label: str) -> Cells:
        """Add cells to the network, given native parameters."""
        kinds = tuple((x, type(r)) for x, r in self.post_synaptic_receptors.items())
        membrane: type = type(self.neuron)
        return Neurons(state, size, _equations(membrane, kinds), parameters, label)
