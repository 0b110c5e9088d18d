"""Tapes: the data of recorders, in the core, in memory and on disk."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet.network.base import NetworkBase
from spikelet.network.population import Population, state_index
from spikelet.network.projection import Projection
from spikelet.network.receptors import receptor_unit
from spikelet.network.synapse_lists import row_lengths
from spikelet.neurons import NeuronModel
from spikelet.recording.on_disk import LAST, Arrays, Layout, RecordingFile


class Span(NamedTuple):
    """When a recorder records: at stamps after `start`, up to `stop` [steps]."""

    start: int = -1
    stop: int = LAST

    def about(self) -> dict[str, int]:
        """Return the limits that there are, by name."""
        limits = {"start": max(self.start, 0), "stop": self.stop}
        return {name: at for name, at in limits.items() if at != {"start": 0, "stop": LAST}[name]}


_ALWAYS = Span()
_ALL = np.zeros(0, dtype=bool)  # what the core takes for all elements

Target = TypeVar("Target", Population, Projection)


class Tape(ABC, Generic[Target]):
    """The data of one recorder: what the core still holds, and what was taken from it, in memory or in a file.

    If ranks share the network, the core holds what this rank owns. At the end of each run the ranks gather data in
    memory, so that reading it needs no other rank. On disk, each rank has a file of its own.

    Attributes
    ----------
    network : NetworkBase
        The network.
    target : Population or Projection
        What is recorded.
    what : str
        "spikes", "weights" or the name of a state.
    every : int
        Interval between samples [steps].
    span : Span
        When it records.
    since : int
        The step in which it was made, cleared or reset, before which it recorded nothing.
    paused : bool
        Whether it pauses.
    earlier : list of Arrays
        Data taken from the core and kept in memory.
    file : RecordingFile or None
        Where the data goes to instead.
    name : str
        Name of the recording in the file.
    """

    kind: ClassVar[str]  # the core's kind of recorder

    def __init__(self, network: NetworkBase, target: Target, what: str, every: int) -> None:
        self.network = network
        self.target: Target = target
        self.what = what
        self.every = every
        self.span = _ALWAYS
        self.since = 0
        self.paused = False
        self.earlier: list[Arrays] = []
        self.file: RecordingFile | None = None
        self.name = ""
        self._none: Arrays | None = None  # once it has ended
        self._engine = network.engine
        self._index = -1  # in the core, among recorders of this kind

    def start(self) -> None:
        """Make the core record from now on, within the span."""
        self._index = self._add()
        if self.paused or self.span != _ALWAYS:
            self.pause(self.paused)

    def described(self) -> dict[str, Any]:
        """Return when it records, as far as that is not always, for a checkpoint."""
        about = {"since": self.since, "paused": self.paused}
        return {**self.span.about(), **{name: value for name, value in about.items() if value}}

    @property
    def observed(self) -> Span:
        """When it has recorded and will record."""
        return Span(max(self.span.start, self.since or -1), self.span.stop)

    @property
    def ended(self) -> bool:
        """True if its target was removed."""
        return self._none is not None

    def pause(self, paused: bool) -> None:  # the state to be in
        """Stop recording for some time, or go on."""
        if self.ended:
            rule = "must be there: what it recorded was removed, and its data can only be read"
            fail(self.title, "recorder", "an ended one", rule)
        self._engine.sim.set_window(self.kind, self._index, *self.span, paused)
        self.paused = paused

    # What each kind does in its own way ---------------------------------------------------------------------------

    @abstractmethod
    def _add(self) -> int:
        """Add a recorder to the core, and return its number."""

    @abstractmethod
    def _from_core(self, start: int = -1, stop: int = LAST) -> Arrays:
        """Return what the core of this rank holds: all spikes, or samples with start < stamp <= stop [steps]."""

    def _stamps_in_core(self) -> npt.NDArray[np.int64]:
        """Return the stamps of what the core of this rank holds."""
        return self._engine.sim.recorded_stamps(self.kind, self._index)

    @abstractmethod
    def _join(self, stamps: npt.NDArray[np.int64], data: npt.NDArray[Any]) -> Arrays:
        """Return the data of all ranks, given that of this rank."""

    @abstractmethod
    def layout(self) -> Layout:
        """Return the layout in a file."""

    def in_file(self) -> Layout:
        """Return the layout with all that the file stores once, which may be much."""
        return self.layout()

    def shape(self) -> tuple[int, ...]:
        """Return the shape of the data of one stamp."""
        return (len(self.target),)

    @property
    def title(self) -> str:
        """Name of the recording: "E.spikes"."""
        assert isinstance(self.target, Population)
        return f"{self.target.name}.{self.what}"

    @property
    def plan(self) -> tuple[Any, ...]:
        """What all ranks must record alike: target, elements, state, interval, and whether in memory."""
        elements = 0  # all
        if isinstance(self.target, Population) and not self.target.whole:
            elements = zlib.crc32(self.target.ids.tobytes())
        when = (*self.span, self.paused)
        return (
            self.kind,
            self.target.index,
            elements,
            self.what,
            self.every,
            self.file is None,
            when,
        )

    def bytes_per_step(self) -> float:
        """Return how many bytes a step records, as far as that is known in advance."""
        layout = self.layout()
        return (8 + np.dtype(layout.dtype).itemsize * layout.shape[0]) / self.every

    # Reading ------------------------------------------------------------------------------------------------------

    def blocks(self, start: int = -1, stop: int = LAST) -> Iterator[Arrays]:
        """Yield the data with start < stamp <= stop [steps], in at least one piece of some megabytes.

        Pieces are not empty unless there is no data. What the tape keeps in memory is read-only.
        """
        self._engine.require_idle()
        found = False
        if self.file is not None:
            for piece in self.file.blocks(self.name, start, stop):
                if len(piece[0]):
                    found = True
                    yield piece
        for stamps, data in self._memory():
            first, last = np.searchsorted(stamps, (start, stop), side="right")
            if first < last:
                found = True
                part = data[first:last]
                part.flags.writeable = False  # the tape keeps it
                yield stamps[first:last], part
        stamps, data = self.held(start, stop)
        first, last = np.searchsorted(stamps, (start, stop), side="right")
        if first < last or not found:
            yield stamps[first:last], data[first:last]

    def all(self) -> Arrays:
        """Return all data of a tape without a file."""
        self._engine.require_idle()
        stamps, data = zip(*self._memory(), self.held(), strict=True)
        return np.concatenate(stamps), np.concatenate(data)

    def stamps(self) -> npt.NDArray[np.int64]:
        """Return all stamps [steps]."""
        self._engine.require_idle()
        held = self._stamps_in_core() if self.file is None else self.held()[0]
        if self.file is not None:
            return np.concatenate([self.file.stamps(self.name), held])
        memory: list[npt.NDArray[np.int64]] = [stamps for stamps, _ in self._memory()]
        pieces = [stamps for stamps in (*memory, held) if len(stamps)]
        return pieces[0] if len(pieces) == 1 else np.concatenate([*memory, held])

    def count(self) -> int:
        """Return the number of stamps."""
        self._engine.require_idle()
        if self.file is not None:
            return self.file.done[self.name][0] + len(self.held()[0])
        earlier = sum(len(stamps) for stamps, _ in self.earlier)
        return earlier + self._engine.sim.recorded_count(self.kind, self._index)

    def held(self, start: int = -1, stop: int = LAST) -> Arrays:
        """Return what the core holds and the file does not, as `_from_core` does."""
        if self._none is not None:
            return self._none
        stamps, data = self._from_core(start, stop)
        if self.file is None:
            if self.network.ranks.size > 1:  # between runs everything has been gathered
                data = np.empty((len(stamps), *self.shape()), data.dtype)
            return stamps, data
        # An interrupt may have struck after these were written and before the core forgot them.
        new = int(np.searchsorted(stamps, self.file.done[self.name][1], side="right"))
        return stamps[new:], data[new:]

    def _memory(self) -> list[Arrays]:
        """Return the data kept in memory as one piece."""
        if len(self.earlier) > 1:
            stamps, data = zip(*self.earlier, strict=True)
            self.earlier = [(np.concatenate(stamps), np.concatenate(data))]
        return self.earlier

    # Changing -----------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget all data, in the file too."""
        self._engine.require_idle()
        if self.file is not None:
            self.file.clear(self.name, self._engine.step)
        self.since = self._engine.step
        self.forget()

    def forget(self) -> None:
        """Forget the data in memory and in the core."""
        self.earlier = []
        self._engine.sim.clear_recorder(self.kind, self._index)

    def end(self) -> None:
        """Keep the data, and record nothing any more: the target will not be there."""
        if self.file is None:
            self.earlier = [self.all()]
            stamps, data = self.earlier[0]
        else:
            stamps, data = self._from_core()
        self.pause(True)
        self._engine.sim.clear_recorder(self.kind, self._index)
        self._none = stamps[:0], data[:0]

    def require_alone(self, others: Sequence[Tape[Any]]) -> None:
        """Check that no other tape writes to the same file, so that the recording can end."""
        if self.file is not None and any(other.file is self.file for other in others):
            rule = "must be that of no other recorder, to end with what is removed"
            fail(self.title, "file", str(self.file.path), rule)

    def gather(self) -> None:
        """Gather what the ranks hold; collective, at the end of a run."""
        self.earlier.append(self._join(*self._from_core()))
        self._engine.sim.clear_recorder(self.kind, self._index)

    def write_to(self, file: RecordingFile) -> None:
        """Record to a file under a new name; collective."""
        name = None
        try:
            with self.network.ranks.all_or_none("recording to a file"):
                name = file.add(self.title, self.in_file(), self._engine.step)
        except BaseException:
            if name is not None:  # another rank failed
                file.remove(name)
            raise
        self._engine.to_disk = True  # first: Ctrl-C may strike in between
        self.file, self.name = file, name

    def go_on(self, file: RecordingFile, name: str) -> None:
        """Go on with a recording in a file, after a load; ValueError if it is that of another recorder."""
        file.adopt(name, self.in_file())
        self._engine.to_disk = True  # first: Ctrl-C may strike in between
        self.file, self.name = file, name

    def _owned(self) -> npt.NDArray[np.bool_]:
        """Return which elements of the target population this rank owns."""
        assert isinstance(self.target, Population)
        begin, end = self._engine.sim.own(self.target.index)
        return np.asarray((self.target.ids >= begin) & (self.target.ids < end))


class SpikeTape(Tape[Population]):
    """Spikes of a population or of a part of it: stamps and ids."""

    kind = "spikes"

    def _add(self) -> int:
        if self.target.whole:
            return self._engine.sim.record_spikes(self.target.index, _ALL)
        wanted = np.zeros(self.target.size, dtype=bool)
        wanted[self.target.ids] = True
        return self._engine.sim.record_spikes(self.target.index, wanted)

    def _from_core(self, start: int = -1, stop: int = LAST) -> Arrays:  # noqa: ARG002  # a view costs nothing
        return self._engine.sim.recorded_spikes(self._index)

    def _stamps_in_core(self) -> npt.NDArray[np.int64]:
        return self._from_core()[0]

    def _join(self, stamps: npt.NDArray[np.int64], data: npt.NDArray[Any]) -> Arrays:
        parts = self.network.ranks.gather(self.title, (stamps, data))
        stamps, data = (np.concatenate(x) for x in zip(*parts, strict=True))
        order = np.lexsort((data, stamps))
        return stamps[order], data[order]

    def shape(self) -> tuple[int, ...]:
        """Return the shape of the data of one stamp: an id."""
        return ()

    def layout(self) -> Layout:
        """Return the layout in a file."""
        elements = {} if self.target.whole else {"elements": self.target.ids}
        about = {**_about(self.target, "spikes"), **self.observed.about()}
        return Layout("spikes", "u4", (), about, elements)

    def bytes_per_step(self) -> float:
        """Return 0: the number of spikes is not known in advance."""
        return 0.0


class StateTape(Tape[Population]):
    """Samples of a state of a population or of a part of it."""

    kind = "state"

    def __init__(
        self,
        network: NetworkBase,
        target: Population,
        what: str,
        every: int,
        before_reset: bool = False,  # as in the core
    ) -> None:
        super().__init__(network, target, what, every)
        self.before_reset = before_reset

    def _add(self) -> int:
        state = state_index(self.target, self.what)
        ids: npt.NDArray[np.uint32] = np.asarray(self.target.ids)
        if self.network.ranks.size > 1:
            ids = ids[self._owned()]
        return self._engine.sim.record_state(
            self.target.index, state, ids, self.every, self.before_reset
        )

    def described(self) -> dict[str, Any]:
        """Return when it records, as far as that is not always, for a checkpoint."""
        return {**super().described(), **({"when": "before_reset"} if self.before_reset else {})}

    @property
    def title(self) -> str:
        """Name of the recording: "E.V_m"."""
        return f"{super().title}.before_reset" if self.before_reset else super().title

    @property
    def plan(self) -> tuple[Any, ...]:
        """What all ranks must record alike."""
        return *super().plan, self.before_reset

    def _from_core(self, start: int = -1, stop: int = LAST) -> Arrays:
        return self._engine.sim.recorded_states(self._index, start, stop)

    def _join(self, stamps: npt.NDArray[np.int64], data: npt.NDArray[Any]) -> Arrays:
        whole = np.empty((len(stamps), len(self.target)), data.dtype)
        for owned, values in self.network.ranks.gather(self.title, (self._owned(), data)):
            whole[:, owned] = values
        return stamps, whole

    @property
    def unit(self) -> str:
        """Unit of the state."""
        assert isinstance(self.target.model, NeuronModel)
        return self.target.model.state(self.what).unit

    def layout(self) -> Layout:
        """Return the layout in a file."""
        about = {**_about(self.target, self.what), "every": self.every, **self.observed.about()}
        about |= {"unit": self.unit}
        if self.before_reset:
            about["when"] = "before_reset"
        ids = self.target.ids[self._owned()]
        return Layout("state", self.network.dtype, (len(ids),), about, {"elements": ids})


class WeightTape(Tape[Projection]):
    """Samples of the weights of a projection."""

    kind = "weights"

    def __init__(self, network: NetworkBase, target: Projection, what: str, every: int) -> None:
        super().__init__(network, target, what, every)
        self._ends: tuple[Any, Any] | None = None

    def end(self) -> None:
        """Keep the data, and the ends of the synapses that it is of."""
        self._ends = self.ends()
        super().end()

    def ends(self) -> tuple[Any, Any]:
        """Return the sources and targets of the synapses."""
        return self._ends or (self.target.pre_ids, self.target.post_ids)

    def _add(self) -> int:
        return self._engine.sim.record_weights(self.target.index, self.every)

    def _from_core(self, start: int = -1, stop: int = LAST) -> Arrays:
        return self._engine.sim.recorded_weights(self._index, start, stop)

    def _join(self, stamps: npt.NDArray[np.int64], data: npt.NDArray[Any]) -> Arrays:
        if len(stamps) == 0:  # on all ranks
            return stamps, np.empty((0, len(self.target)), data.dtype)
        return stamps, self.target.synapses.whole("recorded weights", data)

    @property
    def unit(self) -> str:
        """Unit of the weights."""
        model = self.target.post.model
        assert isinstance(model, NeuronModel)
        return receptor_unit(model, self.target.receptor)

    def layout(self) -> Layout:
        """Return the layout in a file."""
        ends = {"pre": self.target.pre.name, "post": self.target.post.name, "every": self.every}
        ends |= {"unit": self.unit, **self.observed.about()}
        count = self._engine.sim.projection_size(self.target.index)
        return Layout("weights", self.network.dtype, (count,), ends)

    def in_file(self) -> Layout:
        """Return the layout with the ends of the synapses."""
        row, post = self._engine.sim.synapses(self.target.index, weights=False)[:2]
        pre = np.repeat(np.arange(len(row) - 1, dtype=np.uint32), row_lengths(row))
        ends = {"pre_ids": pre, "post_ids": np.asarray(post, np.uint32)}
        return replace(self.layout(), arrays=ends)

    @property
    def title(self) -> str:
        """Name of the recording: "E-I.weights"."""
        return f"{self.target.pre.name}-{self.target.post.name}.weights"


def _about(target: Population, what: str) -> dict[str, Any]:
    return {"population": target.name, "size": target.size, "what": what}
