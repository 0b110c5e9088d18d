"""Neurons of ours as models of NEST: names, parameters, states, and what NEST lacks. Does not import NEST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.io import nest_models
from spikelet.network.population import Population
from spikelet.network.receptors import receptor_number
from spikelet.neurons import LIF, IntegrateAndFire, LIFOneCurrent, NeuronModel
from spikelet.neurons.nest_names import NEST_MODELS

__all__ = [
    "EXCITATORY",
    "INHIBITORY",
    "Cell",
    "cell_of",
    "columns",
    "currents",
    "lost",
    "obstacles",
    "port",
    "sign",
    "states",
]

Floats = npt.NDArray[np.float64]

EXCITATORY, INHIBITORY = range(2)
"""Numbers of the receptors between which the sign of a weight chooses."""

_NOT_IN_NEST = ("theta_plus", "tau_theta", "reset")
_PORTS = "iaf_psc_exp_multisynapse"
_RESTORED = ("iaf_psc_exp", "gif_psc_exp", _PORTS)
"""Models whose currents an event can restore: it adds its weight."""
_STOCHASTIC = ("gif_psc_exp", "gif_cond_exp")
_EXACT = ("iaf_psc_exp", "iaf_psc_alpha", "iaf_psc_delta", _PORTS)
_METHODS = {"izhikevich": "by Euler's method", "gif_psc_exp": "with events a step earlier"}
_SYNAPTIC = ("g_", "dg_", "I_syn", "dI_syn")
"""Beginnings of the names of states that NEST keeps at 0 or above."""
_LARGEST_EXPONENT = float(np.log(np.finfo(np.float64).max / 1e20))


@dataclass(frozen=True)
class Cell:
    """The model of NEST that a model of ours becomes.

    Attributes
    ----------
    name : str
        NEST's name.
    parameters : dict
        In NEST's names: numbers, arrays, and for `lists` lists of these.
    lists : tuple of str
        Parameters that are lists in NEST.
    settable : tuple of str
        States that can be set in NEST.
    factors : mapping of str to (float or array)
        From NEST's values of states to ours, where they are not 1.
    """

    name: str
    parameters: dict[str, Any]
    lists: tuple[str, ...] = ()
    settable: tuple[str, ...] = ("V_m",)
    factors: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ports(self) -> bool:
        """Whether receptors are ports; in other models the sign of a weight picks the receptor."""
        return self.name == _PORTS

    @property
    def stochastic(self) -> bool:
        """Whether NEST draws the spikes."""
        return self.name in _STOCHASTIC

    def note(self, model: NeuronModel) -> str | None:
        """Return how NEST's integration differs from ours, None if it does not."""
        if self.name in _EXACT:
            return None
        how = _METHODS.get(self.name, "with adaptive steps")
        kind = type(model).__name__
        return f"{self.name} is integrated {how}: close to {kind}, not equal"


def cell_of(model: NeuronModel) -> Cell | None:
    """Return the model of NEST that a model becomes, None if there is none."""
    parameters: dict[str, Any]
    if isinstance(model, IntegrateAndFire):
        kind = LIF if isinstance(model, LIFOneCurrent) else type(model)
        names = [name for name, of in NEST_MODELS.items() if of.make is kind]
        if not names:
            return None
        (name,) = names
        parameters = {p: getattr(model, p) for p in model.parameters() if p not in _NOT_IN_NEST}
        if isinstance(model, LIFOneCurrent):
            parameters["tau_syn_ex"] = parameters["tau_syn_in"] = parameters.pop("tau_syn")
    else:
        found = nest_models.neuron_of(model, any_method=True)
        if found is None or found[0] == "iaf_bw_2001":
            return None
        name, parameters = found
    nest = NEST_MODELS[name]
    return Cell(name, parameters, nest.lists, nest.settable, nest.factors(model))


def columns(what: str, model: NeuronModel) -> tuple[str, ...]:
    """Return NEST's states whose sum is a state of ours."""
    if isinstance(model, LIFOneCurrent) and what == "I_syn":
        return ("I_syn_ex", "I_syn_in")
    cell = cell_of(model)
    if cell is not None and cell.ports and what.startswith("I_syn_"):
        names = [f"I_syn_{key.removeprefix('tau_syn_')}" for key in _taus(model)]
        return (f"I_syn_{names.index(what) + 1}",)
    return (what,)


def _taus(model: NeuronModel) -> list[str]:
    """Return the time constants of a model with ports, in order."""
    return [p for p in model.parameters() if p.startswith("tau_syn_")]


def sign(model: NeuronModel, receptor: int) -> float:
    """Return the factor from our weights to NEST's, where the sign of a weight picks the receptor."""
    return -1.0 if model.conductance and receptor == INHIBITORY else 1.0


def port(model: NeuronModel, receptor: int | str | None) -> int:
    """Return NEST's port for a receptor, given by its number or its name; 0 where there are no ports."""
    cell = cell_of(model)
    if cell is None or not cell.ports:
        return 0
    number = receptor if isinstance(receptor, int) else receptor_number("to_nest", model, receptor)
    return max(number, 0) + 1  # a single receptor need not be named


def currents(population: Population) -> dict[str, tuple[int, Floats]]:
    """Return, by state, the port and the weights of events that restore currents, which cannot be set in NEST."""
    model = population.model
    assert isinstance(model, NeuronModel)
    cell = cell_of(model)
    if cell is None or cell.name not in _RESTORED:
        return {}
    if isinstance(model, LIFOneCurrent):  # the sign of an event's weight picks NEST's current
        return {"I_syn": (0, _values(population, "I_syn"))}
    if cell.ports:
        states = [s for s in model.states if s.startswith("I_syn_")]
        return {s: (k, _values(population, s)) for k, s in enumerate(states, 1)}
    excitatory, inhibitory = (_values(population, s) for s in ("I_syn_ex", "I_syn_in"))
    return {
        "I_syn_ex": (0, np.maximum(excitatory, 0.0)),
        "I_syn_in": (0, np.minimum(inhibitory, 0.0)),
    }


def states(population: Population, cell: Cell) -> dict[str, Floats]:
    """Return the present states that can be set in NEST, in NEST's values."""
    model = population.model
    assert isinstance(model, NeuronModel)
    found = {}
    for state in model.states:
        if state in cell.settable:
            values = _values(population, state) / cell.factors.get(state, 1.0)
            found[state] = np.maximum(values, 0.0) if state.startswith(_SYNAPTIC) else values
    return found


def lost(population: Population, cell: Cell) -> list[str]:
    """Return what cannot be set in NEST of the present states."""
    model = population.model
    assert isinstance(model, NeuronModel)
    kept = {s: v for s, (_, v) in currents(population).items()}
    kept |= {s: v * cell.factors.get(s, 1.0) for s, v in states(population, cell).items()}
    wrong, unset = [], []
    for state in model.states:
        values = _values(population, state)
        if state not in kept:
            if state != "theta" and values.any():
                unset.append(state)
        elif not np.allclose(values, kept[state], rtol=1e-12, atol=0.0):
            wrong.append(state)
    found = []
    if wrong:
        found.append(f"{' and '.join(wrong)} of the sign of the other receptor")
    if unset:
        found.append(f"{' and '.join(unset)}, which cannot be set in {cell.name}")
    return found


def _values(population: Population, state: str) -> Floats:
    return np.asarray(getattr(population, state), dtype=np.float64)


def obstacles(population: Population, cell: Cell) -> list[str]:
    """Return what NEST cannot represent of neurons, whatever their currents."""
    model, found = population.model, []
    if isinstance(model, IntegrateAndFire):
        if model.reset != "zero":
            found.append(f'reset="{model.reset}" is not in NEST, which resets to V_reset')
        if np.any(model.theta_plus) or np.any(population.theta):
            found.append(f"the adaptive threshold theta is not in {cell.name}")
        elif np.any(np.asarray(model.V_reset) >= np.asarray(model.V_th)):
            found.append("V_reset must lie below V_th")
    if cell.name.startswith("aeif"):
        names = ("V_peak", "V_th", "Delta_T")
        peak, start, slope = (np.asarray(cell.parameters[p]) for p in names)
        if np.any(peak < start):
            found.append(f"V_peak must not lie below V_th in {cell.name}")
        elif np.any((peak - start) / slope >= _LARGEST_EXPONENT):
            found.append(
                f"(V_peak - V_th) / Delta_T must be below {_LARGEST_EXPONENT:.0f} in {cell.name}"
            )
    return found
