"""Compare a spiking network with its ANN layer by layer, and find where its spikes vanish."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util import html, tables
from spikelet.layers import Neuron
from spikelet.layers.samples import Samples, check_labels, check_pair, decisions, readout_delay
from spikelet.layers.spiking_model import SpikingModel
from spikelet.layers.spiking_result import SpikingResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ConversionReport", "LayerReport", "report"]

_VANISH = 0.5  # relative to the ANN's activity


@dataclass(frozen=True)
class LayerReport:
    """Statistics of one layer of neurons over all samples.

    Parameters
    ----------
    name : str
    kind : str
        Type of the neurons: "IF", "PredictivePair", ..., or "ReLU" if they are analog.
    neurons : int
        Number of neurons, or of pairs.
    error : float
        RMS of the difference of mean outputs, SNN minus ANN, relative to the RMS of the ANN; NaN if that is 0.
    mean_error : float
        Mean difference, SNN minus ANN, in the unit of the activation; negative if activity is lost.
    activity : float
        Mean output relative to the ANN's mean output; NaN if that is 0.
    rate : float or None
        Spikes per neuron and step; this and the following are None for a ReLU.
    silent : float or None
        Fraction of neurons that spiked in no sample.
    silenced : float or None
        Fraction of neurons that spiked in no sample although the ANN's were active in some.
    saturated : float or None
        Fraction of neurons, over all samples, that spiked at every step.
    threshold : (float, float, float) or None
        Smallest, mean and largest threshold.
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
        """Whether less than half the ANN's activity, or half its active neurons, is left."""
        return self.activity < _VANISH or (self.silenced or 0) > _VANISH


@dataclass(frozen=True)
class ConversionReport:
    """The result of `report`.

    Parameters
    ----------
    layers : tuple of LayerReport
        Layers in the order of the graph.
    steps, delay, samples : int
    agreement : float
        Fraction of samples with the ANN's decision; NaN if the first output is a single number.
    accuracy, ann_accuracy : float or None
        Accuracies as fractions; None without labels.
    outputs : dict of str to float
        For each output, the RMS of the difference, SNN minus ANN, relative to the ANN's standard deviation over
        the samples; NaN if that is 0.
    """

    layers: tuple[LayerReport, ...]
    steps: int
    delay: int
    samples: int
    agreement: float
    accuracy: float | None = None
    ann_accuracy: float | None = None
    outputs: dict[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> LayerReport:
        """Return a layer by name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        msg = f"ConversionReport: '{name}' is not one of {', '.join(x.name for x in self.layers)}"
        raise KeyError(msg)

    @property
    def vanishing(self) -> tuple[str, ...]:
        """Names of the layers where spikes vanish."""
        return tuple(layer.name for layer in self.layers if layer.vanishing)

    def _repr_html_(self) -> str:
        """Return a table, for notebooks."""
        rows = [
            (x.name, x.kind, x.neurons, tables.share(x.error), tables.share(x.activity), tables.value(x.rate),
             "spikes vanish" if x.vanishing else "")
            for x in self.layers
        ]  # fmt: skip
        title = (
            f"T = {self.steps}, {self.samples} samples, agreement {tables.share(self.agreement)}"
        )
        columns = ["layer", "kind", "neurons", "error", "activity", "rate", ""]
        return html.grid(title, columns, rows, most=len(rows))

    def __str__(self) -> str:
        """Return a table with a row for each layer."""
        columns = ["layer", "kind", "neurons", "error", "mean error", "activity", "rate"]
        columns += ["silent", "silenced", "saturated", "threshold", ""]
        v, share = tables.value, tables.share
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
        found = [f"output '{name}' off by {share(e)}" for name, e in self.outputs.items()]
        if not np.isnan(self.agreement):
            found.insert(0, f"{share(self.agreement)} agreement with the ANN")
        head += f": {', '.join(found)}"
        if self.accuracy is not None:
            head += f"; accuracy {share(self.accuracy)}, ANN {share(self.ann_accuracy)}"
        return f"{head}\n{tables.table(columns, rows)}" if rows else head

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain Python objects, fit for JSON; unknown values are None."""
        rows = [{**asdict(layer), "vanishing": layer.vanishing} for layer in self.layers]
        plain: dict[str, Any] = tables.plain({**asdict(self), "layers": rows})
        return plain

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the same as JSON, and write it to a file if a path is given."""
        return tables.to_json(self.to_dict(), path)

    def save(self, path: str | Path, *, title: str = "Converted network") -> Path:
        """Write the report as one HTML file, which loads nothing from elsewhere and needs no JavaScript to read.

        Parameters
        ----------
        path : path
            File to write (.html); `to_json` writes JSON.
        title : str
            Heading of the page.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ImportError
            If plotly or matplotlib is not installed: ``pip install 'spikelet[report]'``.
        """
        from spikelet.plot.report.model import save  # noqa: PLC0415  # only where it is used

        return save(self, path, title)

    def plot(self, figure: Figure | None = None) -> Figure:
        """Draw the report with `spikelet.plot.conversion_report`."""
        from spikelet.plot.layers import conversion_report  # noqa: PLC0415  # only where it is used

        return conversion_report(self, figure=figure)


class _Sums:
    """Sums over batches for one layer."""

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


class _Spread:
    """Sums over batches for one output."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = 0
        self.mean, self.spread, self.squares = (np.zeros(shape) for _ in range(3))

    def add(self, snn: NDArray[Any], ann: NDArray[Any]) -> None:
        a = ann.astype(np.float64)
        mean, total = a.mean(axis=0), self.count + len(a)
        shift = mean - self.mean
        self.squares += ((snn.astype(np.float64) - a) ** 2).sum(axis=0)
        self.spread += ((a - mean) ** 2).sum(axis=0) + shift**2 * (self.count * len(a) / total)
        self.mean += shift * (len(a) / total)
        self.count = total

    @property
    def error(self) -> float:
        spread = self.spread.sum()
        return float((self.squares.sum() / spread) ** 0.5) if spread else float("nan")


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
    """Run an SNN and its ANN on the same samples, and compare them layer by layer.

    Parameters
    ----------
    snn, ann : SpikingModel
        Two models whose neurons have the same names; all neurons of the ANN are `ReLU`, those of the SNN may be (a
        hybrid network).
    x : array-like, [B, ...] with `steps`, else [T, B, ...]
        Inputs as for `SpikingModel.run`; the ANN gets x itself, or the mean of a sequence.
    steps : int, optional
        Number of steps T; by default that of a converted model.
    labels : array-like of int, [B], optional
        Class of each sample, to compute accuracies.
    delay : int, optional
        Number of initial steps to leave out of means, silence and saturation; by default that of a converted model, or 0.
    batch_size : int, optional
        By default the number that keeps records below 64 MB.
    **run_args
        ``coding`` and ``seed`` of `SpikingModel.run`.

    Returns
    -------
    ConversionReport

    Raises
    ------
    TypeError, ValueError
        If the neurons of the models differ, or an argument breaks its rule.
    """
    where = "report"
    names = check_pair(where, snn, ann, graded=True)
    samples = Samples.of(where, snn, x, steps, batch_size)
    delay = readout_delay(where, snn, delay, samples.total)
    shapes = snn.graph.shapes(samples.shapes)
    outputs = int(np.prod(shapes[snn.graph.output.name]))
    truth = check_labels(where, labels, samples, outputs)
    kinds = {name: snn.graph[name].layer for name in names}
    # The mean of a binary neuron gives its number of spikes; for other neurons the spikes are recorded.
    counted = [n for n in names if _needs_spikes(kinds[n])]
    records = [f"{n}.mean" for n in names] + [f"{n}.spikes" for n in counted]
    each = 64 * sum(int(np.prod(shapes[n])) for n in names)
    each += 5 * samples.total * sum(int(np.prod(shapes[n])) for n in counted)
    sums = {n: _Sums(kinds[n], shapes[n], samples.total - delay) for n in names}
    spikes = dict.fromkeys(names, 0.0)
    ends = {name: _Spread(shapes[name]) for name in snn.graph.outputs}
    agree = right = ann_right = 0
    whole = samples.constant()
    for part, result in samples.run(snn, each, record=records, delay=delay, **run_args):
        other = ann.run(whole.part(part), 1, record=[f"{n}.mean" for n in names])
        _add(sums, spikes, result, other, part.stop - part.start)
        for end, one, two in zip(
            ends.values(), result.outputs.values(), other.outputs.values(), strict=True
        ):
            end.add(one, two)
        chosen, expected = decisions(result), decisions(other)
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
        agree / count if outputs > 1 else float("nan"),
        None if truth is None else right / count,
        None if truth is None else ann_right / count,
        {name: end.error for name, end in ends.items()},
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
