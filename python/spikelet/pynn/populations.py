"""Populations, views and assemblies."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import numpy.typing as npt
from pyNN import common, errors
from pyNN.parameters import LazyArray, ParameterSpace, simplify
from pyNN.standardmodels import StandardCellType

from spikelet.pynn import simulator
from spikelet.pynn.native import Cells, Translated
from spikelet.pynn.recording import Recorder

__all__ = ["Assembly", "Population", "PopulationView"]


class Assembly(common.Assembly):
    __doc__ = common.Assembly.__doc__
    _simulator = simulator

    @property
    def local_mask(self) -> npt.NDArray[np.bool_]:
        """Which cells belong to this rank."""
        return np.concatenate([population.local_mask for population in self.populations])

    @property
    def receptor_types(self) -> list[str]:
        """Receptors that all populations have, in the order of the first: the default of projections is the first."""
        first, *others = (population.celltype.receptor_types for population in self.populations)
        return [receptor for receptor in first if all(receptor in other for other in others)]


class _Cells:
    """What populations and views share."""

    celltype: Any
    size: int
    label: str
    _mask_local: npt.NDArray[np.bool_]

    @property
    def root(self) -> Population:
        """The population itself, or that which the view is a part of."""
        raise NotImplementedError

    @property
    def indices(self) -> npt.NDArray[np.int64]:
        """Indices of the cells in `root`."""
        raise NotImplementedError

    @property
    def local_mask(self) -> npt.NDArray[np.bool_]:
        """Which cells belong to this rank."""
        return self._mask_local

    def _get_view(self, selector: Any, label: str | None = None) -> PopulationView:
        return PopulationView(self, selector, label)

    def _get_parameters(self, *names: str) -> ParameterSpace:
        """Return parameters of the local cells, by PyNN's names."""
        kind = self.celltype
        if not isinstance(kind, StandardCellType):
            return self._get_native_parameters(*names)
        for each in names:
            if each not in kind.translations:
                raise errors.NonExistentParameterError(
                    each, type(kind).__name__, kind.get_parameter_names()
                )
        all_needed = kind.computed_parameters_include(names)
        native = kind.get_native_names() if all_needed else kind.get_native_names(*names)
        return kind.reverse_translate(self._get_native_parameters(*native))

    def _get_native_parameters(self, *names: str) -> ParameterSpace:
        """Return native parameters of the local cells."""
        local = self.indices[self._mask_local]
        values = {}
        for each in names:
            value = self.root.cells.get(each)
            values[each] = simplify(value[local]) if np.ndim(value) else value
        return ParameterSpace(values, shape=(len(local),))

    def _set_parameters(self, parameter_space: ParameterSpace) -> None:
        """Set native parameters of the local cells."""
        values = self._evaluated(parameter_space)
        local = self._mask_local
        self.root.cells.set(
            self.indices[local],
            {each: v[local] if np.ndim(v) else v for each, v in values.items()},
        )

    def _evaluated(self, parameter_space: ParameterSpace) -> dict[str, Any]:
        """Return native parameters as one value each, or as an array of one for each cell."""
        try:
            parameter_space.shape = (self.size,)
        except ValueError as error:
            msg = f"{self.label}: parameters must have one value, or one for each of {self.size} cells: {error}"
            raise errors.InvalidDimensionsError(msg) from None
        parameter_space.evaluate(simplify=True)
        values: dict[str, Any] = parameter_space.as_dict()
        return values


class Population(_Cells, common.Population):
    __doc__ = common.Population.__doc__
    _simulator = simulator
    _recorder_class = Recorder
    _assembly_class = Assembly

    cells: Cells

    def _create_cells(self) -> None:
        if not issubclass(given := type(self.celltype), Translated):
            msg = f"Population {self.label}: cell type {given.__module__}.{given.__name__} is not of spikelet.pynn"
            raise NotImplementedError(msg)
        if self.size < 1:
            msg = f"Population {self.label}: it must have at least one cell, got {self.size}"
            raise errors.InvalidParameterValueError(msg)
        state, kind = simulator.state, self.celltype
        standard = isinstance(kind, StandardCellType)
        parameters = kind.native_parameters if standard else deepcopy(kind.parameter_space)
        values = self._evaluated(parameters)
        self.cells = kind.build(state, self.size, values, self.label)
        taken = state.take_ids(self.size)
        self.all_cells = np.empty(self.size, dtype=object)
        self.all_cells[:] = [simulator.ID(i) for i in taken]
        for cell in self.all_cells:
            cell.parent = self
        begin, end = state.network.engine.sim.own(self.cells.population.index)
        index = np.arange(self.size)
        self._mask_local = (index >= begin) & (index < end)
        self._unwritten: dict[str, npt.NDArray[np.bool_]] = {}
        state.populations.append(self)

    @property
    def root(self) -> Population:
        """The population itself."""
        return self

    @property
    def indices(self) -> npt.NDArray[np.int64]:
        """Indices of all cells."""
        return np.arange(self.size)

    # Initial values -----------------------------------------------------------------------------------------------

    def _set_initial_value_array(self, variable: str, initial_value: LazyArray) -> None:
        drawn = initial_value.evaluate(simplify=True)  # once: each evaluation draws anew
        initial_value.base_value, initial_value.operations = drawn, []
        self._note_initial(variable, np.ones(self.size, dtype=bool), drawn)

    def _set_cell_initial_value(self, cell: Any, variable: str, value: float) -> None:
        """Set the initial value of one cell."""
        self.set_initial(variable, np.array([self.id_to_index(cell)]), np.array([float(value)]))

    def set_initial(self, variable: str, indices: npt.NDArray[np.int64], values: Any) -> None:
        """Set the initial values of some cells."""
        mask = np.zeros(self.size, dtype=bool)
        mask[indices] = True
        self._note_initial(variable, mask, values)
        whole = self._initial(variable)
        whole[indices] = values
        self.initial_values[variable] = LazyArray(whole, shape=(self.size,), dtype=float)

    def _note_initial(self, variable: str, mask: npt.NDArray[np.bool_], values: Any) -> None:
        if not np.isfinite(values).all():
            msg = f"{self.label}: initial values of {variable} must be finite"
            raise errors.InvalidParameterValueError(msg)
        kind = self.celltype
        if not kind.can_set(variable):  # a sum: with all of its terms at rest, or PyNN's default
            zeros = [np.zeros(self.size)]
            rest = kind.from_native(variable, zeros, self.cells, self.indices)[mask]
            default = kind.default_initial_values[variable]
            if not (np.isclose(values, rest) | (np.asarray(values) == default)).all():
                msg = (
                    f"{self.label}: {variable} of {type(kind).__name__} is a sum of several states, which begins at "
                    f"{rest[0]:g}: it cannot be set"
                )
                raise NotImplementedError(msg)
            return
        self._unwritten[variable] = self._unwritten.get(variable, np.zeros(self.size, bool)) | mask

    def _initial(self, variable: str) -> npt.NDArray[np.float64]:
        """Return the initial values of all cells, in PyNN's units."""
        if variable not in self.initial_values:
            return np.zeros(self.size)
        found = self.initial_values[variable].evaluate(simplify=False)
        return np.array(np.broadcast_to(found, (self.size,)), dtype=np.float64)

    def write_states(self) -> None:
        """Give the network the initial values that it does not have yet; collective."""
        mine = sorted(self._unwritten)
        names = simulator.state.network.ranks.gather(f"initial values of {self.label}", mine)
        for variable in sorted(set().union(*names)):  # a script may set those of local cells only
            mask = self._unwritten.get(variable, np.zeros(self.size, dtype=bool))
            (native,) = self.celltype.native_states(variable, self.cells)
            view = getattr(self.cells.population, native)
            whole = np.array(view)
            whole[mask] = self._initial(variable)[mask] / self.celltype.scale_of(variable)
            view[:] = whole
        self._unwritten = {}

    # Time ---------------------------------------------------------------------------------------------------------

    def advance(self, start: int, stop: int) -> None:
        """Prepare the steps from `start` up to `stop`, counted from the last reset."""
        self.cells.advance(start, stop)

    def restart(self) -> None:
        """Begin anew, at time 0 with the initial values."""
        self.cells.restart()
        for variable in self.initial_values:
            self._note_initial(variable, np.ones(self.size, dtype=bool), self._initial(variable))


class PopulationView(_Cells, common.PopulationView):
    __doc__ = common.PopulationView.__doc__
    _simulator = simulator
    _assembly_class = Assembly

    @property
    def root(self) -> Population:
        """The population that this is a part of."""
        return self.grandparent  # type: ignore[no-any-return]  # PyNN has no types

    @property
    def indices(self) -> npt.NDArray[np.int64]:
        """Indices of the cells in `root`."""
        return np.asarray(self.index_in_grandparent(np.arange(self.size)))

    def initialize(self, **initial_values: Any) -> None:
        """Set initial values of states; see `Population.initialize`."""
        for variable, value in initial_values.items():
            lazy = LazyArray(value, shape=(self.size,), dtype=float)
            found = np.broadcast_to(lazy.evaluate(simplify=False), (self.size,))
            self.root.set_initial(variable, self.indices, found)
