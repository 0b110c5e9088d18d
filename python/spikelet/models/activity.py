"""Activity of a connectome: spikes, rates by neuron and by type, and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import known
from spikelet._util.extras import extra, needs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Activity:
    """The spikes of some trials, in order of trial and time.

    Parameters
    ----------
    times : array, [spikes]
        Times since the beginning of the trial [ms].
    neurons : array of int, [spikes]
        Indices of the neurons.
    trial : array of int, [spikes]
        Number of the trial of each spike.
    ids : array, [n]
        Ids of all neurons.
    trials : array of int
        Numbers of the trials.
    duration : float
        Length of a trial [ms].
    columns : mapping of str to array, [n]
        What else is known of the neurons, such as their types.
    """

    times: npt.NDArray[np.float64]
    neurons: npt.NDArray[np.int64]
    trial: npt.NDArray[np.int64]
    ids: npt.NDArray[Any]
    trials: npt.NDArray[np.int64]
    duration: float
    columns: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        active, kind = len(np.unique(self.neurons)), type(self).__name__
        return f"{kind}({len(self)} spikes of {active} neurons in {len(self.trials)} trials of {self.duration:g} ms)"

    def counts(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the indices of the neurons that fired, and their spikes in each trial, [trials, neurons]."""
        active, column = np.unique(self.neurons, return_inverse=True)
        row = np.searchsorted(self.trials, self.trial)
        size = len(self.trials) * len(active)
        counts = np.bincount(row * len(active) + column, minlength=size)
        return active, counts.reshape(len(self.trials), len(active))

    def rates(self) -> npt.NDArray[Any]:
        """Return a table of the neurons that fired, the most active one first.

        Returns
        -------
        structured array, [neurons]
            ``id``, ``index``, ``rate`` and ``std``: mean and standard deviation over the trials [Hz]. pandas takes it as
            it is: ``pandas.DataFrame(activity.rates())``.
        """
        active, counts = self.counts()
        per_trial = counts / (1e-3 * self.duration)
        kinds = [("id", self.ids.dtype), ("index", "i8"), ("rate", "f8"), ("std", "f8")]
        table = np.empty(len(active), kinds)
        table["id"], table["index"] = self.ids[active], active
        table["rate"], table["std"] = per_trial.mean(axis=0), per_trial.std(axis=0)
        return table[np.lexsort((active, -table["rate"]))]

    def by(self, column: str = "type") -> Any:
        """Return a table of the activity by type, or by another column of the table of neurons. Needs pandas.

        Parameters
        ----------
        column : str
            Name of the column.

        Returns
        -------
        pandas.DataFrame
            For each value of the column, the most active one first: ``neurons``, how many there are; ``active``, how many
            of them fired; ``spikes``; ``rate`` and ``std``, mean and standard deviation over the trials of the rate of
            a neuron [Hz].
        """
        pandas = extra("pandas", "Activity.by")
        known("Activity.by", "column", column, self.columns, "a column of the table of neurons")
        codes, values = pandas.factorize(self.columns[column], use_na_sentinel=False)
        active, counts = self.counts()
        size = np.bincount(codes, minlength=len(values))
        sums = np.stack([np.bincount(codes[active], one, len(values)) for one in counts])
        rates = sums / (1e-3 * self.duration * size)
        columns = {
            "neurons": size,
            "active": np.bincount(codes[active], minlength=len(values)),
            "spikes": sums.sum(axis=0).astype(np.int64),
            "rate": rates.mean(axis=0),
            "std": rates.std(axis=0),
        }
        table = pandas.DataFrame(columns, index=pandas.Index(values, name=column))
        return table.sort_values("rate", ascending=False, kind="stable")

    def plot(self) -> Figure:
        """Draw the spikes of the first trial, the most active neurons on top, and the rates. Needs matplotlib.

        Returns
        -------
        Figure
        """
        with needs(f"{type(self).__name__}.plot", "plot"):
            from matplotlib.figure import Figure  # noqa: PLC0415  # an extra
        table = self.rates()
        figure = Figure(figsize=(9.0, 4.5), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
        place = np.zeros(len(self.ids), np.int64)
        place[table["index"]] = np.arange(len(table))
        first = self.trial == (self.trials[0] if len(self.trials) else 0)
        left.scatter(self.times[first], place[self.neurons[first]], s=1.0, c="black", linewidths=0)
        left.set(xlabel="time (ms)", ylabel="neurons, by rate", xlim=(0.0, self.duration))
        right.errorbar(
            table["rate"], np.arange(len(table)), xerr=table["std"], fmt=".", ms=2.0, lw=0.5
        )
        right.set(xlabel="rate (Hz)", xlim=(0.0, None), ylim=(max(len(table), 1) - 0.5, -0.5))
        return figure
