"""The base of `Spikes`: what it holds, and that it is a value."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn, Self, SupportsIndex

import numpy as np
import numpy.typing as npt

from spikelet._util import html
from spikelet._util.checks import Float, fail
from spikelet._util.grid import slack
from spikelet._util.sealed import Sealed
from spikelet._util.spelling import spelled
from spikelet.spikes.annotations import checked
from spikelet.spikes.binning import number_of_bins, width_of
from spikelet.spikes.checking import (
    check_grid,
    checked_elements,
    interval_of,
    sorted_spikes,
)
from spikelet.spikes.selection import places_of

Ints = npt.NDArray[np.int64]


class Observed(Sealed):
    """Times and ids of what elements did in an interval; see `Spikes`, which says what the parameters are."""

    times: Float
    ids: Ints
    n: int
    start: float
    stop: float | None
    dt: float | None
    shape: tuple[int, ...]
    name: str
    annotations: Mapping[str, Any]

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # equal by value, as arrays are
    __array_ufunc__ = None  # array == spikes is left to __eq__

    _instead: ClassVar = {"": "spikes never change; make others, with sl.Spikes() or a method"}

    @spelled
    def __init__(
        self,
        times: npt.ArrayLike,
        ids: npt.ArrayLike,
        n: SupportsIndex | None = None,
        *,
        start: float | None = None,
        stop: float | None = None,
        dt: float | None = None,
        elements: npt.ArrayLike | None = None,
        shape: tuple[int, ...] | None = None,
        name: str = "spikes",
        annotations: Mapping[str, Any] | None = None,
    ) -> None:
        self.n, self.shape, self._elements = checked_elements(n, shape, elements, ids)
        self.times, self.ids = sorted_spikes(times, ids, self.n, self._elements)
        if not isinstance(name, str):
            fail("Spikes", "name", name, "must be a string", error=TypeError)
        self.name = name
        self.dt = None if dt is None else width_of("Spikes", "dt", dt)
        self.start, self.stop = interval_of(self.times, start, stop, slack(self.dt))
        if self.dt is not None:
            check_grid(self.times, self.dt)
        self.annotations = checked(
            "Spikes", {} if annotations is None else annotations, self._width
        )

    @property
    def elements(self) -> Ints:
        """Ids of the elements that were observed, read-only."""
        found = np.arange(self.n) if self._elements is None else self._elements
        found.flags.writeable = False
        return found

    @property
    def whole(self) -> bool:
        """Whether all elements were observed; then `elements` are 0, ..., n - 1."""
        return self._elements is None

    @property
    def steps(self) -> int:
        """Number of steps of the grid in the interval, the last one perhaps in part."""
        dt = self._grid("steps", None)
        return number_of_bins(self._end() - self.start, dt, whole=False)

    @property
    def _width(self) -> int:
        """Number of observed elements."""
        return self.n if self._elements is None else len(self._elements)

    def _end(self) -> float:
        """Return the end of the interval; if it is unknown, that of the last spike."""
        return (
            self.stop
            if self.stop is not None
            else float(self.times[-1])
            if len(self)
            else self.start
        )

    def _grid(self, what: str, dt: float | None) -> float:
        if dt is not None:
            return width_of(f"Spikes.{what}", "dt", dt)
        if self.dt is None:
            fail(f"Spikes.{what}", "dt", None, "must be given with spikes that lie on no grid")
        return self.dt

    def columns(self) -> Ints:
        """Return the place of each spike's element in `elements`, [n_spikes]; its id, if all were observed."""
        if self._elements is None:
            return self.ids
        return places_of(self.ids, self._elements)

    def __len__(self) -> int:
        return len(self.times)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Observed):
            return NotImplemented
        return (
            (self.n, self.shape, self.start, self.stop, self.dt)
            == (other.n, other.shape, other.start, other.stop, other.dt)
            and np.array_equal(self.elements, other.elements)
            and np.array_equal(self.times, other.times)
            and np.array_equal(self.ids, other.ids)
        )

    def __contains__(self, spike: object) -> bool:
        if not isinstance(spike, tuple) or len(spike) != 2:
            fail("Spikes", "spike", spike, "must be a pair of time [ms] and id", error=TypeError)
        first, last = (
            np.searchsorted(self.times, spike[0]),
            np.searchsorted(self.times, spike[0], "right"),
        )
        return bool((self.ids[first:last] == spike[1]).any())

    def __iter__(self) -> NoReturn:
        msg = (
            "Spikes cannot be iterated over: use spikes.trains(), or zip(spikes.times, spikes.ids)"
        )
        raise TypeError(msg)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        msg = "Spikes are not an array: use spikes.times and spikes.ids, spikes.bin(width) or spikes.raster()"
        raise TypeError(msg)

    def __repr__(self) -> str:
        end = "unknown" if self.stop is None else f"{self.stop:g} ms"
        part = "" if self._elements is None else f"{self._width} of "
        grid = "" if self.dt is None else f", dt {self.dt:g} ms"
        return f"Spikes({self.name}: {len(self)} spikes of {part}{self.n}, {self.start:g} ms to {end}{grid})"

    def _repr_html_(self) -> str:
        """Return a table, for notebooks."""
        end = "unknown" if self.stop is None else f"{self.stop:g} ms"
        seconds = (self._end() - self.start) * 1e-3
        rate = f"{len(self) / self._width / seconds:.3g} Hz" if seconds > 0 and self._width else ""
        rows = [
            ("spikes", f"{len(self):,}"),
            ("elements", f"{self._width:,}"),
            ("interval", f"{self.start:g} ms to {end}"),
            ("mean rate", rate),
        ]
        return html.facts(f"Spikes: {self.name}", rows)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: Any) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "annotations": dict(self.annotations)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, annotations=MappingProxyType(state["annotations"]))
        for array in (self.times, self.ids, *state["annotations"].values()):
            if isinstance(array, np.ndarray):
                array.flags.writeable = False

    def _with(self, **changes: Any) -> Self:
        """Return others, with attributes that are known to be right."""
        made = object.__new__(type(self))
        vars(made).update(vars(self), **changes)
        made.times.flags.writeable = made.ids.flags.writeable = False
        return made
