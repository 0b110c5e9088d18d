"""What stands behind a population of PyNN: neurons of the network.

The sources of spikes, in `sources`, have the same methods.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from pyNN import errors

from spikelet.network.population import Population
from spikelet.neurons import NeuronModel
from spikelet.pynn.simulator import State

Ints = npt.NDArray[np.int64]


@contextlib.contextmanager
def native_errors() -> Iterator[None]:
    """Turn ValueError and TypeError of the network into PyNN's InvalidParameterValueError."""
    try:
        yield
    except (errors.InvalidParameterValueError, errors.InvalidDimensionsError):
        raise
    except (ValueError, TypeError) as error:
        raise errors.InvalidParameterValueError(str(error)) from error


class Cells(Protocol):
    """Cells of the network that a population of PyNN stands for.

    Attributes
    ----------
    population : spikelet.Population
        The population of the network.
    """

    population: Population

    def get(self, name: str) -> Any:
        """Return a native parameter: one value, or an array of one for each cell."""

    def set(self, indices: Ints, values: Mapping[str, Any]) -> None:
        """Set native parameters of some cells: one value each, or an array of one for each of these cells."""

    def advance(self, start: int, stop: int) -> None:
        """Prepare the steps from `start` up to `stop`, counted from the last reset."""

    def restart(self) -> None:
        """Begin anew at time 0."""

    def spikes(self, indices: Ints, steps: Ints) -> tuple[Ints, npt.NDArray[np.float64]]:
        """Return cells and times [ms] of recorded spikes, given their steps since the last reset."""


class Neurons:
    """Neurons. Changes of parameters are checked at once and reach the core at the next run, all together."""

    def __init__(
        self, state: State, size: int, model: Any, parameters: Mapping[str, Any], label: str
    ) -> None:
        self.state = state
        self._pending: dict[str, Any] = {}
        _require_numbers(label, parameters)
        with native_errors():
            self.population = state.network.population(size, model(**parameters), label)

    def get(self, name: str) -> Any:
        """Return a native parameter."""
        value = self._pending.get(name, getattr(self.population.model, name))
        return np.array(value) if np.ndim(value) else value

    def set(self, indices: Ints, values: Mapping[str, Any]) -> None:
        """Set native parameters of some cells."""
        model = self.population.model
        assert isinstance(model, NeuronModel)
        _require_numbers(self.population.name, values)
        present = {name: self.get(name) for name in self.population.parameters}
        rows = {name: x[indices] if np.ndim(x) else x for name, x in present.items()}
        with native_errors():
            model.replace(**{**rows, **values})
        for name, value in values.items():
            if len(indices) == self.population.size:
                self._pending[name] = np.array(value) if np.ndim(value) else value
                continue
            if np.ndim(self._pending.get(name, 0.0)) == 0:
                self._pending[name] = np.full(self.population.size, 0.0)
                self._pending[name][:] = present[name]
            self._pending[name][indices] = value

    def advance(self, start: int, stop: int) -> None:  # noqa: ARG002  # the core knows all
        """Give the core the parameters that have changed."""
        if self._pending:
            with native_errors():
                self.population.set(**self._pending)
            self._pending = {}

    def restart(self) -> None:
        """Do nothing: the network resets neurons."""

    def spikes(self, indices: Ints, steps: Ints) -> tuple[Ints, npt.NDArray[np.float64]]:
        """Return cells and times [ms] of recorded spikes."""
        return indices, self.state.ms(steps)


def _require_numbers(where: str, parameters: Mapping[str, Any]) -> None:
    """Check that no parameter is nan; equations take any value."""
    for name, value in parameters.items():
        array = np.asarray(value)
        if array.dtype.kind == "f" and np.isnan(array).any():
            msg = f"{where}: {name} must be a number, got nan"
            raise errors.InvalidParameterValueError(msg)


class Translated:
    """A cell type in terms of the network's models: base of all of them, beside that of PyNN.

    Attributes
    ----------
    variable_map : dict of str to str
        The native state that a variable is; None: a sum of several, which cannot be set.
    scale_factors : dict of str to float
        What native values are multiplied with, by variable; 1.0 if it is not there.
    weight_scale : float
        What PyNN's weights are multiplied with.
    receptors : dict of str to str
        Native receptors, by PyNN's names.
    """

    variable_map: ClassVar[Mapping[str, str | None]] = {}
    scale_factors: ClassVar[Mapping[str, float]] = {}
    weight_scale: ClassVar[float] = 1000.0  # nA, uS -> pA, nS
    receptors: ClassVar[Mapping[str, str]] = {}
    translations: ClassVar[Mapping[str, Any]] = {}  # PyNN's, by its names of parameters

    def build(self, state: State, size: int, parameters: dict[str, Any], label: str) -> Cells:
        """Add cells to the network, given native parameters."""
        raise NotImplementedError

    def native_receptor(self, receptor_type: str) -> str:
        """Return the native name of a receptor."""
        if receptor_type not in self.receptors:
            known = ", ".join(self.receptors) or "none"
            msg = f"{type(self).__name__} has no receptor {receptor_type!r}; there are: {known}"
            raise NotImplementedError(msg)
        return self.receptors[receptor_type]

    def tau_syn(self, cells: Cells, receptor_type: str) -> Any:
        """Return the time constant of synapses [ms], one number or one for each cell; None if there is none."""
        standard = {"excitatory": "tau_syn_E", "inhibitory": "tau_syn_I"}
        name = standard.get(receptor_type, f"{receptor_type}.tau_syn")
        found = self.translations.get(name)
        return None if found is None else cells.get(found["translated_name"])

    def native_states(self, variable: str, cells: Cells) -> tuple[str, ...]:  # noqa: ARG002
        """Return the native states that a variable is the sum of."""
        return (str(self.variable_map[variable]),)

    def from_native(
        self,
        variable: str,
        values: list[npt.NDArray[Any]],
        cells: Cells,  # noqa: ARG002 - types differ
        indices: Ints,  # noqa: ARG002 - types differ
    ) -> npt.NDArray[np.float64]:
        """Return a variable of some cells in PyNN's unit, given its native states."""
        total: npt.NDArray[np.float64] = np.sum(values, axis=0, dtype=np.float64)
        return total * self.scale_factors.get(variable, 1.0)

    def can_set(self, variable: str) -> bool:
        """Return whether a variable is a state that can be set, or raise NonExistentParameterError."""
        if variable not in self.variable_map:
            kind = type(self).__name__
            raise errors.NonExistentParameterError(variable, kind, list(self.variable_map))
        return self.variable_map[variable] is not None

    def scale_of(self, variable: str) -> float:
        """Return what native values are multiplied with."""
        return self.scale_factors.get(variable, 1.0)
