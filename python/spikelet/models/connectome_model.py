"""The network of a connectome: experiments with neurons by id and type, runs, traces and files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

import spikelet as sl
from spikelet._util.checks import fail, ids, integer, interval, known, number, numbers, require
from spikelet._util.container import Format
from spikelet._util.extras import extra
from spikelet._util.files import path_of
from spikelet._util.progress import bar, wanted
from spikelet._util.reading import refusing
from spikelet._util.sealed import Sealed
from spikelet.models.activity import Activity
from spikelet.models.assemble import (
    couple,
    receptor_of,
    require_current,
    values_of,
)
from spikelet.models.connectome import find, index_of
from spikelet.models.coupling import Coupling
from spikelet.models.fly_neuron import KICK, RATE, WEIGHT
from spikelet.models.wiring import Edges

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_FORMAT = Format("spikelet connectome", version=1)


class ConnectomeModel(Sealed):
    """The network of a connectome, built by `connectome`.

    Parameters
    ----------
    network : Network
        Its first populations are the neurons, and its projections their synapses.
    ids : array, [n]
        Ids of the neurons.
    kind : array of int, [n], optional
        Number of the population of each neuron, in which neurons are in the order of `ids`; by default there is one.
    columns : mapping of str to array, [n], optional
        What else is known of the neurons.
    coupling : Coupling, optional
        Graded synapses and gap junctions.

    Attributes
    ----------
    network : Network
        The network.
    ids : array, [n]
        Ids of the neurons.
    columns : mapping of str to array, [n]
        What else is known of them: "type", ...
    populations : tuple of Population
        The neurons, one population for each class of models.
    projections : tuple of Projection
        All synapses that spikes act through.
    recorders : tuple of SpikeRecorder
        The spikes of each population since the last reset.
    coupling : Coupling or None
        Graded synapses and gap junctions, if there are any.
    """

    network: sl.Network
    ids: npt.NDArray[Any]
    columns: Mapping[str, npt.NDArray[Any]]
    populations: tuple[sl.Population, ...]
    projections: tuple[sl.Projection, ...]
    recorders: tuple[Any, ...]
    coupling: Coupling | None

    _instead: ClassVar = {
        "": "it is fixed when the network is built; build another, with connectome()"
    }

    def __init__(
        self,
        network: sl.Network,
        ids: npt.ArrayLike,
        *,
        kind: npt.ArrayLike | None = None,
        columns: Mapping[str, npt.NDArray[Any]] | None = None,
        coupling: Coupling | None = None,
    ) -> None:
        self.network, self.ids, self.coupling = network, np.asarray(ids), coupling
        where = type(self).__name__
        if self.ids.ndim != 1 or self.ids.dtype.kind not in "iuU":
            rule = "must be a one-dimensional array of integers or texts"
            fail(where, "ids", ids, rule, error=TypeError)
        values, times = np.unique(self.ids, return_counts=True)
        if len(values) < len(self.ids):
            fail(where, "ids", values[times > 1][0].item(), "must all be different")
        self.columns = MappingProxyType(dict(columns or {}))
        kinds = np.zeros(len(self.ids), np.int64) if kind is None else np.asarray(kind)
        count = int(kinds.max(initial=0)) + 1
        self._members = [np.flatnonzero(kinds == k) for k in range(count)]
        self.populations = tuple(network.populations[:count])
        sizes = [len(population) for population in self.populations]
        if sizes != [len(members) for members in self._members]:
            got = "length" if count == 1 else "sizes"
            rule = f"must be those of {sum(sizes)} neurons"
            fail(where, "ids", len(self.ids), rule, got=got)
        self.projections = tuple(network.projections)
        recorders = network.recorders[:count]
        self.recorders = tuple(
            recorders
            if len(recorders) == count
            else [network.record(p, "spikes") for p in self.populations]
        )
        self._kind = kinds
        self._drives: list[sl.Drive] = list(network.inputs)
        self._given = {name: self._read(name) for name in ("t_ref", "I_e")}
        t_ref = self._given["t_ref"]
        for drive in self._drives:  # of a loaded network; its neurons had the period of the others
            members = self._members[self._kind_of(drive.target)]
            t_ref[members[drive.target.ids]] = t_ref[members].max()
        self._stimulus = np.zeros(len(self.ids))
        self._sends, self._lives = (np.ones(len(self.ids), np.bool_) for _ in range(2))
        self._muted: list[tuple[Ints, npt.NDArray[Any]]] = [  # places and weights, by projection
            (np.empty(0, np.int64), np.empty(0)) for _ in self.projections
        ]
        self._traces: list[tuple[str, Any, Ints]] = []

    # Neurons ----------------------------------------------------------------------------------------------------------

    @property
    def table(self) -> Any:
        """All neurons as a pandas DataFrame, one in each row: ids in the index, then types and what else is known."""
        pandas = extra("pandas", "ConnectomeModel.table")
        return pandas.DataFrame(dict(self.columns), index=pandas.Index(self.ids, name="id"))

    def index(self, neurons: Any) -> Ints:
        """Return the indices of neurons that are given by id, by type, or by index.

        Parameters
        ----------
        neurons : int, str, or array-like of them
            Ids. A text that is not an id selects all neurons with this text in some column of the table of neurons, such as
            their type. Integers are indices if not all of them are ids.

        Raises
        ------
        ValueError
            If there is no such neuron; the message names the first one.
        """
        where = f"{type(self).__name__}.index"
        given = np.atleast_1d(np.asarray(neurons))
        if given.size == 0:
            return np.empty(0, np.int64)
        if given.ndim != 1 or given.dtype.kind not in "iuUOT":
            rule = "must be ids, types or indices"
            fail(where, "neurons", neurons, rule, error=TypeError)
        if given.dtype.kind in "iu":
            return index_of(where, self.ids, given)
        return np.concatenate([self._named(where, str(name)) for name in given.tolist()])

    def _named(self, where: str, name: str) -> Ints:
        place, there = find(self.ids, np.array([name]))
        if there.all():
            return place
        texts = {c: v for c, v in self.columns.items() if v.dtype.kind == "U"}
        found = [np.flatnonzero(column == name) for column in texts.values()]
        hits = np.unique(np.concatenate([*found, np.empty(0, np.int64)]))
        if len(hits) == 0:
            names = {
                *texts.get("type", ()),
                *(self.ids.tolist() if self.ids.dtype.kind == "U" else ()),
            }
            known(where, "neurons", name, {str(n) for n in names}, "a neuron or a type")
        return hits.astype(np.int64)

    def _parts(self, where: Ints) -> list[tuple[int, Ints]]:
        """Return the populations that neurons belong to, and their places in them."""
        return [
            (k, np.searchsorted(members, where[self._kind[where] == k]))
            for k, members in enumerate(self._members)
            if (self._kind[where] == k).any()
        ]

    def _read(self, name: str) -> Floats:
        return values_of(self.populations, self._members, name)

    def _write(self, name: str, values: Floats) -> None:
        for members, population in zip(self._members, self.populations, strict=True):
            if name in population.parameters:
                setattr(population, name, values[members])

    # Experiments ------------------------------------------------------------------------------------------------------

    def activate(self, neurons: Any, rate: float = RATE, kick: float | None = None) -> None:
        """Make neurons fire at random times, as light does with optogenetic channels.

        Events of a Poisson process excite them. By default they raise `V_m` far above the threshold. As in the model of the
        fly's brain, these neurons have no refractory period from then on. Call it again for other neurons or rates; `restore`
        undoes it. The network goes back to rest.

        Parameters
        ----------
        neurons : int, str, or array-like of them
            Ids, types or indices; see `index`.
        rate : float
            Probability of an event in a step, divided by dt [Hz].
        kick : float, optional
            Weight of an event: for the default model the rise of `V_m`, by default 68.75 mV; for other models it must be
            given, in the unit of their synapses.

        Notes
        -----
        Brian2's ``PoissonInput(N=1)`` has at most one event in a step; here two are possible, which fire one spike, too.
        The rate of events is chosen such that a step has some with the probability ``rate * dt``. An event in the step of
        a spike is lost at the reset: at 150 Hz and a dt of 0.1 ms, neurons fire at 148 Hz, as in Brian2.
        """
        where = np.unique(self.index(neurons))
        name = f"{type(self).__name__}.activate"
        hz = float(number(name, "rate", rate, "Hz"))
        share = 1e-3 * hz * self.network.dt
        if not 0 <= share < 1:
            rule = f"must be >= 0 and less than one event per step, {1e3 / self.network.dt:g} Hz"
            fail(name, "rate", rate, rule)
        parts = self._parts(where)
        for k, _ in parts:
            model = self.populations[k].model
            if kick is None and "kick" not in getattr(model, "receptors", ()):
                rule = f"must be given for {type(model).__name__}: the weight of an event, in the unit of its synapses"
                fail(name, "kick", kick, rule)
        strength = KICK * WEIGHT if kick is None else float(number(name, "kick", kick))
        if not parts:
            return
        self.network.reset()  # a drive begins at the time at which it is added
        events = -np.log1p(-share) / (1e-3 * self.network.dt)
        for k, places in parts:
            receptor = receptor_of(self.populations[k].model, "kick", "synapse")
            drive = sl.PoissonInput(float(events), strength, receptor=receptor)
            self._drives.append(self.network.inject(self.populations[k][places], drive))
        t_ref = self._read("t_ref")
        t_ref[where] = 0.0
        self._write("t_ref", t_ref)

    def stimulate(self, neurons: Any, current: float) -> None:
        """Add a constant current to neurons, graded ones or others, until `restore`.

        Parameters
        ----------
        neurons : int, str, or array-like of them
            Ids, types or indices; see `index`.
        current : float
            Current [pA].
        """
        where, name = np.unique(self.index(neurons)), f"{type(self).__name__}.stimulate"
        amplitude = float(number(name, "current", current, "pA"))
        require(name, "current", np.asarray(amplitude), "finite")
        require_current(name, "neurons", self._given["I_e"], where, self.ids)
        self._stimulus[where] += amplitude
        self._write("I_e", self._given["I_e"] + self._stimulus)

    def silence(self, neurons: Any) -> None:
        """Set the weights of all chemical synapses of these neurons onto others to zero; `restore` undoes it.

        They still fire, and their gap junctions stay.

        Parameters
        ----------
        neurons : int, str, or array-like of them
            Ids, types or indices; see `index`.
        """
        self._sends[self.index(neurons)] = False
        self._mute()

    def lesion(self, neurons: Any) -> None:
        """Remove neurons, with all their synapses and gap junctions, and from all results; `restore` brings them back.

        Parameters
        ----------
        neurons : int, str, or array-like of them
            Ids, types or indices; see `index`.
        """
        where = self.index(neurons)
        self._lives[where] = self._sends[where] = False
        self._mute()

    def _mute(self) -> None:
        """Set to zero the weights from neurons that send nothing, and onto those that are removed."""
        for k, projection in enumerate(self.projections):
            pre, post = (self._members[self._kind_of(p)] for p in (projection.pre, projection.post))
            off = ~self._sends[pre][projection.pre_ids]
            if not self._lives.all():
                off |= ~self._lives[post][projection.post_ids]
            weights = np.array(projection.weights)
            places = np.flatnonzero(off & (weights != 0))
            if len(places):
                before = self._muted[k]
                values = np.concatenate([before[1], weights[places]]).astype(weights.dtype)
                self._muted[k] = np.concatenate([before[0], places]), values
                weights[places] = 0
                projection.weights = weights

    def _kind_of(self, population: sl.Population) -> int:
        return [p.name for p in self.populations].index(population.name)

    def restore(self, *, activation: bool = True) -> None:
        """End all silencing and lesions, and by default all activation and stimulation.

        Parameters
        ----------
        activation : bool
            False keeps what `activate` and `stimulate` did.
        """
        if activation:
            for drive in self._drives:
                drive.remove()
            self._drives.clear()
            self._stimulus[:] = 0.0
            for name, values in self._given.items():
                self._write(name, values)
        for k, (projection, (places, values)) in enumerate(
            zip(self.projections, self._muted, strict=True)
        ):
            if len(places):
                weights = np.array(projection.weights)
                weights[places] = values
                projection.weights = weights
            self._muted[k] = places[:0], values[:0]
        self._sends[:] = self._lives[:] = True

    # Runs -------------------------------------------------------------------------------------------------------------

    def record(self, neurons: Any, what: str = "V_m", *, every: float | None = None) -> None:
        """Record a state of neurons from now on; `traces` returns it. Spikes of all neurons are always recorded.

        Parameters
        ----------
        neurons : int, str, or array-like of them
            Ids, types or indices; see `index`.
        what : str
            Name of the state.
        every : float, optional
            Interval between samples [ms], a multiple of dt; by default dt.
        """
        where = np.unique(self.index(neurons))
        parts = self._parts(where)
        for k, _ in parts:
            known(
                f"{type(self).__name__}.record",
                "what",
                what,
                self.populations[k].states,
                f"a state of {self.populations[k].name}",
            )
        for k, places in parts:
            recorder = self.network.record(self.populations[k][places], what, every=every)
            self._traces.append((what, recorder, self._members[k][places]))

    def traces(self, what: str = "V_m") -> Any:
        """Return what `record` recorded since the last reset: a pandas DataFrame of times [ms] and ids.

        Parameters
        ----------
        what : str
            Name of the state.
        """
        pandas = extra("pandas", "ConnectomeModel.traces")
        known(
            "ConnectomeModel.traces",
            "what",
            what,
            {t[0] for t in self._traces},
            "a state that is recorded",
        )
        frames = [
            pandas.DataFrame(
                r.values, index=pandas.Index(r.times, name="t"), columns=self.ids[members]
            )
            for name, r, members in self._traces
            if name == what
        ]
        return pandas.concat(frames, axis=1)

    def run(
        self,
        duration: float = 1000.0,
        *,
        trials: int = 1,
        first: int = 0,
        progress: bool | Callable[[float], Any] = False,
    ) -> Activity:
        """Simulate trials, each from rest, and return their spikes.

        Trial k begins at the network's time k times `duration`, which determines the random numbers: a trial of a given
        number and duration has the same drive whenever it runs, with neurons silenced or not.

        Parameters
        ----------
        duration : float
            Length of a trial [ms].
        trials : int
            How many.
        first : int
            Number of the first one.
        progress
            See `Network.run`.
        """
        where = f"{type(self).__name__}.run"
        length = float(number(where, "duration", duration, "ms"))
        require(where, "duration", np.asarray(length), "> 0")
        count = integer(where, "trials", trials, 1)
        begin = integer(where, "first", first, 0)
        parts = []
        for k in range(begin, begin + count):
            start = k * length
            self.network.reset(at=start)
            self.advance(length, progress=progress)
            times, neurons = self._spikes()
            parts.append((times - start, neurons, np.full(len(times), k)))
        times, neurons, trial = (np.concatenate(part) for part in zip(*parts, strict=True))
        which = np.arange(begin, begin + count)
        return Activity(times, neurons, trial, self.ids, which, length, self.columns)

    def advance(self, duration: float, *, progress: bool | Callable[[float], Any] = False) -> None:
        """Simulate from where the network is, with all coupling; `activity` has the spikes.

        Parameters
        ----------
        duration : float
            Model time [ms], a multiple of dt, and of the interval of the coupling if there is any.
        progress
            See `Network.run`.
        """
        if self.coupling is None:
            self.network.run(duration, progress=progress)
            return
        where, every = f"{type(self).__name__}.advance", self.coupling.every
        length = float(number(where, "duration", duration, "ms"))
        pieces = round(length / every)
        if not abs(pieces * every - length) <= 1e-6 * every:
            fail(where, "duration", duration, f"must be a multiple of coupling={every:g} ms")
        told = wanted(where, progress)
        if told is True:
            with bar(length) as update:
                self._advance(pieces, every, update)
        else:
            self._advance(pieces, every, told or (lambda _: None))

    def _advance(self, pieces: int, every: float, tell: Callable[[float], Any]) -> None:
        """Set the currents of graded synapses and gap junctions, and hold them for an interval, many times."""
        assert self.coupling is not None
        cells = self.coupling.reached()
        reached = {k for k, members in enumerate(self._members) if np.isin(members, cells).any()}
        constant = self._given["I_e"] + self._stimulus
        for piece in range(pieces):
            held = constant + self.coupling.currents(self._read("V_m"), self._sends, self._lives)
            for k in reached:
                self.populations[k].I_e = held[self._members[k]]
            self.network.run(every)
            tell((piece + 1) * every)

    def activity(self) -> Activity:
        """Return the spikes since the last reset, as one trial."""
        times, neurons = self._spikes()
        trial = np.zeros(len(times), np.int64)
        return Activity(times, neurons, trial, self.ids, np.arange(1), self.network.t, self.columns)

    def _spikes(self) -> tuple[Floats, Ints]:
        """Return times and indices of the recorded spikes of all populations, in order of time."""
        pairs = list(zip(self.recorders, self._members, strict=True))
        times = np.concatenate([recorder.times for recorder, _ in pairs])
        neurons = np.concatenate([m[np.asarray(r.ids, np.int64)] for r, m in pairs])
        if len(pairs) > 1:
            order = np.lexsort((neurons, times))
            times, neurons = times[order], neurons[order]
        if not self._lives.all():
            times, neurons = (part[self._lives[neurons]] for part in (times, neurons))
        return times, neurons

    # Files ------------------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the network as it is, with what is activated, silenced and removed. Recorders of states are not saved.

        Parameters
        ----------
        path : path-like
            File to write, atomically.
        """
        target = path_of("ConnectomeModel.save", path)
        _FORMAT.save(target, *self._stored())

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, threads: int | None = None) -> Self:
        """Load what `save` wrote; it goes on with the same bits.

        Parameters
        ----------
        path : path-like
            File to read.
        threads
            See `spikelet.Network`.

        Raises
        ------
        ValueError
            If `save` did not write the file, or it is damaged.
        """
        source = path_of("ConnectomeModel.load", path)
        with refusing("ConnectomeModel.load", source):
            return cls._restored(*_FORMAT.load(source), threads)

    def __reduce__(self) -> Any:
        return type(self)._restored, (*self._stored(), self.network.threads)

    def _stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what a file holds: a header and arrays."""
        header: dict[str, Any] = {"columns": list(self.columns), "every": None}
        arrays: dict[str, npt.NDArray[Any]] = {
            "ids": self.ids, "kind": self._kind, "stimulus": self._stimulus, "sends": self._sends, "lives": self._lives,
            **{f"given.{name}": values for name, values in self._given.items()},
            **{f"column.{k}": values for k, values in enumerate(self.columns.values())},
        }  # fmt: skip
        for k, (places, values) in enumerate(self._muted):
            arrays |= {f"muted.{k}.places": places, f"muted.{k}.values": values}
        if self.coupling is not None:
            header["every"] = self.coupling.every
            for name, edges in (("release", self.coupling.release), ("gaps", self.coupling.gaps)):
                arrays |= {f"{name}.{end}": part for end, part in edges._asdict().items()}
        with TemporaryDirectory() as folder:
            self.network.save(Path(folder) / "network.npz")
            arrays["network"] = np.fromfile(Path(folder) / "network.npz", np.uint8)
        return header, {name: values.copy() for name, values in arrays.items()}

    @classmethod
    def _restored(
        cls, header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], threads: int | None
    ) -> Self:
        with TemporaryDirectory() as folder:
            arrays["network"].tofile(Path(folder) / "network.npz")
            network = sl.Network.load(Path(folder) / "network.npz", threads=threads)
        names = [str(name) for name in header["columns"]]
        columns = {name: arrays[f"column.{k}"] for k, name in enumerate(names)}
        kind, n = (
            ids(cls.__name__, "kind", arrays["kind"], len(network.populations)),
            len(arrays["ids"]),
        )
        coupling = None
        if header["every"] is not None:
            release, gaps = (_edges(arrays, name, n) for name in ("release", "gaps"))
            every = network.dt * interval(cls.__name__, header["every"], network.dt)
            populations = network.populations[: int(kind.max(initial=0)) + 1]
            coupling = couple(
                populations, kind.astype(np.int64), arrays["ids"], release, gaps, every
            )
        model = cls(network, arrays["ids"], kind=kind, columns=columns, coupling=coupling)
        floats, flags = (
            {name: values.copy() for name, values in arrays.items() if values.dtype.kind == kinds}
            for kinds in "fb"
        )
        model._stimulus, model._sends, model._lives = (
            floats["stimulus"], flags["sends"], flags["lives"]
        )  # fmt: skip
        model._given = {name: floats[f"given.{name}"] for name in model._given}
        require(cls.__name__, "stimulus", model._stimulus, "finite")
        own = (model._stimulus, model._sends, model._lives, *model._given.values())
        if any(values.shape != (n,) for values in (*columns.values(), *own)):
            fail(cls.__name__, "columns", n, "must have one value for each neuron", got="neurons")
        model._muted = []
        for k, projection in enumerate(model.projections):
            places = ids(cls.__name__, "places", arrays[f"muted.{k}.places"], len(projection))
            values = arrays[f"muted.{k}.values"]
            if values.shape != places.shape:
                fail(
                    cls.__name__,
                    "muted",
                    values.shape,
                    "must have a weight for each place",
                    got="shape",
                )
            model._muted.append((places.astype(np.int64), values))
        return model

    def __repr__(self) -> str:
        edges = sum(map(len, self.projections))
        coupled = (
            ""
            if self.coupling is None
            else f", {len(self.coupling.release.pre)} graded, {len(self.coupling.gaps.pre)} gap junctions"
        )
        return f"{type(self).__name__}({len(self.ids)} neurons, {edges} edges{coupled})"


def _edges(arrays: Mapping[str, npt.NDArray[Any]], name: str, n: int) -> Edges:
    """Return edges of a file."""
    pre, post = (ids("ConnectomeModel", end, arrays[f"{name}.{end}"], n) for end in ("pre", "post"))
    weight = numbers("ConnectomeModel", f"{name}.weight", arrays[f"{name}.weight"])
    require("ConnectomeModel", f"{name}.weight", weight, "finite")
    return Edges(pre, post, weight)
