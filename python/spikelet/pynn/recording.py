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
from pyNN import errors, recording
from pyNN.recording import Variable

from spikelet.pynn import simulator

__all__ = ["Recorder"]

Ints = npt.NDArray[np.int64]
_SPIKES = Variable(name="spikes", location=None, label=None)


@dataclass
class _Tape:
    """One variable of some cells, recorded since one moment.

    Attributes
    ----------
    variable : Variable
        What is recorded, by PyNN's name.
    indices : array
        Indices of the cells in the population, ascending.
    every : int
        Interval between samples [steps].
    devices : list
        Recorders of the network, one for each native state that the variable is the sum of.
    start : int or None
        Step of the first sample, since the last reset; None: the next run begins the tape.
    first : array
        The sample at `start`, if it is not in the devices.
    """

    variable: Variable
    indices: Ints
    every: int
    devices: list[Any] = field(default_factory=list)
    start: int | None = None
    first: npt.NDArray[np.float64] | None = None


class Recorder(recording.Recorder):
    """The recordings of one population."""

    _simulator = simulator

    def __init__(self, population: Any, file: Any = None) -> None:
        super().__init__(population, file)
        self._tapes: list[_Tape] = []

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
            if not self.population.can_record(variable.name):
                raise errors.RecordingError(variable.name, self.population.celltype)
        self._check_sampling_interval(sampling_interval)
        every = self._every(sampling_interval)
        for variable in wanted:
            new = set(ids) - self.recorded[variable]
            if new:
                self._tapes.append(self._tape(variable, new, every))
                self.recorded[variable] = self.recorded[variable] | new
        self.sampling_interval = every * simulator.state.dt

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

    def _tape(self, variable: Variable, ids: Iterable[Any], every: int) -> _Tape:
        indices = np.sort(self.population.id_to_index(np.fromiter(ids, dtype=np.int64)))
        target = self.population.cells.population[indices]
        network = simulator.state.network
        if variable == _SPIKES:
            return _Tape(variable, indices, 1, [network.record(target, "spikes")])
        names = self.population.celltype.native_states(variable.name, self.population.cells)
        interval = every * simulator.state.dt
        return _Tape(
            variable, indices, every, [network.record(target, x, every=interval) for x in names]
        )

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
        for tape in self._tapes:
            if tape.start is not None or tape.variable == _SPIKES:
                continue
            tape.start = -(-now // tape.every) * tape.every
            tape.first = None
            if tape.start == now:
                native = [np.asarray(getattr(d.target, d.name)) for d in tape.devices]
                tape.first = self._in_pynn_units(tape, native)[None]

    def _in_pynn_units(self, tape: _Tape, native: list[Any]) -> npt.NDArray[np.float64]:
        kind = self.population.celltype
        values: npt.NDArray[np.float64] = kind.from_native(
            tape.variable.name, native, self.population.cells, tape.indices
        )
        return values

    def _clear_simulator(self) -> None:
        """Forget the data, and record on."""
        now = simulator.state.step
        for tape in self._tapes:
            last = self._samples(tape) if tape.variable != _SPIKES else None
            for device in tape.devices:
                device.clear()
            tape.start = tape.first = None
            if last is not None and len(last) and now % tape.every == 0:
                tape.start, tape.first = now, last[-1:]

    def clear(self) -> None:
        """Forget all data so far, of earlier segments, too, and record on."""
        self.cache.clear()
        self.clear_flag = True
        self._clear_simulator()
        self._recording_start_time = simulator.state.t * pq.ms

    def store_to_cache(self, annotations: dict[str, Any] | None = None) -> None:
        """Keep the present segment, at a reset."""
        if simulator.state.running and not self.clear_flag:
            segment = self._get_current_segment()
            segment.annotate(**(annotations or {}))
            self.cache.store(segment)
        self.clear_flag = False
        self._recording_start_time = 0.0 * pq.ms
        for tape in self._tapes:
            tape.start = tape.first = None

    # Reading ------------------------------------------------------------------------------------------------------

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
            Whether to return the data of all ranks; else that of this one. Each rank has all data.
        filter_ids : iterable of ID, optional
            Cells whose data to return; by default all.
        clear : bool
            Forget the data afterwards.
        annotations : dict, optional
            Annotations of the block.
        """
        wanted = None if variables == "all" else set(self._localize_variables(variables, None))
        cells = self._cells(gather, filter_ids)
        segments = [self._part(segment, wanted, cells) for segment in self.cache]
        if simulator.state.running or not segments:
            segments.append(self._get_current_segment(filter_ids, variables, gather=gather))
        block = neo.Block(
            name=self.population.label,
            description=self.population.describe(),
            rec_datetime=segments[0].rec_datetime,
            **self.metadata,
            **(annotations or {}),
        )
        for segment in segments:
            segment.block = block
        block.segments = segments
        if clear:
            self.clear()
        return block

    def _cells(self, gather: bool, filter_ids: Any) -> set[int] | None:
        """Return the cells whose data are wanted; None: all."""
        if gather or simulator.state.num_processes == 1:
            return None if filter_ids is None else {int(i) for i in filter_ids}
        own = {int(i) for i in self.population.local_cells}
        return own if filter_ids is None else own & {int(i) for i in filter_ids}

    def _part(
        self, segment: neo.Segment, wanted: set[Variable] | None, cells: set[int] | None
    ) -> neo.Segment:
        """Return what is wanted of an earlier segment."""
        names = None if wanted is None else {variable.name for variable in wanted}
        part = neo.Segment(
            name=segment.name,
            description=segment.description,
            rec_datetime=segment.rec_datetime,
            **segment.annotations,
        )
        if names is None or "spikes" in names:
            for train in segment.spiketrains:
                if cells is None or train.annotations["channel_id"] in cells:
                    part.spiketrains.append(train)
        for signal in segment.analogsignals:
            ids = signal.annotations["channel_ids"]
            keep = np.isin(ids, list(cells)) if cells is not None else np.ones(len(ids), bool)
            if (names is None or signal.name in names) and keep.any():
                chosen = signal if keep.all() else signal[:, keep]
                chosen.annotations = {**signal.annotations, "channel_ids": ids[keep]}
                part.analogsignals.append(chosen)
                chosen.segment = part
        return part

    def _get_current_segment(
        self,
        filter_ids: Any = None,
        variables: Any = "all",
        clear: bool = False,  # noqa: ARG002  # PyNN's signature
        gather: bool = True,
    ) -> neo.Segment:
        """Return the data since the last reset."""
        segment = neo.Segment(
            name=f"segment{simulator.state.segment_counter:03d}",
            description=self.population.describe(),
            rec_datetime=datetime.now(),  # noqa: DTZ005  # as PyNN has it
        )
        cells = self._cells(gather, filter_ids)
        wanted = None if variables == "all" else set(self._localize_variables(variables, None))
        for variable in self.recorded:
            if wanted is not None and variable not in wanted:
                continue
            if variable == _SPIKES:
                segment.spiketrains.extend(self._trains(cells))
                for train in segment.spiketrains:
                    train.segment = segment
            else:
                for signal in self._signals(variable, cells):
                    segment.analogsignals.append(signal)
                    signal.segment = segment
        return segment

    def _chosen(self, indices: Ints, cells: set[int] | None) -> npt.NDArray[np.bool_]:
        if cells is None:
            return np.ones(len(indices), dtype=bool)
        return np.isin(indices + int(self.population.first_id), list(cells))

    def _trains(self, cells: set[int] | None) -> list[neo.SpikeTrain]:
        indices, times = self._spikes()
        recorded = np.sort(np.concatenate([t.indices for t in self._tapes if t.variable == _SPIKES]))
        stop = simulator.state.t * pq.ms
        trains = []
        for index in recorded[self._chosen(recorded, cells)]:
            trains.append(
                neo.SpikeTrain(
                    times[np.searchsorted(indices, index) : np.searchsorted(indices, index, "right")],
                    t_start=self._recording_start_time,
                    t_stop=stop,
                    units="ms",
                    source_population=self.population.label,
                    channel_id=int(index) + int(self.population.first_id),
                    source_index=int(index),
                )
            )
        return trains

    def _spikes(self) -> tuple[Ints, npt.NDArray[np.float64]]:
        """Return indices of cells and times [ms] of the spikes since the last reset or clear, by cell, then time."""
        stamps, ids = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for tape in self._tapes:
            if tape.variable == _SPIKES:
                found = tape.devices[0].in_steps()
                stamps.append(found[0])
                ids.append(found[1].astype(np.int64))
        steps, indices = np.concatenate(stamps), np.concatenate(ids)
        steps = simulator.state.since_reset(steps)
        exact = getattr(self.population.cells, "exact", None)
        if exact is None:
            times = simulator.state.ms(steps)
        else:
            indices, times = exact(indices, steps)
        order = np.lexsort((times, indices))
        return indices[order], times[order]

    def _samples(self, tape: _Tape) -> npt.NDArray[np.float64]:
        """Return the samples of a tape so far, in PyNN's units, [samples, cells]."""
        native = [device.in_steps()[1] for device in tape.devices]
        values = self._in_pynn_units(tape, native)
        return values if tape.first is None else np.concatenate([tape.first, values])

    def _signals(self, variable: Variable, cells: set[int] | None) -> list[neo.AnalogSignal]:
        """Return the samples of a variable: one signal, or one for each moment at which recording began."""
        groups = defaultdict(list)
        for tape in self._tapes:
            if tape.variable == variable and tape.start is not None:
                groups[tape.start].append(tape)
        signals = []
        for start, tapes in sorted(groups.items()):
            indices = np.concatenate([tape.indices for tape in tapes])
            values = np.concatenate([self._samples(tape) for tape in tapes], axis=1)
            order = np.argsort(indices)
            order = order[self._chosen(indices[order], cells)]
            if not len(order):
                continue
            units = self.population.find_units(variable) or "dimensionless"
            signals.append(
                neo.AnalogSignal(
                    values[:, order],
                    units="dimensionless" if units == "unknown" else units,
                    t_start=simulator.state.ms(start) * pq.ms,
                    sampling_period=tapes[0].every * simulator.state.dt * pq.ms,
                    name=variable.name,
                    channel_ids=indices[order] + int(self.population.first_id),
                    source_population=self.population.label,
                    array_annotations={"channel_index": indices[order]},
                )
            )
        return signals

    def _local_count(self, variable: Variable, filter_ids: Any = None) -> dict[int, int]:  # noqa: ARG002
        indices, _ = self._spikes()
        counts = np.bincount(indices, minlength=self.population.size)
        recorded = {int(i) for i in self.recorded[_SPIKES]}
        wanted = recorded if filter_ids is None else recorded & {int(i) for i in filter_ids}
        first = int(self.population.first_id)
        return {i: int(counts[i - first]) for i in sorted(wanted)}
