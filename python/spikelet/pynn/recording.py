"""Recording: what runs record, as Neo blocks with PyNN's units and annotations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import neo
import numpy as np
import numpy.typing as npt
import quantities as pq
from neo.core.spiketrainlist import SpikeTrainList
from pyNN import errors, recording
from pyNN.recording import Variable

from spikelet.pynn import simulator

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_SPIKES = "spikes"


@dataclass
class _Tape:
    """One variable of some cells, recorded since one moment.

    Attributes
    ----------
    variable : str
        What is recorded, by PyNN's name.
    indices : array
        Indices of the cells in the population, ascending.
    every : int
        Interval between samples [steps].
    devices : list
        Recorders of the network, one for each native state that the variable is the sum of.
    start : int or None
        Step of the first sample, since the last reset; None: the next run begins the tape.
    first : array, [0 or 1, cells]
        The sample at `start`, unless it is in the devices.
    """

    variable: str
    indices: Ints
    every: int
    devices: list[Any]
    start: int | None = None
    first: Floats | None = None


@dataclass
class _Signal:
    """Samples of a variable of some cells."""

    variable: str
    indices: Ints
    start: float  # ms
    period: float  # ms
    values: Floats  # [samples, cells]


@dataclass
class _Data:
    """What was recorded since a reset: contents of a segment."""

    name: str
    when: datetime
    start: float  # ms, of spike trains
    stop: float  # ms
    recorded: Ints | None  # cells whose spikes were recorded
    spikes: tuple[Ints, Floats]  # indices and times [ms], by cell, then time
    signals: list[_Signal]
    annotations: dict[str, Any] = field(default_factory=dict)


class Recorder(recording.Recorder):
    """The recordings of one population."""

    _simulator = simulator

    def __init__(self, population: Any, file: Any = None) -> None:
        super().__init__(population, file)
        self._tapes: list[_Tape] = []
        self._earlier: list[_Data] = []  # of earlier segments
        self._since = simulator.state.t  # since when the data of the present segment is kept [ms]

    # What to record -----------------------------------------------------------------------------------------------

    def record(
        self, variables: Any, ids: Any, sampling_interval: Any = None, locations: Any = None
    ) -> None:
        """Record variables of some cells from now on.

        Parameters
        ----------
        variables : str or list of str
            What to record.
        ids : iterable of ID
            The cells.
        sampling_interval : float, optional
            Interval between samples [ms], a multiple of the time step.
        locations : None
            Neurons are points here.
        """
        if locations is not None:
            msg = "record: neurons are points here; there are no locations to record from"
            raise NotImplementedError(msg)
        wanted = self._localize_variables(variables, None)
        for variable in wanted:
            if not self._can_record(variable.name):
                raise errors.RecordingError(variable.name, self.population.celltype)
        self._check_sampling_interval(sampling_interval)
        every = self._every(sampling_interval)
        for variable in wanted:
            new = set(ids) - self.recorded[variable]
            if new:
                self._tapes.append(self._tape(variable.name, new, every))
                self.recorded[variable] = self.recorded[variable] | new
        self.sampling_interval = every * simulator.state.dt

    def _can_record(self, variable: str) -> bool:
        kind = self.population.celltype
        if variable == _SPIKES or not kind.can_record(variable):
            return bool(kind.can_record(variable))
        return bool(kind.native_states(variable, self.population.cells))  # a sum may have no terms

    def _every(self, sampling_interval: float | None) -> int:
        """Return an interval in steps, after a check."""
        dt = simulator.state.dt
        if sampling_interval is None:
            analog = any(tape.variable != _SPIKES for tape in self._tapes)
            return round(self.sampling_interval / dt) if analog else 1
        every = round(sampling_interval / dt)
        if every < 1 or abs(every * dt - sampling_interval) > 1e-6 * dt:
            msg = f"record: sampling_interval must be a multiple of the time step, {dt:g} ms, got {sampling_interval:g}"
            raise ValueError(msg)
        return every

    def _tape(self, variable: str, ids: Iterable[Any], every: int) -> _Tape:
        indices = np.sort(self.population.id_to_index(np.fromiter(ids, dtype=np.int64)))
        cells, network = self.population.cells, simulator.state.network
        target = cells.population[indices]
        if variable == _SPIKES:
            return _Tape(variable, indices, 1, [network.record(target, "spikes")])
        names = self.population.celltype.native_states(variable, cells)
        interval = every * simulator.state.dt
        devices = [network.record(target, name, every=interval) for name in names]
        return _Tape(variable, indices, every, devices)

    def _reset(self) -> None:
        """Record nothing from now on."""
        for tape in self._tapes:
            for device in tape.devices:
                device.pause()
                device.clear()
        self._tapes = []

    # During runs --------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Note the samples at the start of the tapes that the coming run begins; collective."""
        now = simulator.state.step
        self.clear_flag = False  # there will be new data
        for tape in self._tapes:
            if tape.start is None and tape.variable != _SPIKES:
                tape.start = -(-now // tape.every) * tape.every
                tape.first = None
                if tape.start == now:
                    native = [np.asarray(getattr(d.target, d.name))[None] for d in tape.devices]
                    tape.first = self._in_pynn_units(tape, native)

    def clear(self) -> None:
        """Forget all data so far, of earlier segments, too, and record on."""
        now = simulator.state.step
        for tape in self._tapes:
            last = None
            if tape.start is not None and tape.start <= now and now % tape.every == 0:
                last = self._samples(tape)[-1:]  # the next data begins with it
            for device in tape.devices:
                device.clear()
            tape.start, tape.first = (None, None) if last is None else (now, last)
        self._earlier = []
        self._since = simulator.state.t
        self.clear_flag = True

    def store_to_cache(self, annotations: dict[str, Any] | None = None) -> None:
        """Keep the data of the segment that a reset ends."""
        if simulator.state.running and not self.clear_flag:
            self._earlier.append(self._data(annotations))
        self.clear_flag = False
        self._since = 0.0
        for tape in self._tapes:
            tape.start = tape.first = None

    # Data ---------------------------------------------------------------------------------------------------------

    def _data(self, annotations: dict[str, Any] | None = None) -> _Data:
        """Return what was recorded since the last reset."""
        recorded = [tape.indices for tape in self._tapes if tape.variable == _SPIKES]
        return _Data(
            f"segment{simulator.state.segment_counter:03d}",
            datetime.now(),  # as PyNN has it
            self._since,
            simulator.state.t,
            np.sort(np.concatenate(recorded)) if recorded else None,
            self._spikes(),
            self._signals(),
            dict(annotations or {}),
        )

    def _spikes(self) -> tuple[Ints, Floats]:
        stamps, ids = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for tape in self._tapes:
            if tape.variable == _SPIKES:
                found = tape.devices[0].in_steps()
                stamps.append(found[0])
                ids.append(found[1].astype(np.int64))
        steps, indices = simulator.state.since_reset(np.concatenate(stamps)), np.concatenate(ids)
        indices, times = self.population.cells.spikes(indices, steps)
        order = np.lexsort((times, indices))
        return indices[order], times[order]

    def _signals(self) -> list[_Signal]:
        """Return the samples, one signal for each variable and moment at which recording began."""
        groups = defaultdict(list)
        for tape in self._tapes:
            if tape.variable != _SPIKES and tape.start is not None:
                groups[tape.variable, tape.start].append(tape)
        signals = []
        for (variable, start), tapes in groups.items():
            indices = np.concatenate([tape.indices for tape in tapes])
            values = np.concatenate([self._samples(tape) for tape in tapes], axis=1)
            order = np.argsort(indices)
            period = tapes[0].every * simulator.state.dt
            begin = simulator.state.ms(start)
            signals.append(_Signal(variable, indices[order], begin, period, values[:, order]))
        return signals

    def _samples(self, tape: _Tape) -> Floats:
        """Return the samples of a tape so far, in PyNN's units, [samples, cells]."""
        values = self._in_pynn_units(tape, [device.in_steps()[1] for device in tape.devices])
        return values if tape.first is None else np.concatenate([tape.first, values])

    def _in_pynn_units(self, tape: _Tape, native: list[Any]) -> Floats:
        kind = self.population.celltype
        values: Floats = kind.from_native(
            tape.variable, native, self.population.cells, tape.indices
        )
        return values

    # Neo ----------------------------------------------------------------------------------------------------------

    def get(
        self,
        variables: Any,
        gather: bool = False,
        filter_ids: Any = None,
        clear: bool = False,
        annotations: dict[str, Any] | None = None,
        locations: Any = None,  # noqa: ARG002  # PyNN's signature
    ) -> neo.Block:
        """Return the data as a Neo block, a segment for each reset and one for what came after the last.

        Parameters
        ----------
        variables : str or list of str
            What to return; "all" for all that was recorded.
        gather : bool
            Whether to return the data of all ranks, on each; else that of the cells of this one.
        filter_ids : iterable of ID, optional
            Cells whose data to return; by default all.
        clear : bool
            Forget the data afterwards.
        annotations : dict, optional
            Annotations of the block.
        """
        names = None
        if variables != "all":
            names = {each.name for each in self._localize_variables(variables, None)}
        cells = self._cells(gather, filter_ids)
        data = list(self._earlier)
        if simulator.state.running or not data:
            data.append(self._data())
        block = neo.Block(
            name=self.population.label,
            description=self.population.describe(),
            rec_datetime=data[0].when,
        )
        block.annotate(**{**self.metadata, **(annotations or {})})
        for each in data:
            segment = self._segment(each, names, cells)
            segment.block = block
            block.segments.append(segment)
        if clear:
            self.clear()
        return block

    def _cells(self, gather: bool, filter_ids: Any) -> npt.NDArray[np.bool_]:
        """Return which cells' data are wanted."""
        population = self.population
        wanted = np.ones(population.size, dtype=bool)
        if filter_ids is not None:
            wanted[:] = False
            wanted[population.id_to_index(np.fromiter(filter_ids, dtype=np.int64))] = True
        if not gather and simulator.state.num_processes > 1:
            wanted &= population.local_mask
        return wanted

    def _segment(
        self, data: _Data, names: set[str] | None, cells: npt.NDArray[np.bool_]
    ) -> neo.Segment:
        """Return some of the data as a segment."""
        segment = neo.Segment(
            name=data.name, description=self.population.describe(), rec_datetime=data.when
        )
        segment.annotate(**data.annotations)
        first = int(self.population.first_id)
        if data.recorded is not None and (names is None or _SPIKES in names):
            recorded = data.recorded[cells[data.recorded]]
            indices, times = data.spikes
            keep = cells[indices]
            segment.spiketrains = SpikeTrainList.from_spike_time_array(
                times[keep] * pq.ms,
                indices[keep] + first,
                recorded + first,
                t_stop=data.stop * pq.ms,
                units="ms",
                t_start=data.start * pq.ms,
                source_population=self.population.label,
                source_index=recorded,
            )
            segment.spiketrains.segment = segment
        for each in data.signals:
            keep = cells[each.indices]
            if (names is not None and each.variable not in names) or not keep.any():
                continue
            units = self.population.celltype.units[each.variable]
            signal = neo.AnalogSignal(
                each.values[:, keep],
                units="dimensionless" if units in ("", "unknown") else units,
                t_start=each.start * pq.ms,
                sampling_period=each.period * pq.ms,
                name=each.variable,
                source_population=self.population.label,
                channel_ids=each.indices[keep] + first,
                array_annotations={"channel_index": each.indices[keep]},
            )
            segment.analogsignals.append(signal)
            signal.segment = segment
        return segment

    def count(self, variable: str, gather: bool = True, filter_ids: Any = None) -> dict[int, int]:
        """Return the number of spikes of each recorded cell, since the last reset or clear, by ID."""
        if variable != _SPIKES:
            msg = f"count: only spikes can be counted, got {variable!r}"
            raise NotImplementedError(msg)
        counts = np.bincount(self._spikes()[0], minlength=self.population.size)
        recorded = {self.population.id_to_index(i) for i in self.recorded[_SPIKES_VARIABLE]}
        cells, first = self._cells(gather, filter_ids), int(self.population.first_id)
        return {first + i: int(counts[i]) for i in sorted(recorded) if cells[i]}


_SPIKES_VARIABLE = Variable(name=_SPIKES, location=None, label=None)
