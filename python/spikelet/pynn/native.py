"""What stands behind a population of PyNN: neurons of the network.

The sources of spikes, in `sources`, have the same methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from pyNN import errors

from spikelet.network.population import Population
from spikelet.pynn.simulator import State

__all__ = ["Cells", "Neurons", "native_errors"]


class native_errors:  # noqa: N801  # a context manager
    """Turns ValueError and TypeError of the network into PyNN's InvalidParameterValueError."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type | None, error: BaseException | None, _: Any) -> None:
        """Raise PyNN's error instead."""
        known = errors.InvalidParameterValueError, errors.InvalidDimensionsError
        if isinstance(error, (ValueError, TypeError)) and not isinstance(error, known):
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

    def set(self, indices: npt.NDArray[np.int64], values: Mapping[str, Any]) -> None:
        """Set native parameters of some cells: one value each, or an array of one for each of these cells."""

    def advance(self, start: int, stop: int) -> None:
        """Prepare the steps from `start` up to `stop`, counted from the last reset."""

    def restart(self) -> None:
        """Begin anew at time 0."""


class Neurons:
    """Neurons: their parameters are those of the network's population."""

    def __init__(
        self, state: State, size: int, model: Any, parameters: Mapping[str, Any], label: str
    ) -> None:
        with native_errors():
            self.population = state.network.population(size, model(**parameters), label)

    def get(self, name: str) -> Any:
        """Return a native parameter."""
        value = getattr(self.population.model, name)
        return np.array(value) if np.ndim(value) else value

    def set(self, indices: npt.NDArray[np.int64], values: Mapping[str, Any]) -> None:
        """Set native parameters of some cells."""
        with native_errors():
            if len(indices) == self.population.size:
                self.population.set(**values)
            else:
                self.population[indices].set(**values)

    def advance(self, start: int, stop: int) -> None:
        """Do nothing: the core knows all."""

    def restart(self) -> None:
        """Do nothing: the network resets neurons."""
