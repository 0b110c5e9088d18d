"""Compare a spiking network with its ANN layer by layer, and find where its spikes vanish."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spikelet._util.results import Table
from spikelet.conversion.evaluate import evaluate
from spikelet.layers import Layer, Neuron
from spikelet.layers.inputs import Inputs
from spikelet.layers.samples import Samples, check_pair, readout_delay
from spikelet.layers.spiking_model import SpikingModel
from spikelet.layers.spiking_result import SpikingResult

_VANISH = 0.5  # relative to the ANN's activity
_DRAWN = ("layer", "error", "activity", "rate", "silenced", "saturated", "threshold")


def report(
    snn: SpikingModel,
    ann: SpikingModel,
    x: Inputs,
    labels: ArrayLike | None = None,
    steps: int | None = None,
    *,
    delay: int | None = None,
    **options: Any,
) -> Table:
    """Return `layer_errors`, with the results of `evaluate` as facts.

    Parameters
    ----------
    snn, ann, x, steps, delay
        As for `layer_errors`.
    labels : array-like of int, [B], optional
        Class of each sample.
    **options
        Others of `evaluate`.

    Returns
    -------
    Table
    """
    shared = {k: v for k, v in options.items() if k in ("batch_size", "coding", "seed")}
    layers = layer_errors(snn, ann, x, steps, delay=delay, **shared)
    whole = evaluate(snn, ann, x, labels, steps, delay=delay, **options)
    facts = {**whole.facts, **layers.facts, **whole.rows[0]}
    return Table(layers.rows, facts, layers.axes)


def layer_errors(
    snn: SpikingModel,
    ann: SpikingModel,
    x: Inputs,
    steps: int | None = None,
    *,
    delay: int | None = None,
    batch_size: int | None = None,
    **run_args: Any,
) -> Table:
    """Run a spiking network and its ANN on the same samples, and compare them layer by layer.

    Parameters
    ----------
    snn, ann : SpikingModel
        Two models whose neurons have the same names; all neurons of the ANN are `ReLU`, those of the SNN may be (a
        hybrid network).
    x : array-like, [B, ...] with `steps`, else [T, B, ...]
        Inputs as for `SpikingModel.run`; the ANN gets x itself, or the mean of a sequence.
    steps : int, optional
        Number of steps T; by default that of a converted model.
    delay : int, optional
        Number of initial steps to leave out of means, silence and saturation; by default that of a converted model, or 0.
    batch_size : int, optional
        By default the number that keeps records below 64 MB.
    **run_args
        ``coding`` and ``seed`` of `SpikingModel.run`.

    Returns
    -------
    Table
        A row for each layer of neurons, in the order of the graph, with the columns

        layer, kind, neurons
            Name, type and number of neurons (or of pairs of ON and OFF neurons).
        error
            RMS difference of mean outputs, relative to the RMS of the ANN; NaN if that is 0.
        mean_error
            Mean difference, SNN minus ANN, in the unit of the activation; negative if activity is lost.
        activity
            Mean output relative to the ANN's; NaN if that is 0.
        rate
            Spikes per neuron and step; this and the following are None for a ReLU.
        silent, silenced, saturated
            Fractions of neurons: those that spiked in no sample, those of them whose ANN neurons were active in some, and, over
            all samples, those that spiked at every step.
        threshold_min, threshold, threshold_max
            Smallest, mean and largest threshold.
        note
            "spikes vanish" where less than half of the ANN's activity, or of its active neurons, is left.

    Raises
    ------
    TypeError, ValueError
        If the neurons of the models differ, or an argument breaks its rule.
    """
    where = "layer_errors"
    names = check_pair(where, snn, ann, graded=True)
    samples = Samples.of(where, snn, x, steps, batch_size)
    delay = readout_delay(where, snn, delay, samples.total)
    shapes = snn.graph.shapes(samples.shapes)
    sums = [_Sums(n, snn.graph[n].layer, shapes[n], samples.total - delay) for n in names]
    means = [f"{n}.mean" for n in names]
    records = means + [f"{s.name}.spikes" for s in sums if s.recorded]
    each = sum((64 + 5 * samples.total * s.recorded) * s.spiked.size for s in sums)
    still = samples.constant()
    for part, result in samples.run(snn, each, record=records, delay=delay, **run_args):
        other = ann.run(still.part(part), 1, record=means)
        for own in sums:
            own.add(result, other, part.stop - part.start)
    facts = {"steps": samples.total, "delay": delay or None, "samples": samples.count}
    return Table([s.row(samples.count, samples.total) for s in sums], facts, _DRAWN)


class _Sums:
    """Sums over batches for one layer."""

    def __init__(self, name: str, layer: Layer, shape: tuple[int, ...], window: int) -> None:
        self.name, self.layer, self.window = name, layer, window
        self.spiked, self.active = np.zeros(shape, bool), np.zeros(shape, bool)
        self.sums = np.zeros(6)
        self.saturated = 0
        # The mean of a neuron whose spikes are all equal gives their number; of others, spikes are recorded.
        self.recorded = isinstance(layer, Neuron) and (
            layer.code != "binary" or not np.all(layer.amplitude)
        )

    def add(self, snn: SpikingResult, ann: SpikingResult, count: int) -> None:
        s, a = (r[f"{self.name}.mean"].astype(np.float64) for r in (snn, ann))
        spikes = snn.operations[self.name].spikes * count
        each = (s - a, (s - a) ** 2, a**2, s, a)
        self.sums += [*(x.sum() for x in each), spikes]
        self.active |= (a > 0).any(axis=0)
        if self.recorded:
            counts = np.count_nonzero(snn[f"{self.name}.spikes"][-self.window :], axis=0)
        elif isinstance(self.layer, Neuron):
            size = np.reshape(self.layer.amplitude, (-1, *[1] * (s.ndim - 2)))
            counts = np.rint(s * self.window / size)
        else:
            return
        self.spiked |= (counts > 0).any(axis=0)
        self.saturated += int(np.count_nonzero(counts == self.window))

    def row(self, samples: int, steps: int) -> dict[str, Any]:
        slots = self.spiked.size * samples
        difference, squares, ann_squares, snn, ann, spikes = map(float, self.sums)
        activity = snn / ann if ann else np.nan
        row: dict[str, Any] = {
            "layer": self.name,
            "kind": type(self.layer).__name__,
            "neurons": self.spiked.size,
            "error": (squares / ann_squares) ** 0.5 if ann_squares else np.nan,
            "mean_error": difference / slots,
            "activity": activity,
        }
        silenced = 0.0
        if isinstance(self.layer, Neuron):
            threshold = np.asarray(self.layer.threshold, np.float64)
            silenced = float(np.mean(~self.spiked & self.active))
            row.update(
                rate=spikes / (slots * steps),
                silent=float(np.mean(~self.spiked)),
                silenced=silenced,
                saturated=self.saturated / slots,
                threshold_min=float(threshold.min()),
                threshold=float(threshold.mean()),
                threshold_max=float(threshold.max()),
            )
        row["note"] = "spikes vanish" if activity < _VANISH or silenced > _VANISH else ""
        return row
