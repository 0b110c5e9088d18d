"""Unions of populations, ``E + I``: several populations, or parts of them, in place of one."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet._util import html
from spikelet._util.checks import fail, is_masked
from spikelet._util.snapshot import Snapshot
from spikelet._util.spelling import suggestion
from spikelet._util.values import by_position
from spikelet.network.base import NetworkBase
from spikelet.network.population import Population, StateView
from spikelet.neurons.base import State

__all__ = ["Union", "joined", "parts_of", "positions_in", "values_of_part"]

Ints: TypeAlias = npt.NDArray[np.int64]

_WHOLE = np.array(True)  # of every element
_IDS = "the ids of a union are fixed; take a part, such as union[ids], or copy the array"
_PARAMETER = "items of a parameter cannot be set: assign a whole array, as in `union.I_e = values`"


class Union:
    """Several populations, or parts of them, one after the other. Made by ``E + I``.

    Elements are numbered through all parts, in the order in which these were added. States and parameters that all
    parts have are attributes, as of a population. A union only names populations. It is not part of the network and is
    not saved; make it again from ``net.populations``.

    Attributes
    ----------
    network : Network
        The network.
    parts : tuple of Population
        The parts, in order. No element is in two of them.
    """

    network: NetworkBase
    parts: tuple[Population, ...]

    def __init__(self, network: NetworkBase, parts: Sequence[Population]) -> None:
        self._fill(network, (), {}, parts)

    def _fill(
        self,
        network: NetworkBase,
        before: tuple[Population, ...],
        taken: Mapping[int, npt.NDArray[np.bool_]],
        parts: Sequence[Population],
    ) -> None:
        """Set all attributes. A sum of many populations checks each part once: `before` have `taken` theirs."""
        set_ = super().__setattr__
        set_("network", network)
        set_("parts", (*before, *parts))
        set_("_taken", dict(taken))
        own: set[int] = set()
        for part in parts:
            self._take(part, own)

    def _take(self, part: Population, own: set[int]) -> None:
        """Note which elements of a population a part has, after a check that no other part has them.

        `own` holds the populations whose array is this union's, and not that of the union with which it begins.
        """
        index, taken = part.index, self._taken.get(part.index)
        if taken is None and part.whole:
            self._taken[index] = _WHOLE
            return
        if index not in own:
            taken = (
                np.zeros(part.size, bool) if taken is None else taken | np.zeros(part.size, bool)
            )
            self._taken[index] = taken
            own.add(index)
        ids = part.ids
        if taken[ids].any():
            same = [one for one in self.parts if one.index == index]
            rule = f"must not share elements, but {part.name} {ids[taken[ids]][0]} is in two"
            fail("union", "parts", [repr(one) for one in same], rule)
        taken[ids] = True

    def _followed_by(self, parts: Sequence[Population]) -> Union:
        """Return the union of these parts and some more."""
        union: Union = object.__new__(type(self))
        union._fill(self.network, self.parts, self._taken, parts)
        return union

    @functools.cached_property
    def _begins(self) -> Ints:
        sizes = [len(part) for part in self.parts]
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    @property
    def name(self) -> str:
        """The names of the parts: "E + I"."""
        return " + ".join(part.name for part in self.parts)

    @property
    def ids(self) -> Ints:
        """Ids of the elements within the union, 0 to len - 1, read-only."""
        return Snapshot(np.arange(len(self)), _IDS)

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states that all parts have."""
        return self._common([part.states for part in self.parts])

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that all parts have."""
        return self._common([part.parameters for part in self.parts])

    @property
    def positions(self) -> npt.NDArray[np.float64] | None:
        """Positions of the elements, [n, dimensions]; None unless all parts have them, in as many dimensions."""
        found = [part.positions for part in self.parts if part.positions is not None]
        alike = len(found) == len(self.parts) and len({x.shape[1] for x in found}) == 1
        return np.concatenate(found) if alike else None

    @staticmethod
    def _common(names: list[tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(name for name in names[0] if all(name in other for other in names[1:]))

    def __len__(self) -> int:
        """Return the number of elements."""
        return int(self._begins[-1])

    def __add__(self, other: Any) -> Union:
        """Return the union with another population or union."""
        return self.network.join(self, other)  # type: ignore[no-any-return]  # NetworkBase does not know unions

    def __radd__(self, other: Any) -> Any:
        """Begin a sum, as ``sum(populations)`` does."""
        return self if type(other) is int and other == 0 else NotImplemented

    def __getitem__(self, index: Any) -> Union:
        """Return a part: a slice, an id, ids or a mask; elements of one population must stay together."""
        if is_masked(index):
            fail(self.name, "index", index, "must have no masked elements", error=TypeError)
        try:
            ids = np.atleast_1d(np.arange(len(self))[index])
        except IndexError as error:
            msg = f"{self.name}: {error}"
            raise IndexError(msg) from None
        if ids.ndim > 1:
            rule = "must be an id, a slice, ids or a mask"
            fail(self.name, "index", index, rule, error=TypeError)
        if len(np.unique(ids)) != len(ids):
            fail(self.name, "index", index, "must not name an element twice")
        part = self._part_of(ids)
        begins = np.flatnonzero(np.diff(part, prepend=-1))
        if len(np.unique(part[begins])) != len(begins):
            rule = "must list the elements of each population together: sort the ids, with np.sort(ids)"
            fail(self.name, "index", index, rule)
        if len(ids) == 0:
            return Union(self.network, [self.parts[0][:0]])
        runs = zip(begins, [*begins[1:], len(ids)], strict=True)
        chosen = [self.parts[part[a]][ids[a:b] - self._begins[part[a]]] for a, b in runs]
        return Union(self.network, chosen)

    def _part_of(self, ids: Ints) -> Ints:
        """Return the number of the part that each element is in."""
        return np.asarray(np.searchsorted(self._begins, ids, side="right") - 1)

    def places(self) -> list[slice]:
        """Return where the elements of each part are in the union."""
        return [
            slice(int(a), int(b)) for a, b in zip(self._begins[:-1], self._begins[1:], strict=True)
        ]

    def __getattr__(self, name: str) -> Any:
        """Look up a state or a parameter."""
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.states:
            return UnionState(self, name)
        if name in self.parameters:
            return self._parameter(name)
        known = [*self.states, *self.parameters]
        near = suggestion(name, known)
        common = (
            f"all of its parts have: {', '.join(known)}"
            if known
            else "its parts have none in common"
        )
        msg = f"{self.name} has no {name!r}{near} ({common})"
        raise AttributeError(msg, name=name, obj=self)

    def _parameter(self, name: str) -> Any:
        """Return one value if all elements share it, or one for each."""
        values = [getattr(part, name) for part in self.parts]
        one = all(np.ndim(value) == 0 for value in values) and all(v == values[0] for v in values)
        if one:
            return values[0]
        each = [
            np.broadcast_to(v, (len(part),)) for v, part in zip(values, self.parts, strict=True)
        ]
        return Snapshot(np.concatenate(each), _PARAMETER)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a state or a parameter."""
        if name in self.states:
            if not (isinstance(value, UnionState) and value.of is self):
                UnionState(self, name)[:] = value
        elif name in self.parameters:
            self.set(**{name: value})
        elif hasattr(type(self), name) or name in ("network", "parts"):
            msg = f"{self.name}: {name} cannot be set: make another union, with +"
            raise AttributeError(msg, name=name, obj=self)
        else:
            self.__getattr__(name)  # raises, naming what there is

    def __delattr__(self, name: str) -> None:
        """Raise AttributeError."""
        msg = f"{self.name}: {name} cannot be deleted"
        raise AttributeError(msg, name=name, obj=self)

    def set(self, **parameters: Any) -> None:
        """Set parameters of all parts between runs; states are kept.

        Parameters
        ----------
        **parameters
            Values by name: numbers, or arrays with one for each element of the union.
        """
        for name in parameters:
            if name not in self.parameters:
                self.__getattr__(name)
        for name, value in parameters.items():
            if np.ndim(value) and np.shape(value) != (len(self),):
                rule = f"must be one number or {len(self)} numbers"
                fail(self.name, name, np.shape(value), rule, got="shape")
        changes = []
        for population, places in self._by_population():
            of_part = {
                name: by_position(value)[places] if np.ndim(value) else value
                for name, value in parameters.items()
            }
            population.changed(**of_part)  # all of them before the first is set
            changes.append((population, of_part))
        for population, of_part in changes:
            population.set(**of_part)

    def _by_population(self) -> list[tuple[Population, Ints]]:
        """Return the elements of each population as one part, and where they are in the union."""
        found = []
        for index in dict.fromkeys(part.index for part in self.parts):
            mine = [
                (part, at)
                for part, at in zip(self.parts, self.places(), strict=True)
                if part.index == index
            ]
            places = np.concatenate([np.arange(at.start, at.stop) for _, at in mine])
            whole = mine[0][0]
            if len(mine) > 1:
                ids = np.concatenate([part.ids for part, _ in mine])
                whole = whole.part_of(ids)
            found.append((whole, places))
        return found

    def __dir__(self) -> list[str]:
        """List states and parameters, too."""
        return sorted({*super().__dir__(), *self.states, *self.parameters})

    def _repr_html_(self) -> str:
        """Return a table of the parts, for notebooks."""
        rows = [(part.name, len(part), type(part.model).__name__) for part in self.parts]
        return html.grid(f"{self.name}: {len(self)} elements", ["part", "elements", "model"], rows)

    def __repr__(self) -> str:
        return f"Union({' + '.join(map(repr, self.parts))})"


class UnionState(StateView):
    """One state of a union; it reads like an array and writes through."""

    def __init__(self, union: Union, name: str) -> None:
        super().__init__(union, name)  # type: ignore[arg-type]  # what StateView needs, a union has
        self._union = union

    @property
    def of(self) -> Union:
        """The union."""
        return self._union

    def about(self) -> State:
        """Return the state's unit, and the values that it may be set to in all parts."""
        found = {getattr(part, self._name).about() for part in self._union.parts}
        units = {state.unit for state in found}
        if len(units) > 1:
            rule = "must have one unit in all parts; set it part by part"
            fail(self._union.name, f"unit of {self._name}", sorted(units), rule)
        strictest: State = max(found, key=lambda state: len(state.rule))
        return strictest

    def read(self) -> npt.NDArray[Any]:
        """Return the values."""
        return np.concatenate([getattr(part, self._name).read() for part in self._union.parts])

    def store(self, values: npt.NDArray[np.float64]) -> None:
        """Write values that were checked."""
        for part, place in zip(self._union.parts, self._union.places(), strict=True):
            getattr(part, self._name).store(values[place])


def parts_of(population: Population | Union) -> tuple[Population, ...]:
    """Return the parts of a union, or a population as the only one."""
    return population.parts if isinstance(population, Union) else (population,)


def positions_in(population: Population | Union) -> dict[int, Ints]:
    """Return, for each population in a union, the id within the union of each element; -1 where it has none."""
    found: dict[int, Ints] = {}
    begin = 0
    for part in parts_of(population):
        of_population = found.setdefault(part.index, np.full(part.size, -1, dtype=np.int64))
        of_population[part.ids] = np.arange(begin, begin + len(part))
        begin += len(part)
    return found


_IN_TIME = (
    "values",
    "times",
    "amplitudes",
    "rates",
)  # a row is a time; columns, if any, are neurons


def values_of_part(where: str, name: str, value: Any, place: slice, n: int) -> Any:
    """Return a parameter of an input for some neurons of a union of n."""
    each = np.ndim(value) == 2 or (np.ndim(value) == 1 and name not in _IN_TIME)
    if not each:
        return value
    if np.shape(value)[-1] != n:
        must = f"must have one value for each of the {n} neurons"
        fail(where, name, np.shape(value), must, got="shape")
    return by_position(value)[..., place]


def joined_values(name: str, values: Sequence[Any], lengths: Sequence[int]) -> npt.NDArray[Any]:
    """Return a parameter of an input for all neurons of a union, from that of each part."""

    def columns(value: Any, n: int) -> npt.NDArray[Any]:
        array = np.asarray(value)
        rows = array.shape[:1] if array.ndim == 2 or name in _IN_TIME else ()
        return np.broadcast_to(array[:, None] if rows and array.ndim == 1 else array, (*rows, n))

    return np.concatenate([columns(v, n) for v, n in zip(values, lengths, strict=True)], axis=-1)


def joined(network: NetworkBase, items: Sequence[Any]) -> Union:
    """Return the union of populations and unions of one network."""
    parts: list[Population] = []
    first = items[0] if items and isinstance(items[0], Union) else None
    for k, item in enumerate(items):
        if not isinstance(item, (Population, Union)):
            fail("union", "part", item, "must be a population, or a union of some", error=TypeError)
        if item.network is not network:
            fail("union", "part", item.name, "must belong to the same network")
        if k > 0 or first is None:
            parts += parts_of(item)
    return Union(network, parts) if first is None else first._followed_by(parts)
