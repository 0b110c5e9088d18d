"""Populations, parts of them, and their states as array-likes."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util import html
from spikelet._util.checks import fail, fits, is_masked, numbers, representable, require
from spikelet._util.sealed import Sealed
from spikelet._util.snapshot import SharedNumber, Snapshot
from spikelet._util.spelling import suggestion
from spikelet._util.values import by_position
from spikelet.network.base import Engine, NetworkBase
from spikelet.network.source_kinds import Source, per_element, send_source
from spikelet.network.turn import changing
from spikelet.neurons import NeuronModel
from spikelet.neurons.base import State
from spikelet.rules import Distribution
from spikelet.spatial import Positions

__all__ = ["Population", "StateView"]

Model = NeuronModel | Source
Ints = npt.NDArray[np.int64]

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
        """Return the state's unit, and the values that it may be set to, in all parts."""
        models = [part.model for part in self._population.parts]
        found = {model.state(self._name) for model in models if isinstance(model, NeuronModel)}
        if len(units := {state.unit for state in found}) > 1:
            rule = "must have one unit in all parts; set it part by part"
            fail(self._population.name, f"unit of {self._name}", sorted(units), rule)
        strictest: State = max(found, key=lambda state: len(state.rule))
        return strictest

    def read(self) -> npt.NDArray[Any]:
        """Return the values."""
        values = [part._read_state(self._name) for part in self._population.parts]
        return values[0] if len(values) == 1 else np.concatenate(values)

    def store(self, values: npt.NDArray[np.float64]) -> None:
        """Write values that were checked."""
        for part, place in zip(self._population.parts, self._population.places(), strict=True):
            part._write_state(self._name, values[place])

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
_INTERNAL = {
    "changed",
    "index",
    "part_of",
    "places",
    "require_there",
    "space",
    "whole",
}  # of the package, not of users
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
    "parts": "make another union, with +",
}
_WHOLE = np.array(True)  # of every element

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

    ``E + I`` is a union: several populations, or parts of them, one after the other, which can be used in the same way.
    Its elements are numbered through all parts, and its attributes are the states and parameters that all parts have.
    A union only names populations. It is not saved; make it again from ``net.populations``.
    """

    network: NetworkBase
    index: int
    _name: str
    _size: int
    # Shared with parts: the model, and that which the core is known to have, or None while it is set.
    _model: list[Any]
    _ids: npt.NDArray[np.uint32] | None
    _parts: tuple[Population, ...]  # of a union
    _taken: dict[int, npt.NDArray[np.bool_]]  # by population, the elements that a union has

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
            _name=name,
            _size=size,
            _model=[model, model],
            _ids=ids,
            _parts=(),
        )

    @property
    def name(self) -> str:
        """The name; of a union, the names of its parts: "E + I"."""
        return " + ".join([part._name for part in self.parts])

    @property
    def parts(self) -> tuple[Population, ...]:
        """The parts of a union, in order; no element is in two of them. Otherwise, the population itself."""
        return self._parts or (self,)

    @property
    def model(self) -> Model:
        """The model, with its parameters; each part of a union has its own."""
        return self._model[0]  # type: ignore[no-any-return]  # set through __setattr__

    @property
    def size(self) -> int:
        """Number of elements of the whole population, or of the union."""
        return int(self._size)

    @property
    def ids(self) -> npt.NDArray[np.uint32]:
        """Ids of the elements within the population, or within the union, read-only."""
        ids = np.arange(self.size, dtype=np.uint32) if self._ids is None else self._ids.copy()
        return Snapshot(ids, _IDS)

    @property
    def space(self) -> Positions | None:
        """The positions of the whole population, with the space they are in, or None if it has none."""
        return self._engine.positions.get(self.index)

    @property
    def positions(self) -> npt.NDArray[np.float64] | None:
        """Positions of the elements, [n, dimensions], read-only; None if a part has none, or other dimensions."""
        spaces = [part.space for part in self.parts]
        known = [space for space in spaces if space is not None]
        if len(known) < len(spaces) or len({space.dimensions for space in known}) > 1:
            return None
        each = zip(known, self.parts, strict=True)
        found = np.concatenate([space.coordinates[part.ids] for space, part in each])
        return Snapshot(found, _FIXED_POSITIONS)

    @property
    def removed(self) -> bool:
        """True if the population, or a part of the union, was removed. It can no longer be used then."""
        gone = self.network.engine.removed_populations
        return any(part.index in gone for part in self.parts)

    @changing
    def remove(self) -> None:
        """Remove the population with its projections, inputs and recorders, between runs.

        It leaves `Network.populations` and can no longer be used, nor can its parts. Spikes that are on their way from or
        to it are lost. What was recorded can still be read. Other populations keep their states and random numbers.
        To remove it again does nothing.

        Raises
        ------
        ValueError
            If it is a part or a union; or if one of its recorders shares a file with others.
        """
        if not self.whole:
            rule = "must be a whole population to be removed: remove each of net.populations"
            fail(self.name, "population", self, rule)
        if not self.removed:
            self._engine.structure.remove_population(self)

    @property
    def whole(self) -> bool:
        """True for one whole population, neither a part nor a union."""
        return self._ids is None and not self._parts

    def __len__(self) -> int:
        """Return the number of elements."""
        return self.size if self._ids is None else len(self._ids)

    def __getitem__(self, index: Any) -> Population:
        """Return a part: a slice, an id, ids or a mask. Of a union, elements of one part must stay together."""
        places = self._places(index)
        if not self._parts:
            return self.part_of(places if self._ids is None else self._ids[places])
        part = np.searchsorted(self._begins, places, side="right") - 1
        begins = np.flatnonzero(np.diff(part, prepend=-1))
        if len(np.unique(part[begins])) != len(begins):
            rule = "must list the elements of each population together: sort the ids, with np.sort(ids)"
            fail(self.name, "index", index, rule)
        if len(places) == 0:
            return self._parts[0][:0]
        runs = zip(begins, [*begins[1:], len(places)], strict=True)
        chosen = [self._parts[part[a]][places[a:b] - self._begins[part[a]]] for a, b in runs]
        return self.joined(self.network, chosen)

    def _places(self, index: Any) -> npt.NDArray[np.uint32]:
        """Return the places that an index picks, in most cases without an array of all of them."""
        n = len(self)
        if type(index) is int and -n <= index < n:
            return np.array([index % n], np.uint32)
        if is_masked(index):
            fail(self.name, "index", index, "must have no masked elements", error=TypeError)
        if isinstance(index, slice):
            return np.arange(*index.indices(n)).astype(np.uint32)
        given = np.zeros(0) if isinstance(index, bool | tuple) else np.asarray(index)
        numbers = given.ndim <= 1 and given.dtype.kind in "iu" and given.size > 0
        if numbers and -n <= given.min() and given.max() < n:
            places: npt.NDArray[Any] = np.atleast_1d(given).astype(np.int64)
            places = np.where(places < 0, places + n, places).astype(np.uint32)
        else:
            try:
                places = np.atleast_1d(np.arange(n, dtype=np.uint32)[index])
            except IndexError as error:
                problem = str(error)
                if problem.startswith("only integers"):  # NumPy lists its types of indices
                    problem = f"a part is an id (an integer), a slice, ids or a mask, got {index!r}"
                msg = f"{self.name}: {problem} (ids are 0 .. {n - 1})"
                raise IndexError(msg) from None
        if places.ndim > 1:
            rule = "must be an id, a slice, ids or a mask"
            fail(self.name, "index", index, rule, error=TypeError)
        if len(np.unique(places)) != len(places):
            fail(self.name, "index", index, "must not name an element twice")
        return places

    @functools.cached_property
    def _begins(self) -> Ints:
        sizes = [len(part) for part in self.parts]
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def places(self) -> list[slice]:
        """Return where the elements of each part are."""
        ends = self._begins.tolist()
        return [slice(a, b) for a, b in itertools.pairwise(ends)]

    def part_of(self, ids: npt.NDArray[np.uint32]) -> Population:
        """Return the part with some ids of the whole population, each once."""
        part = Population(self.network, self.index, self.size, self.model, self._name, ids)
        object.__setattr__(part, "_model", self._model)
        return part

    @classmethod
    def joined(cls, network: NetworkBase, items: Sequence[Any]) -> Population:
        """Return the union of populations, of parts of them, and of unions, in this order."""
        for item in items:
            if not isinstance(item, Population):
                fail(
                    "union",
                    "part",
                    item,
                    "must be a population, or a union of some",
                    error=TypeError,
                )
            if item.network is not network:
                fail("union", "part", item.name, "must belong to the same network")
        if not items:
            fail("union", "parts", (), "must be at least one population")
        first: Population = items[0]
        rest = items[1:]
        if not rest:
            return first
        # A sum of many populations checks each part once: those of `first` have taken their elements.
        union: Population = object.__new__(cls)
        new = [part for item in (rest if first._parts else items) for part in item.parts]
        vars(union).update(
            network=network,
            _parts=(*first._parts, *new),
            _size=sum(map(len, new), len(first) if first._parts else 0),
            _ids=None,
            _taken=dict(first._taken) if first._parts else {},
        )
        own: set[int] = set()
        for part in new:
            union._take(part, own)
        return union

    def _take(self, part: Population, own: set[int]) -> None:
        """Note which elements of a population a part has, after a check that no other part has them.

        `own` holds the populations whose array is this union's, and not that of the union with which it begins.
        """
        index = part.index
        taken: Any = self._taken.get(index)
        if taken is None and part.whole:
            self._taken[index] = _WHOLE
            return
        if index not in own:
            taken = np.zeros(part.size, bool) | (False if taken is None else taken)
            self._taken[index] = taken
            own.add(index)
        ids = part.ids
        if taken[ids].any():
            same = [repr(one) for one in self._parts if one.index == index]
            rule = f"must not share elements, but {part.name} {ids[taken[ids]][0]} is in two"
            fail("union", "parts", same, rule)
        taken[ids] = True

    def __add__(self, other: Any) -> Population:
        """Return the union of both, ``E + I``."""
        return self.joined(self.network, (self, other))

    def __radd__(self, other: Any) -> Any:
        """Begin a sum, as ``sum(populations)`` does."""
        return self if type(other) is int and other == 0 else NotImplemented

    def __dir__(self) -> list[str]:
        """List states and parameters, too, and of a union only what it has as a whole."""
        names = {*super().__dir__(), *self.states, *self.parameters} - _INTERNAL
        return sorted(names - {"model"} if self._parts else names)

    def __getattr__(self, name: str) -> Any:
        """Look up a state or a parameter."""
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.states:
            return StateView(self, name)
        if name in self.parameters:
            value = self._parameter(name)
            if type(value) is float:
                return SharedNumber(value, _PARAMETER)
            return Snapshot(value, _PARAMETER) if isinstance(value, np.ndarray) else value
        known = [*self.states, *self.parameters]
        listed = f"{'all of its parts have' if self._parts else 'there are'}: {', '.join(known)}"
        if self._parts and name in _FIXED:
            near, listed = "", "each of its parts has: union.parts"
        elif self._parts:
            near = suggestion(name, known)
            listed = listed if known else "its parts have none in common"
        else:
            near = _ELSEWHERE.get(name) or suggestion(name, known)
        kind = "" if self._parts else f" ({type(self.model).__name__})"
        msg = f"{self.name}{kind} has no {name!r}{near} ({listed})"
        raise AttributeError(msg, name=name, obj=self)

    def _parameter(self, name: str) -> Any:
        """Return one value if all elements share it, or one for each; of a source, also what it has as a whole."""
        if self._parts:
            values = [part._parameter(name) for part in self._parts]
            if all(np.ndim(value) == 0 and value == values[0] for value in values):
                return values[0]
            each = zip(values, self._parts, strict=True)
            return np.concatenate([np.broadcast_to(v, (len(part),)) for v, part in each])
        value = getattr(self.model, name)
        if self._ids is not None and self._per_element and np.ndim(value) == 1:
            value = value[self._ids]
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a state or a parameter."""
        if name in self.states:
            if not (isinstance(value, StateView) and value._population is self):
                StateView(self, name)[:] = value
        elif name in self.parameters:
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
            Values by name: numbers, or arrays with one for each element (of the part, or of the union).
        """
        self.require_there(self.name)
        for name in parameters:
            if name not in self.parameters:
                self.__getattr__(name)
        changed = [(part, part._changed(mine)) for part, mine in self._split(parameters)]
        for part, model in changed:  # after all checks
            before = part._model[1]
            part._model[1] = None
            set_model(part, model, before)
            part._model[:] = model, model

    def _split(self, parameters: dict[str, Any]) -> list[tuple[Population, dict[str, Any]]]:
        """Return the elements of each population as one part, with the parameters of these."""
        if not self._parts:
            return [(self, parameters)]
        for name, value in parameters.items():
            if np.ndim(value) and np.shape(value) != (len(self),):
                rule = f"must be one number or {len(self)} numbers"
                fail(self.name, name, np.shape(value), rule, got="shape")
        found = []
        for index in dict.fromkeys(part.index for part in self._parts):
            each = zip(self._parts, self.places(), strict=True)
            mine = [(part, at) for part, at in each if part.index == index]
            whole = mine[0][0]
            if len(mine) > 1:
                whole = whole.part_of(np.concatenate([part.ids for part, _ in mine]))
            places = np.concatenate([np.arange(at.start, at.stop) for _, at in mine])
            of_part = {
                name: by_position(value)[places] if np.ndim(value) else value
                for name, value in parameters.items()
            }
            found.append((whole, of_part))
        return found

    def _changed(self, parameters: dict[str, Any]) -> Model:
        """Return the model with other parameters, after all checks."""
        changes = {}
        for name, value in parameters.items():
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
            kept = {p: getattr(self.model, p) for p in self.parameters}
            model = type(self.model)(**{**kept, **changes})
        return model

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states; of a union, of those that all parts have."""
        if self._parts:
            return _common([part.states for part in self._parts])
        return self.model.states if isinstance(self.model, NeuronModel) else ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters; of a union, of those that all parts have."""
        if self._parts:
            return _common([part.parameters for part in self._parts])
        model: type = type(self.model)
        return _parameters_of(model)

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
        self.require_there(self.name)
        return self.network.engine

    def require_there(self, where: str) -> None:
        """Raise ValueError if the population was removed."""
        if self.removed:
            msg = f"{where}: {self.name} was removed and cannot be used; add another, with net.population(...)"
            raise ValueError(msg)

    def __repr__(self) -> str:
        if self._parts:
            return " + ".join(map(repr, self._parts))
        if self.removed:
            return f"Population({self.name}: removed)"
        part = "" if self.whole else f" of {self.size}"
        return f"Population({self.name}: {len(self)}{part}, {self.model.__short__()})"

    def _repr_html_(self) -> str:
        """Return a table of states and parameters, or of the parts of a union, for notebooks."""
        if self._parts:
            parts = [(part.name, len(part), type(part.model).__name__) for part in self._parts]
            title = f"{self.name}: {len(self)} elements"
            return html.grid(title, ["part", "elements", "model"], parts)
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


def _common(names: list[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(name for name in names[0] if all(name in other for other in names[1:]))


def positions_in(population: Population) -> dict[int, Ints]:
    """Return, for each population in a union, the id within the union of each element; -1 where it has none."""
    found: dict[int, Ints] = {}
    for part, place in zip(population.parts, population.places(), strict=True):
        of_population = found.setdefault(part.index, np.full(part.size, -1, dtype=np.int64))
        of_population[part.ids] = np.arange(place.start, place.stop)
    return found


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
        if isinstance(population, list | tuple):
            rule += "; of several, take the union, as in E + I"
        fail(where, argument, population, rule, error=TypeError)
    if population.network is not network:
        fail(where, argument, population.name, "must belong to this network")
    population.require_there(where)


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
