"""Recorders: what a run leaves behind, as numpy arrays. Made by `Network.record`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from spikelet.network import Network
    from spikelet.population import Population
    from spikelet.projection import Projection

__all__ = ["SpikeRecorder", "StateRecorder", "WeightRecorder"]


class _Recorder:
    _kind = ""

    def __init__(self, network: Network, index: int, target: Population | Projection) -> None:
        self.network = network
        self.index = index
        self.target = target

    def clear(self) -> None:
        """Forget what was recorded so far."""
        self.network._require_idle()
        self.network._sim.clear_recorder(self._kind, self.index)


class SpikeRecorder(_Recorder):
    """Spikes of a population or of a part of it, in order of time, then id."""

    _kind = "spikes"
    target: Population

    def _read(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        self.network._require_idle()
        stamps, ids = self.network._sim.recorded_spikes(self.index)
        return stamps, ids

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Times of the spikes [ms]: the ends of their steps."""
        return self.network._ms(self._read()[0])

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """Ids within the population."""
        return self._read()[1].astype(np.int64)

    def counts(self, start: float = 0.0, stop: float = np.inf) -> npt.NDArray[np.int64]:
        """Return the number of spikes of each element with ``start < time <= stop`` [ms]; time 0 counts from 0.

        Parameters
        ----------
        start, stop : float
            The interval [ms].

        Returns
        -------
        array of int, [len(target)]
            In the order of the target's ids.
        """
        stamps, ids = self._read()
        times = self.network._ms(stamps)
        within = (times <= stop) & ((times > start) | (start <= 0))
        counts = np.bincount(ids[within], minlength=self.target.size)
        return counts[self.target.ids]

    def rates(self, start: float = 0.0, stop: float | None = None) -> npt.NDArray[np.float64]:
        """Return the mean rate of each element in an interval [Hz], by default from 0 to now.

        Parameters
        ----------
        start, stop : float
            The interval [ms].
        """
        stop = self.network.t if stop is None else stop
        length = stop - start
        scale = 1e3 / length if length > 0 else 0.0
        return np.asarray(self.counts(start, stop) * scale, dtype=np.float64)

    def __repr__(self) -> str:
        return f"SpikeRecorder({self.target.name}: {len(self._read()[0])} spikes)"


class StateRecorder(_Recorder):
    """A state variable, sampled at multiples of `every` at the end of the step (after reset)."""

    _kind = "state"
    target: Population

    def __init__(self, network: Network, index: int, target: Population, name: str) -> None:
        super().__init__(network, index, target)
        self.name = name

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Times of the samples [ms], [samples]."""
        self.network._require_idle()
        return self.network._ms(self.network._sim.recorded_states(self.index)[0])

    @property
    def values(self) -> npt.NDArray[Any]:
        """Values, [samples, len(target)], in the order of the target's ids."""
        self.network._require_idle()
        return self.network._sim.recorded_states(self.index)[1]

    def __repr__(self) -> str:
        return f"StateRecorder({self.target.name}.{self.name}: {len(self.times)} samples)"


class WeightRecorder(_Recorder):
    """The weights of a projection, sampled at multiples of `every`."""

    _kind = "weights"
    target: Projection

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Times of the samples [ms], [samples]."""
        self.network._require_idle()
        return self.network._ms(self.network._sim.recorded_weights(self.index)[0])

    @property
    def values(self) -> npt.NDArray[Any]:
        """Weights, [samples, synapses], in canonical order."""
        self.network._require_idle()
        return self.network._sim.recorded_weights(self.index)[1]

    def __repr__(self) -> str:
        return f"WeightRecorder({self.target!r}: {len(self.times)} samples)"
