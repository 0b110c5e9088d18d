"""Where a spiking network differs from the ANN that it was made of, layer by layer, and where its spikes vanish."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util import tables as _tables
from spikelet.layers import Neuron
from spikelet.layers.samples import Samples, check_labels, check_pair, decisions, readout_delay
from spikelet.layers.spiking_model import SpikingModel, SpikingResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ConversionReport", "LayerReport", "report"]

_VANISH = 0.5  # of the ANN's activity


@dataclass(frozen=True)
class LayerReport:
    """One layer of neurons, over all samples.

    Parameters
    ----------
    name : str
    kind : str
        "IF", "LIF", or "ReLU" where it stayed analog.
    neurons : int
    error : float
        RMS of SNN minus ANN (mean outputs), by the RMS of the ANN; NaN if that is 0.
    mean_error : float
        Mean of SNN minus ANN, in the unit of the activation; negative where activity is lost.
    activity : float
        Mean output by the ANN's mean output; NaN if that is 0.
    rate : float or None
        Spikes per neuron and step. None of a ReLU, as what follows.
    silent : float or None
        Share of neurons that never spiked in any sample.
    silenced : float or None
        Share of neurons that never spiked in any sample although the ANN's were active in some.
    saturated : float or None
        Share of neurons, over samples, that spiked at every step.
    threshold : (float, float, float) or None
        Least, mean and greatest.
    """

    name: str
    kind: str
    neurons: int
    error: float
    mean_error: float
    activity: float
    rate: float | None = None
    silent: float | None = None
    silenced: float | None = None
    saturated: float | None = None
    threshold: tuple[float, float, float] | None = None

    @property
    def vanishing(self) -> bool:
        """Whether less than half of the ANN's activity, or of its active neurons, is left."""
        return self.activity < _VANISH or (self.silenced or 0) > _VANISH


@dataclass(frozen=True)
class ConversionReport:
    """What `report` found.

    Parameters
    ----------
    layers : tuple of LayerReport
        In the order of the graph.
    steps, delay, samples : int
    agreement : float
        Share of samples with the ANN's decision.
    accuracy, ann_accuracy : float or None
        Shares; None without labels.
    """

    layers: tuple[LayerReport, ...]
    steps: int
    delay: int
    samples: int
    agreement: float
    accuracy: float | None = None
    ann_accuracy: float | None = None

    def __getitem__(self, name: str) -> LayerReport:
        """Return a layer by name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        msg = f"ConversionReport: '{name}' is none of {', '.join(x.name for x in self.layers)}"
        raise KeyError(msg)

    @property
    def vanishing(self) -> tuple[str, ...]:
        """Names of layers where spikes vanish."""
        return tuple(layer.name for layer in self.layers if layer.vanishing)

    def __str__(self) -> str:
        """Return a table with a line for each layer."""
        columns = ["layer", "kind", "neurons", "error", "mean error", "activity", "rate"]
        columns += ["silent", "silenced", "saturated", "threshold", ""]
        v, share = _tables.value, _tables.share
        rows = []
        for layer in self.layers:
            th = layer.threshold
            spread = (
                "" if th is None else v(th[1]) if th[0] == th[2] else f"{v(th[0])} .. {v(th[2])}"
            )
            rows.append(
                [
                    layer.name,
                    layer.kind,
                    str(layer.neurons),
                    share(layer.error),
                    v(layer.mean_error),
                    share(layer.activity),
                    v(layer.rate),
                    share(layer.silent),
                    share(layer.silenced),
                    share(layer.saturated),
                    spread,
                    "<- spikes vanish" if layer.vanishing else "",
                ]
            )
        head = f"T = {self.steps}, {self.samples} samples"
        head += f", means from step {self.delay} on" if self.delay else ""
        head += f": {share(self.agreement)} as the ANN decides"
        if self.accuracy is not None:
            head += f"; accuracy {share(self.accuracy)}, ANN {share(self.ann_accuracy)}"
        return f"{head}\n{_tables.table(columns, rows)}"

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain Python, fit for JSON: what is not known is None."""
        rows = [{**asdict(layer), "vanishing": layer.vanishing} for layer in self.layers]
        plain: dict[str, Any] = _tables.plain({**asdict(self), "layers": rows})
        return plain

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the same as JSON, and write it if there is a path."""
        return _tables.to_json(self.to_dict(), path)

    def plot(self, figure: Figure | None = None) -> Figure:
        """Draw it: `spikelet.plot.conversion_report`."""
        from spikelet.plot.layers import conversion_report  # noqa: PLC0415  # only where it is used

        return conversion_report(self, figure=figure)


class _Sums:
    """Of one layer, added up over batches."""

    def __init__(self, layer: Any, shape: tuple[int, ...], window: int) -> None:
        self.layer, self.window = layer, window
        self.difference = self.squares = self.ann_squares = self.ann = self.snn = 0.0
        self.spiked = np.zeros(shape, bool)
        self.active = np.zeros(shape, bool)
        self.saturated = 0

    def add(self, snn: NDArray[Any], ann: NDArray[Any], spikes: NDArray[Any] | None) -> None:
        a, s = ann.astype(np.float64), snn.astype(np.float64)
        self.difference += float((s - a).sum())
        self.squares += float(((s - a) ** 2).sum())
        self.ann_squares += float((a**2).sum())
        self.ann += float(a.sum())
        self.snn += float(s.sum())
        self.active |= (ann > 0).any(axis=0)
        if isinstance(self.layer, Neuron):
            counts = self._counts(s, spikes)
            self.spiked |= (counts > 0).any(axis=0)
            self.saturated += int(np.count_nonzero(counts == self.window))

    def _counts(self, mean: NDArray[Any], spikes: NDArray[Any] | None) -> NDArray[Any]:
        if spikes is not None:
            counted: NDArray[Any] = np.count_nonzero(spikes[len(spikes) - self.window :], axis=0)
            return counted
        amplitude = np.asarray(self.layer.amplitude)
        if amplitude.ndim:
            amplitude = amplitude.reshape(-1, *[1] * (mean.ndim - 2))
        whole: NDArray[Any] = np.rint(mean * self.window / amplitude)
        return whole


def report(
    snn: SpikingModel,
    ann: SpikingModel,
    x: ArrayLike,
    steps: int | None = None,
    *,
    labels: ArrayLike | None = None,
    delay: int | None = None,
    batch_size: int | None = None,
    **run_args: Any,
) -> ConversionReport:
    """Run an SNN and its ANN, and compare them layer by layer.

    Parameters
    ----------
    snn, ann : SpikingModel
        With neurons of the same names; all of the ANN's are `ReLU`, the SNN's may be (a hybrid).
    x : array-like, [B, ...] with `steps`, else [T, B, ...]
        As for `SpikingModel.run`; the ANN gets x itself, or the mean of a sequence.
    steps : int, optional
        T; by default what a converted model was made for.
    labels : array-like of int, [B], optional
        For accuracies.
    delay : int, optional
        Steps that are left out of means, of silence and of saturation. By default what the model was converted for, or 0.
    batch_size : int, optional
        By default what keeps records below 64 MB.
    **run_args
        ``coding``, ``seed``, for `SpikingModel.run`.

    Returns
    -------
    ConversionReport

    Raises
    ------
    TypeError, ValueError
        If the models are no pair, or an argument breaks its rule.
    """
    where = "report"
    names = check_pair(where, snn, ann)
    samples = Samples.of(where, x, steps, batch_size, snn)
    delay = readout_delay(where, snn, delay, samples.total)
    shapes = snn.graph.shapes(samples.shape)
    outputs = int(np.prod(shapes[snn.graph.output.name]))
    truth = check_labels(where, labels, samples, outputs)
    kinds = {name: snn.graph[name].layer for name in names}
    # Means tell how often binary neurons spiked; of others the spikes are kept for a while.
    counted = [n for n in names if _needs_spikes(kinds[n])]
    records = [f"{n}.mean" for n in names] + [f"{n}.spikes" for n in counted]
    each = 64 * sum(int(np.prod(shapes[n])) for n in names)
    each += 5 * samples.total * sum(int(np.prod(shapes[n])) for n in counted)
    sums = {n: _Sums(kinds[n], shapes[n], samples.total - delay) for n in names}
    spikes = dict.fromkeys(names, 0.0)
    agree = right = ann_right = 0
    whole = samples.constant()
    for part, result in samples.run(snn, each, record=records, delay=delay, **run_args):
        other = ann.run(whole.x[part], 1, record=[f"{n}.mean" for n in names])
        _add(sums, spikes, result, other, part.stop - part.start)
        chosen, expected = decisions(result.output), decisions(other.output)
        agree += int((chosen == expected).sum())
        if truth is not None:
            right += int((chosen == truth[part]).sum())
            ann_right += int((expected == truth[part]).sum())
    count = samples.count
    slots = {n: sums[n].spiked.size * count for n in names}
    return ConversionReport(
        tuple(_layer(n, sums[n], spikes[n] / (slots[n] * samples.total), slots[n]) for n in names),
        samples.total,
        delay,
        count,
        agree / count,
        None if truth is None else right / count,
        None if truth is None else ann_right / count,
    )


def _needs_spikes(layer: Any) -> bool:
    if not isinstance(layer, Neuron):
        return False
    return layer.code != "binary" or not bool(np.all(np.asarray(layer.amplitude) != 0))


def _add(
    sums: dict[str, _Sums],
    spikes: dict[str, float],
    snn: SpikingResult,
    ann: SpikingResult,
    count: int,
) -> None:
    for name, own in sums.items():
        sent = snn.records.get(f"{name}.spikes")
        own.add(snn[f"{name}.mean"], ann[f"{name}.mean"], sent)
        spikes[name] += snn.operations[name].spikes * count


def _layer(name: str, sums: _Sums, rate: float, slots: int) -> LayerReport:
    nothing = float("nan")
    layer = sums.layer
    common = (
        name,
        type(layer).__name__,
        sums.spiked.size,
        (sums.squares / sums.ann_squares) ** 0.5 if sums.ann_squares else nothing,
        sums.difference / slots,
        sums.snn / sums.ann if sums.ann else nothing,
    )
    if not isinstance(layer, Neuron):
        return LayerReport(*common)
    threshold = np.asarray(layer.threshold, np.float64)
    return LayerReport(
        *common,
        rate=rate,
        silent=float(np.mean(~sums.spiked)),
        silenced=float(np.mean(~sums.spiked & sums.active)),
        saturated=sums.saturated / slots,
        threshold=(float(threshold.min()), float(threshold.mean()), float(threshold.max())),
    )
