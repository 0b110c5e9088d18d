"""`Spikes`, the value that recorders give, and that statistics, plots, sources and decoders take."""

from __future__ import annotations

import math
from typing import Any, Self, SupportsIndex

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import Float, fail, number, require
from spikelet._util.grid import rescaled, slack, to_ms
from spikelet._util.memory import require_memory
from spikelet.spikes import frames, neo
from spikelet.spikes.annotations import common, of_elements
from spikelet.spikes.binning import bin_of, number_of_bins, width_of
from spikelet.spikes.checking import (
    finite,
    in_order,
    raster_spikes,
)
from spikelet.spikes.observed import Observed
from spikelet.spikes.selection import chosen_ids, places_of, united
from spikelet.spikes.trains import by_element, joined

Ints = npt.NDArray[np.int64]


class Spikes(Observed):
    """Spikes: their times, the elements that sent them, and the interval in which these were observed.

    It is immutable: methods return a new object. ``len(spikes)`` is the number of spikes,
    ``spikes[ids]`` those of some elements, and ``(time, id) in spikes`` asks for one. Two are equal if all is equal but
    names and annotations.

    Parameters
    ----------
    times : array-like of float, [n_spikes]
        Times [ms], in any order. They are sorted by time, then id. A repeated pair counts twice.
    ids : array-like of int, [n_spikes]
        Id of the element that sent each spike, counted from 0.
    n : int, optional
        Number of elements, silent ones included; by default the largest id + 1.
    start, stop : float, optional
        The interval in which the elements were observed [ms]: ``start < time <= stop``, including the start. By default
        it starts at 0, or at the first time if that is negative, and its end is unknown: `stop` is None.
    dt : float, optional
        Step of the grid on which the times lie [ms].
    elements : array-like of int, optional
        Ids of the elements that were observed, each once; by default all. `counts`, `rates`, `trains`, `bin`, `raster` and
        `sl.statistics` have one entry for each, in this order.
    shape : tuple of int, optional
        Shape of the elements, such as ``(2, 34, 34)`` of the pixels of a camera; ids count in C order.
    name : str
        Name of the elements.
    annotations : mapping of str to values, optional
        Further information: a single value, or an array with one value for each element. These become Neo's
        annotations.

    Attributes
    ----------
    times : array of float, [n_spikes]
        Times [ms], ascending, read-only.
    ids : array of int64, [n_spikes]
        Ids, read-only.
    """

    @classmethod
    def from_trains(cls, trains: Any, n: SupportsIndex | None = None, **about: Any) -> Self:
        """Return the spikes of one train for each element.

        Parameters
        ----------
        trains : sequence of array-like, or mapping of int to array-like
            The times of each element [ms], in any order: the trains of elements 0, 1, ..., or by id.
        n : int, optional
            Number of elements; by default that of the trains, or the largest id + 1.
        **about
            `start`, `stop`, `dt`, `name`, ... as in the constructor.
        """
        times, ids, size = joined("Spikes.from_trains", trains)
        if n is None and about.get("shape") is None:
            n = size
        return cls(times, ids, n, **about)

    @classmethod
    def from_raster(
        cls, raster: npt.ArrayLike, dt: float = 1.0, *, start: float = 0.0, name: str = "spikes"
    ) -> Self:
        """Return the spikes of a raster, whose row k has the stamp ``start + (k + 1) dt``.

        Parameters
        ----------
        raster : array-like, [T, ...]
            Number of spikes of each element in each step.
        dt : float
            Length of a step [ms].
        start : float
            Time at which the first step starts [ms], a multiple of dt.
        name : str
            Name of the elements.
        """
        where = "Spikes.from_raster"
        steps, flat, shape, length = raster_spikes(where, raster)
        step = width_of(where, "dt", dt)
        first = round(finite("start", start) / step)
        if abs(first * step - start) > 1e-6 * step:
            fail(where, "start", start, f"must be a multiple of dt = {step:g} ms")
        ends = to_ms(np.array([first, first + length]), step).tolist()
        times = to_ms(steps + first, step)
        return cls(times, flat, shape=shape, start=ends[0], stop=ends[1], dt=step, name=name)

    @classmethod
    def from_neo(cls, source: Any, *, population: str | None = None) -> Self:
        """Return the spikes of Neo's trains.

        Ids are the trains' annotation "id", as `to_neo` writes it, or PyNN's "source_index", or integer "channel_id"; else
        trains are counted from 0. Annotations are kept; waveforms are not.

        Parameters
        ----------
        source : neo.SpikeTrain, list of them, SpikeTrainList, neo.Group, neo.Segment or neo.Block
            Trains over one interval, of any unit of time. A block must have one segment.
        population : str, optional
            Take only trains with this annotation "population", where a segment holds several.

        Raises
        ------
        TypeError
            If there are no trains in it.
        ValueError
            If intervals differ, ids occur twice, or a block has several segments.
        """
        return cls(**neo.read_trains("Spikes.from_neo", source, population))

    # Others -------------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Self:
        return self.select(index)

    def select(self, index: Any, *, relabel: bool = False) -> Self:
        """Return the spikes of some elements; ``spikes[index]`` is short for it.

        Parameters
        ----------
        index : int, slice, ids or mask
            Ids of elements, as for an array of length n. For spikes of a part, a slice or a mask selects among the
            observed elements.
        relabel : bool
            Renumber ids from 0 in the order of `index`. By default ids and n stay the same.
        """
        chosen = chosen_ids(index, self.n, self._elements)
        if self.whole and np.array_equal(chosen, np.arange(self.n)):
            return self
        place = np.full(self.n, -1, np.int64)
        place[chosen] = np.arange(len(chosen))
        kept = place[self.ids] >= 0
        times, ids = self.times[kept], self.ids[kept]
        columns = chosen if self._elements is None else places_of(chosen, self._elements)
        about = of_elements(self.annotations, columns, self._width)
        n: int = self.n
        elements: Ints | None = chosen
        if relabel:
            times, ids = in_order(times, place[ids])
            n, elements = len(chosen), None
        return self._with(
            times=times, ids=ids, n=n, shape=(len(chosen),), annotations=about, _elements=elements
        )

    def between(self, start: float | None = None, stop: float | None = None) -> Self:
        """Return the spikes with ``start < time <= stop`` [ms], observed in this interval.

        Parameters
        ----------
        start, stop : float, optional
            The interval [ms], limited to that of the spikes. By default, and at the beginning, it includes `start`.
        """
        begin, end, first, last = self._cut("between", start, stop)
        return self._with(
            times=self.times[first:last], ids=self.ids[first:last], start=begin, stop=end
        )

    def _cut(self, what: str, start: Any, stop: Any) -> tuple[float, float | None, int, int]:
        """Return an interval within that of the spikes, and which spikes it has."""
        where = f"Spikes.{what}"
        begin = self.start if start is None else _number(where, "start", start)
        end = math.inf if stop is None else _number(where, "stop", stop)
        if end < begin:
            fail(where, "stop", stop, f"must not be before start = {begin:g} ms")
        last_end = math.inf if self.stop is None else self.stop
        if begin > last_end or begin == math.inf or end < self.start:
            rule = f"must overlap the time of observation, {self.start:g} to {last_end:g} ms"
            fail(where, "start and stop", (begin, end), rule)
        begin, end = max(begin, self.start), min(end, last_end)
        near = slack(self.dt)
        first = self._until(begin + near) if begin > self.start + near else 0
        last = self._until(end + near)
        if last > first:  # the interval of the part has all its spikes
            end = max(end, float(self.times[last - 1]))
        return begin, None if end == math.inf else end, first, last

    def _until(self, time: float) -> int:
        """Return the number of spikes up to a time [ms]."""
        return int(np.searchsorted(self.times, time, "right"))

    def shift(self, by: float) -> Self:
        """Return the spikes with all times, and the interval, shifted.

        The grid stays if it maps to itself; else `dt` of the result is None.

        Parameters
        ----------
        by : float
            How much later [ms]; a negative number is earlier.
        """
        delay = float(number("Spikes.shift", "by", by, "ms"))
        require("Spikes.shift", "by", np.asarray(delay), "finite")
        times, dt = self.times + delay, self.dt
        ends = [None if end is None else end + delay for end in (self.start, self.stop)]
        if dt is not None and abs(delay / dt - round(delay / dt)) < 1e-6:
            times = to_ms(np.rint(self.times / dt).astype(np.int64) + round(delay / dt), dt)
            ends = [None if end is None else rescaled(end, dt, dt) for end in ends]
        else:
            dt = None
        start, stop = ends
        assert start is not None
        if len(times):  # rounding does not move a spike out of the interval
            start = min(start, float(times[0]))
            stop = None if stop is None else max(stop, float(times[-1]))
        return self._with(times=times, start=start, stop=stop, dt=dt)

    def merge(self, *others: Spikes, relabel: bool = False) -> Self:
        """Return all spikes of these and others; ``a + b`` is short for it.

        The interval reaches from the first start to the last stop, and its end is unknown if one is. The grid stays if all
        have the same, and annotations stay where they are equal.

        Parameters
        ----------
        *others : Spikes
            Spikes of the same elements.
        relabel : bool
            The others have different elements, whose ids follow those before, as in a union of populations.
        """
        every: list[Spikes] = [
            self,
            *(_spikes("Spikes.merge", "others", other) for other in others),
        ]
        before = (
            np.cumsum([0, *(s.n for s in every[:-1])]).tolist() if relabel else [0] * len(every)
        )
        pairs = list(zip(every, before, strict=True))
        whole = all(s.whole for s in every)
        stops = [s.stop for s in every if s.stop is not None]
        alike = not relabel and all(np.array_equal(s.elements, self.elements) for s in every[1:])
        return type(self)(
            np.concatenate([s.times for s in every]),
            np.concatenate([s.ids + at for s, at in pairs]),
            max(s.n + at for s, at in pairs),
            start=min(s.start for s in every),
            stop=max(stops) if len(stops) == len(every) else None,
            dt=self.dt if len({s.dt for s in every}) == 1 else None,
            elements=None if whole else united([s.elements + at for s, at in pairs]),
            shape=self.shape if whole and alike and len({s.shape for s in every}) == 1 else None,
            name=" + ".join(dict.fromkeys(s.name for s in every)),
            annotations=common([s.annotations for s in every], self._width, alike=alike),
        )

    def __add__(self, other: Any) -> Self:
        return self.merge(other) if isinstance(other, Spikes) else NotImplemented

    def __radd__(self, other: Any) -> Self:
        """Begin a sum, as ``sum(list_of_spikes)`` does."""
        return self if type(other) is int and other == 0 else NotImplemented

    def with_dt(self, dt: float) -> Self:
        """Return the same steps on a grid of another step: the spike of step k is at k dt.

        For encoders, whose step is 1 ms unless they have a `dt`: ``sl.SpikeSource(spikes.with_dt(net.dt))``.

        Parameters
        ----------
        dt : float
            Length of a step [ms].
        """
        step = width_of("Spikes.with_dt", "dt", dt)
        old = self.dt
        if old is None:
            rule = "must lie on a grid, whose steps are counted: make them with sl.Spikes(times, ids, dt=...)"
            fail("Spikes.with_dt", "the spikes", self, rule)
        start, stop = (
            None if x is None else rescaled(x, old, step) for x in (self.start, self.stop)
        )
        times = to_ms(np.rint(self.times / old).astype(np.int64), step)
        return self._with(times=times, start=start, stop=stop, dt=step)

    # Arrays -------------------------------------------------------------------------------------------------------

    def counts(self, start: float | None = None, stop: float | None = None) -> Ints:
        """Return the number of spikes of each element, [elements], with ``start < time <= stop`` [ms].

        Parameters
        ----------
        start, stop : float, optional
            The interval [ms], as in `between`.
        """
        *_, first, last = self._cut("counts", start, stop)
        return np.bincount(self.columns()[first:last], minlength=self._width)

    def rates(self, start: float | None = None, stop: float | None = None) -> Float:
        """Return the mean rate of each element [Hz], [elements].

        Parameters
        ----------
        start, stop : float, optional
            The interval [ms], as in `between`. `stop` must be given if the end is unknown.
        """
        begin, end, *_ = self._cut("rates", start, stop)
        if end is None:
            fail("Spikes.rates", "stop", stop, "must be given with spikes whose end is unknown")
        scale = 1e3 / (end - begin) if end > begin else 0.0
        return np.asarray(self.counts(start, stop) * scale, np.float64)

    def trains(self) -> list[Float]:
        """Return the times of each element [ms], one array each."""
        times, ends = by_element(self.times, self.columns(), self._width)
        return np.split(times, ends[:-1]) if self._width else []

    def bin(self, width: float, start: float | None = None, stop: float | None = None) -> Ints:
        """Return the number of spikes of each element in each bin, int64 [bins, elements].

        Bin k holds ``start + k width < time <= start + (k + 1) width``; a remainder after the last whole bin does not
        count. Elements have their `shape`, if all were observed.

        Parameters
        ----------
        width : float
            Width of a bin [ms].
        start, stop : float, optional
            The interval [ms], as in `between`.
        """
        step = width_of("Spikes.bin", "width", width)
        begin, end, first, last = self._cut("bin", start, stop)
        bins = number_of_bins((self._end() if end is None else end) - begin, step, whole=True)
        require_memory("Spikes.bin", (bins, self._width), 8, "give a larger width [ms]")
        index = bin_of(self.times[first:last], begin, step)
        flat = (index * self._width + self.columns()[first:last])[index < bins]
        return np.bincount(flat, minlength=bins * self._width).reshape(bins, *self.shape)

    def raster(self, dt: float | None = None) -> npt.NDArray[np.uint8]:
        """Return the number of spikes of each element in each step, uint8 [T, elements].

        Row k holds ``start + k dt < time <= start + (k + 1) dt``, so a spike on the grid has the stamp of its row's end, as
        in `RasterSource`. Elements have their `shape`, if all were observed.

        Parameters
        ----------
        dt : float, optional
            Length of a step [ms]; by default that of the grid.

        Raises
        ------
        ValueError
            If an element has more than 255 spikes in a step.
        """
        step = self._grid("raster", dt)
        rows = number_of_bins(self._end() - self.start, step, whole=False)
        require_memory("Spikes.raster", (rows, self._width), 1, "give a longer dt [ms]")
        row = bin_of(self.times, self.start, step)
        if len(row):
            rows = max(rows, int(row[-1]) + 1)  # a spike at the start of an empty interval
        raster = np.zeros((rows, self._width), np.uint8)
        np.add.at(raster.reshape(-1), row * self._width + self.columns(), 1)
        if raster.sum(dtype=np.int64) != len(self):  # an element of uint8 went through 0
            rule = "must be short enough for at most 255 spikes of an element in a step; otherwise use bin()"
            fail("Spikes.raster", "dt", step, rule)
        return raster.reshape(rows, *self.shape)

    # Tools of others ----------------------------------------------------------------------------------------------

    def to_neo(self, *, lazy: bool = False) -> Any:
        """Return Neo's trains, one for each element, silent ones included.

        They are annotated with the population's name, the id and channel_id, the grid's dt [ms], the number of all elements,
        and what `annotations` has.

        Parameters
        ----------
        lazy : bool
            Return a `neo.spiketrainlist.SpikeTrainList` of the two arrays, which makes a train only on access. Making
            it costs nothing, but each train then takes a search through all spikes, so using all of them is slower than
            a list.

        Returns
        -------
        list of neo.SpikeTrain, or SpikeTrainList
        """
        about = {
            **self.annotations,
            "population": self.name,
            "size": self.n,
            **({} if self.dt is None else {"dt": self.dt}),
            **(
                {}
                if self.shape in ((self.n,), (self._width,))
                else {"shape": "x".join(map(str, self.shape))}
            ),
        }
        span = self.start, self._end(), self.dt
        if lazy:
            return neo.train_list(self.times, self.ids, self.elements, span, about)
        grouped = by_element(self.times, self.columns(), self._width)
        return neo.trains(*grouped, self.elements, span, about)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with the columns ``time`` [ms] and ``id``, and a row for each spike.

        Its `attrs` have n, start, stop, dt and name, the elements of a part, and the shape if there is one.
        """
        return frames.spike_frame(self.times, self.ids, self._about())

    def to_xarray(self) -> Any:
        """Return an xarray Dataset with the variables ``time`` [ms] and ``id`` over the dimension ``spike``.

        Its `attrs` have n, start, stop, dt and name, the elements of a part, and the shape if there is one.
        """
        return frames.spike_dataset(self.times, self.ids, self._about())

    def _about(self) -> dict[str, Any]:
        """Return arguments of the constructor, as plain values that files can hold."""
        about = {name: getattr(self, name) for name in ("name", "n", "start", "stop", "dt")}
        if not self.whole:
            about["elements"] = self.elements.tolist()
        elif self.shape != (self.n,):
            about["shape"] = list(self.shape)
        return {name: value for name, value in about.items() if value is not None}


def as_spikes(value: Any) -> Spikes | None:
    """Return spikes themselves or those of a recorder or a recording, or None if it is neither."""
    if isinstance(value, Spikes):
        return value
    if isinstance(value, np.ndarray):
        return None
    found = getattr(value, "spikes", None)
    return found if isinstance(found, Spikes) else None


def _spikes(where: str, argument: str, value: Any) -> Spikes:
    found = as_spikes(value)
    if found is None:
        fail(where, argument, value, "must be Spikes", error=TypeError)
    return found


def _number(where: str, argument: str, value: Any) -> float:
    return float(number(where, argument, value, "ms"))
