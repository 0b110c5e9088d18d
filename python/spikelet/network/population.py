"""Populations, parts of them, and their states as array-likes."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util import html
from spikelet._util.checks import fail, fits, is_masked, numbers, representable, require
from spikelet._util.sealed import Sealed
from spikelet._util.snapshot import Snapshot
from spikelet._util.spelling import suggestion
from spikelet.network.base import Engine, NetworkBase
from spikelet.network.source_kinds import Source, per_element, send_source
from spikelet.network.turn import changing
from spikelet.neurons import NeuronModel
from spikelet.neurons.base import State
from spikelet.rules import Distribution
from spikelet.spatial import Positions

__all__ = ["Population", "StateView"]

Model = NeuronModel | Source


_THROUGH = (
    "states cannot be set through a slice of them: assign in one step, as in `population.V_m[:10] = -65.0`, or copy the "
    "array with np.array(...)"
)
_PARAMETER = (
    "items of a parameter cannot be set: assign a whole array, as in `population.I_e = values`, or set a part, as in "
    "`population[:10].I_e = 5.0`"
)
_IDS = "the ids of a population are fixed; take another part, such as `population[ids]`, or copy the array"


class StateView(Sealed, np.lib.mixins.NDArrayOperatorsMixin):
    """One state of a population, in absolute units; it reads like an array and writes through.

    Values are checked before they are written. A distribution of `spikelet.rules` can be assigned, too.
    """

    def __init__(self, population: Population, name: str) -> None:
        self._population = population
        self._name = name

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """Return a copy of the values."""
        if copy is False:
            msg = f"{self._population.name}.{self._name} can only be read as a copy"
            raise ValueError(msg)
        values = self.read()
        return values if dtype is None else values.astype(dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Compute on copies, and write the result of an in-place operation back."""
        plain = [np.asarray(x) if isinstance(x, StateView) else x for x in inputs]
        out = kwargs.pop("out", None)
        result = getattr(ufunc, method)(*plain, **kwargs)
        if out is not None and isinstance(out[0], StateView):
            out[0][:] = result
            return out[0]
        return result

    def __getitem__(self, index: Any) -> Any:
        """Return values; a slice of them is read-only, as setting its items would not set those of the network."""
        return Snapshot(np.asarray(self), _THROUGH)[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write values: numbers, an array, or a distribution."""
        turn = self._population.network.engine.turn
        turn.take(lambda: self._write(index, value), "being changed")

    def _write(self, index: Any, value: Any) -> None:
        where = f"{self._population.name}.{self._name}"
        whole = np.array(self, dtype=np.float64)
        if isinstance(value, Distribution):
            drawn = self._population.network.engine.draw(value, whole[index].size)
            value = drawn.reshape(whole[index].shape)
        state = self.about()
        value = numbers(where, "value", value, state.unit, whole.ndim, nan=True)
        try:
            np.broadcast_to(value, whole[index].shape)
        except ValueError:
            rule = f"must be one number or numbers of shape {whole[index].shape}"
            fail(where, "value", value.shape, rule, got="shape")
        require(where, "value", value.reshape(-1), state.rule)
        representable(where, "value", np.atleast_1d(value), self.dtype)
        whole[index] = value
        self.store(whole)

    def about(self) -> State:
        """Return the state's unit, and the values that it may be set to."""
        model = self._population.model
        assert isinstance(model, NeuronModel)
        return model.state(self._name)

    def read(self) -> npt.NDArray[Any]:
        """Return the values."""
        return self._population._read_state(self._name)

    def store(self, values: npt.NDArray[np.float64]) -> None:
        """Write values that were checked."""
        self._population._write_state(self._name, values)

    def __copy__(self) -> npt.NDArray[Any]:
        """Return the values, as copying an array does."""
        return np.array(self)

    def __deepcopy__(self, memo: Any) -> npt.NDArray[Any]:
        """Return the values, as copying an array does."""
        return np.array(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as a plain array: results of a worker travel without the network."""
        return np.array(self).__reduce_ex__(protocol)

    def __len__(self) -> int:
        """Return the number of neurons."""
        return len(self._population)

    @property
    def shape(self) -> tuple[int]:
        """Shape, (n,)."""
        return (len(self),)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The network's precision."""
        return self._population.network.dtype

    def __float__(self) -> float:
        """Return the value of one neuron, as of ``E[0].V_m``."""
        if len(self) != 1:
            name = f"{self._population.name}.{self._name}"
            msg = f"{name} has {len(self)} values, and only one can be a float"
            raise TypeError(msg)
        return float(np.asarray(self)[0])

    def __getattr__(self, name: str) -> Any:
        """Look up a method of an array (mean, max, ...) on a copy of the values.

        What would change the copy (sort, fill, ...) raises ValueError, as the network would not change.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        values = np.asarray(self)
        values.flags.writeable = False
        return getattr(values, name)

    def __repr__(self) -> str:
        try:
            values = repr(np.asarray(self))
        except RuntimeError:
            state = self._population.network.engine.state()
            values = "running" if state == "idle" else state  # it has ended since
        return f"StateView({self._population.name}.{self._name}, {values})"


_FIXED_POSITIONS = (
    "positions are fixed when a population is made; copy the array with np.array(...)"
)
_NEW = "it is fixed when the population is made; add another, with net.population({name}=...)"
_SHARED = ("reset", "start", "stop")  # parameters that all elements have in common
_FIXED = {
    "name": _NEW.format(name="name"),
    "size": _NEW.format(name="n"),
    "model": "set its parameters, with set(...), or add another population",
    "ids": "take another part, such as population[ids]",
    "whole": "take a part, such as population[:10]",
    "positions": _NEW.format(name="positions"),
    "network": _NEW.format(name="n"),
    "index": "it counts the populations of the network",
}


_ELSEWHERE = {
    "spikes": '; record them: net.record(population, "spikes")',
    "rate": '; record spikes: net.record(population, "spikes").rates()',
    "rates": '; record spikes: net.record(population, "spikes").rates()',
    "counts": '; record spikes: net.record(population, "spikes").counts()',
    "weights": "; they are of a projection, which net.connect() returns",
    "delays": "; they are of a projection, which net.connect() returns",
}


class Population:
    """A group of neurons, or of spike sources, that share a model. Made by `Network.population`.

    States (``V_m``, ``I_syn_ex``, ...) are attributes that read and write like arrays. Parameters (``I_e``, ``V_th``,
    ``rate``, ...) can be read at any time and set between runs. ``pop[:10]``, ``pop[ids]`` and ``pop[mask]`` are parts
    of a population and can be used wherever a population can.
    """

    network: NetworkBase
    index: int
    name: str

    def __init__(
        self,
        network: NetworkBase,
        index: int,
        size: int,
        model: Model,
        name: str,
        ids: npt.NDArray[np.uint32] | None,
    ) -> None:
        vars(self).update(  # __setattr__ sets states and parameters
            network=network,
            index=index,
            name=name,
            _size=size,
            # Shared with parts: the model, and that which the core is known to have, or None while it is set.
            _model=[model, model],
            _ids=ids,
        )

    @property
    def model(self) -> Model:
        """The model, with its parameters."""
        return self._model[0]  # type: ignore[no-any-return]  # set through __setattr__

    @property
    def size(self) -> int:
        """Number of elements of the whole population."""
        return int(self._size)

    @property
    def ids(self) -> npt.NDArray[np.uint32]:
        """Ids of the elements, within the population, read-only."""
        ids = np.arange(self.size, dtype=np.uint32) if self._ids is None else self._ids.copy()
        return Snapshot(ids, _IDS)

    @property
    def space(self) -> Positions | None:
        """The positions of the whole population, with the space they are in, or None if it has none."""
        return self._engine.positions.get(self.index)

    @property
    def positions(self) -> npt.NDArray[np.float64] | None:
        """Positions of the elements, [n, dimensions], read-only; None if the population has none."""
        if self.space is None:
            return None
        return Snapshot(self.space.coordinates[self.ids], _FIXED_POSITIONS)

    @property
    def whole(self) -> bool:
        """Whether this is a population, not a part of one."""
        return self._ids is None

    def __len__(self) -> int:
        """Return the number of elements."""
        return self.size if self._ids is None else len(self._ids)

    def __getitem__(self, index: Any) -> Population:
        """Return a part: a slice, an id, ids or a mask."""
        if self._ids is None and type(index) is int and -self.size <= index < self.size:
            return self.part_of(
                np.array([index % self.size], np.uint32)
            )  # without an array of all ids
        if is_masked(index):
            fail(self.name, "index", index, "must have no masked elements", error=TypeError)
        if self._ids is None and isinstance(index, slice):  # also without one
            return self.part_of(np.arange(*index.indices(self.size)).astype(np.uint32))
        known = self._of_the_whole(index)
        try:
            ids = np.atleast_1d(np.asarray(self.ids)[index]) if known is None else known
        except IndexError as error:
            msg = f"{self.name}: {error} (ids are 0 .. {self.size - 1})"
            raise IndexError(msg) from None
        if ids.ndim > 1:
            fail(
                self.name, "index", index, "must be an id, a slice, ids or a mask", error=TypeError
            )
        if len(np.unique(ids)) != len(ids):
            fail(self.name, "index", index, "must not name an element twice")
        return self.part_of(ids)

    def _of_the_whole(self, index: Any) -> npt.NDArray[np.uint32] | None:
        """Return an id or ids of a whole population, which need no array of all ids; None for what may be an error."""
        if self._ids is not None or isinstance(index, bool | tuple):
            return None
        given = np.asarray(index)
        if given.ndim > 1 or given.dtype.kind not in "iu" or given.size == 0:
            return None
        if given.min() < -self.size or given.max() >= self.size:
            return None
        ids = np.atleast_1d(given).astype(np.int64)
        return np.where(ids < 0, ids + self.size, ids).astype(np.uint32)

    def part_of(self, ids: npt.NDArray[np.uint32]) -> Population:
        """Return the part with some ids of the whole population, each once."""
        part = Population(self.network, self.index, self.size, self.model, self.name, ids)
        object.__setattr__(part, "_model", self._model)
        return part

    def __add__(self, other: Any) -> Any:
        """Return the union of both, ``E + I``."""
        return self.network.join(self, other)

    def __radd__(self, other: Any) -> Any:
        """Begin a sum, as ``sum(populations)`` does."""
        return self if type(other) is int and other == 0 else NotImplemented

    def __dir__(self) -> list[str]:
        """List states and parameters, too."""
        return sorted({*super().__dir__(), *self._states, *self._parameter_names()})

    def __getattr__(self, name: str) -> Any:
        """Look up a state or a parameter."""
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._states:
            return StateView(self, name)
        if name in self._parameter_names():
            value = getattr(self.model, name)
            if self._ids is not None and self._per_element and np.ndim(value) == 1:
                value = value[self._ids]
            return Snapshot(value, _PARAMETER) if isinstance(value, np.ndarray) else value
        known = [*self._states, *self._parameter_names()]
        near = _ELSEWHERE.get(name) or suggestion(name, known)
        msg = f"{self.name} ({type(self.model).__name__}) has no {name!r}{near} (there are: {', '.join(known)})"
        raise AttributeError(msg, name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a state or a parameter."""
        if name in self._states:
            if not (isinstance(value, StateView) and value._population is self):
                StateView(self, name)[:] = value
        elif name in self._parameter_names():
            self.set(**{name: value})
        elif hasattr(type(self), name) or name in _FIXED:
            msg = f"{self.name}: {name} cannot be set: {_FIXED.get(name, 'it is fixed')}"
            raise AttributeError(msg, name=name, obj=self)
        else:
            self.__getattr__(name)  # raises, naming what there is

    def __delattr__(self, name: str) -> None:
        """Raise AttributeError."""
        msg = f"{self.name}: {name} cannot be deleted"
        raise AttributeError(msg, name=name, obj=self)

    @changing
    def set(self, **parameters: Any) -> None:
        """Set parameters between runs; states are kept.

        Parameters
        ----------
        **parameters
            Values by name: numbers, or arrays with one for each element (of the part, for a part).
        """
        model, before = self.changed(**parameters), self._model[1]
        self._model[1] = None
        set_model(self, model, before)
        self._model[:] = model, model

    def changed(self, **parameters: Any) -> Model:
        """Return the model with other parameters, after all checks; see `set`."""
        changes = {}
        for name, value in parameters.items():
            if name not in self._parameter_names():
                self.__getattr__(name)
            shared = (
                name in _SHARED and len(self) < self.size and value != getattr(self.model, name)
            )
            if self._ids is not None and (shared or not self._per_element):
                kind = type(self.model).__name__
                rule = f"is of the whole population ({kind}): set it there, for all elements"
                fail(f"part of {self.name}", name, value, rule)
            changes[name] = value
            if self._ids is not None and name not in _SHARED:
                whole = np.broadcast_to(
                    np.asarray(getattr(self.model, name), dtype=float), (self.size,)
                ).copy()
                given = numbers(self.name, name, value, self._unit(name))
                whole[self._ids] = fits(self.name, name, given, len(self))
                changes[name] = whole
        if isinstance(self.model, NeuronModel):
            model: Model = self.model.replace(**changes)
        else:
            kept = {p: getattr(self.model, p) for p in self._parameter_names()}
            model = type(self.model)(**{**kept, **changes})
        return model

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states."""
        return self._states

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self._parameter_names()

    @property
    def _states(self) -> tuple[str, ...]:
        return self.model.states if isinstance(self.model, NeuronModel) else ()

    @property
    def _per_element(self) -> bool:
        """Whether parameters are one number, or one for each element; else they are of the whole population."""
        return isinstance(self.model, NeuronModel) or per_element(self.model)

    def _unit(self, parameter: str) -> str:
        """Return the unit of a parameter that may differ between elements."""
        if isinstance(self.model, NeuronModel):
            return self.model.units()[parameter]
        fields = {f.name: f for f in dataclasses.fields(self.model)}
        return str(fields[parameter].metadata["unit"])

    def _parameter_names(self) -> tuple[str, ...]:
        model: type = type(self.model)
        return _parameters_of(model)

    def _read_state(self, name: str) -> npt.NDArray[Any]:
        values = self._whole_state(name)
        return values if self._ids is None else values[self._ids]

    def _write_state(self, name: str, values: npt.NDArray[Any]) -> None:
        if self._ids is not None:
            whole = self._whole_state(name)
            whole[self._ids] = values
            values = whole
        self._engine.sim.set_state(self.index, state_index(self, name), values)

    def _whole_state(self, name: str) -> npt.NDArray[Any]:
        own = self._engine.sim.state(self.index, state_index(self, name))
        return self._engine.gathered(f"{self.name}.{name}", self.index, own)

    @property
    def _engine(self) -> Engine:
        return self.network.engine

    def __repr__(self) -> str:
        part = "" if self.whole else f" of {self.size}"
        return f"Population({self.name}: {len(self)}{part}, {self.model!r})"

    def _repr_html_(self) -> str:
        """Return a table of states and parameters, for notebooks."""
        part = "" if self.whole else f" of {self.size}"
        title = f"{self.name}: {len(self)}{part} x {type(self.model).__name__}"
        units = self.model.units() if isinstance(self.model, NeuronModel) else {}
        rows = [
            (name, html.short(getattr(self, name)), units.get(name, "")) for name in self.parameters
        ]
        states = html.facts("", [("states", ", ".join(self.states))]) if self.states else ""
        return html.joined(html.grid(title, ["parameter", "value", "unit"], rows), states)


@functools.lru_cache(maxsize=256)
def _parameters_of(model: type) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(model))


def state_index(population: Population, name: str) -> int:
    """Return the core's number of a state."""
    assert isinstance(population.model, NeuronModel)
    return population.model.states.index(name)


def check_own(
    network: NetworkBase, where: str, population: Any, argument: str = "population"
) -> None:
    """Check that something is a population, or a part of one, of this network."""
    if not isinstance(population, Population):
        rule = "must be a Population, as net.population(...) returns"
        fail(where, argument, population, rule, error=TypeError)
    if population.network is not network:
        fail(where, argument, population.name, "must belong to this network")


def set_model(population: Population, model: Model, before: Model | None = None) -> None:
    """Give the core new parameters, rates or spikes of a whole population, which has those of `before`, if known."""
    engine, index, n = population.network.engine, population.index, population.size
    if isinstance(model, NeuronModel):
        check_length(population.name, model, n)
        known = before if isinstance(before, NeuronModel) else None
        model.set_in(engine.sim, index, engine.dt, known)
    else:
        send_source(population.name, population.network, n, model, engine.step, index)
        engine.raster_starts[index] = engine.step


def check_length(where: str, model: NeuronModel, n: int) -> None:
    """Check that array parameters have one value for each of n neurons."""
    if model.length is not None and model.length != n:
        fail(where, "array parameters", model.length, f"must have length {n}", got="length")
