"""Accuracy against the number of steps, steps until a decision, and curves of several models side by side."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet import _tables, energy
from spikelet._checks import fail, integer, number, require
from spikelet._samples import Samples, check_labels, decisions, is_model, readout_delay
from spikelet._segments import timings
from spikelet.layers import ReLU
from spikelet.spiking_model import SpikingModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "AccuracyCurve",
    "Comparison",
    "Decisions",
    "accuracy_curve",
    "compare",
    "steps_to_decision",
]

Rerun: TypeAlias = "bool | Callable[[int], SpikingModel]"


@dataclass(frozen=True, eq=False)
class AccuracyCurve:
    """Accuracy against T.

    Parameters
    ----------
    steps : int array, [n]
        T, rising.
    accuracy, agreement : array, [n], or None
        Shares of samples with the right decision, and with the ANN's.
    spikes, energy_nj : array, [n], or None
        Per sample: spikes of input and neurons, and an estimate of the energy (`spikelet.energy`).
    ann_accuracy : float or None
    samples : int
    """

    steps: NDArray[np.int64]
    accuracy: NDArray[np.float64] | None
    agreement: NDArray[np.float64] | None
    spikes: NDArray[np.float64] | None
    energy_nj: NDArray[np.float64] | None
    ann_accuracy: float | None
    samples: int

    @property
    def quality(self) -> NDArray[np.float64]:
        """Accuracy if there were labels, else agreement with the ANN."""
        known = self.accuracy if self.accuracy is not None else self.agreement
        assert known is not None
        return known

    def steps_to(self, target: float) -> float:
        """Return the first T from which on the quality stays at a target (a share) or above; infinity if none."""
        below = np.flatnonzero(self.quality < target - 1e-12)
        first = 0 if below.size == 0 else int(below[-1]) + 1
        return float(self.steps[first]) if first < len(self.steps) else math.inf

    def __str__(self) -> str:
        """Return a table with a line for each T."""
        columns, data = ["T"], [[str(t) for t in self.steps]]
        for title, values, shown in (
            ("accuracy", self.accuracy, _percent),
            ("as the ANN", self.agreement, _percent),
            ("spikes", self.spikes, _tables.value),
            ("nJ", self.energy_nj, _tables.value),
        ):
            if values is not None:
                columns.append(title)
                data.append([shown(float(v)) for v in values])
        text = _tables.table(columns, list(zip(*data, strict=True)))
        ann = "" if self.ann_accuracy is None else f"; ANN {_percent(self.ann_accuracy)}"
        return f"{self.samples} samples{ann}\n{text}"

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain Python."""
        plain: dict[str, Any] = _tables.plain(dict(self.__dict__))
        return plain

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the same as JSON, and write it if there is a path."""
        return _tables.to_json(self.to_dict(), path)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it: `spikelet.plot.accuracy_curve`."""
        from spikelet.plot_layers import accuracy_curve as draw  # noqa: PLC0415  # imports this module

        return draw(self, ax=ax)


def _percent(x: float) -> str:
    return f"{100 * x:.2f}%"


@dataclass(frozen=True, eq=False)
class Decisions:
    """How many steps each sample takes to its decision.

    Parameters
    ----------
    steps : int array, [B]
        The first T from which on the decision stays what it is at the last step.
    decision : int array, [T, B]
        What would be decided after each step.
    margin : float array, [T, B]
        By how much the strongest mean output exceeds the second.
    labels : int array, [B], or None
    """

    steps: NDArray[np.int64]
    decision: NDArray[np.int64]
    margin: NDArray[np.float64]
    labels: NDArray[np.int64] | None

    @property
    def mean(self) -> float:
        """Mean response time [steps]."""
        return float(self.steps.mean())

    @property
    def median(self) -> float:
        """Median response time [steps]."""
        return float(np.median(self.steps))

    def percentile(self, q: float) -> float:
        """Return the steps after which q percent of the samples are decided."""
        return float(np.percentile(self.steps, q))

    def stopped(
        self, margin: float, least: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], float | None]:
        """Stop each sample as soon as its margin is large enough.

        Parameters
        ----------
        margin : float
            In the unit of the outputs; >= 0.
        least : int
            Steps that are always run.

        Returns
        -------
        (steps, decision, accuracy)
            ``[B]``, ``[B]``, and the share of right decisions (of decisions that are as after all steps, without labels).
        """
        require(
            "Decisions.stopped", "margin", number("Decisions.stopped", "margin", margin), ">= 0"
        )
        total = len(self.margin)
        least = integer("Decisions.stopped", "least", least, 1, total)
        enough = self.margin > margin
        enough[: least - 1] = False
        enough[-1] = True  # at the latest
        at = enough.argmax(axis=0)
        chosen = self.decision[at, np.arange(len(at))]
        truth = self.decision[-1] if self.labels is None else self.labels
        return at + 1, chosen, float((chosen == truth).mean())

    def __str__(self) -> str:
        """Return one line."""
        return (
            f"{len(self.steps)} samples, T = {len(self.margin)}: decided after {self.mean:.3g} steps on average, "
            f"median {self.median:.3g}, 95 % after {self.percentile(95):.3g}"
        )


def accuracy_curve(
    snn: SpikingModel,
    x: ArrayLike,
    labels: ArrayLike | None,
    steps: int | Sequence[int],
    *,
    ann: SpikingModel | None = None,
    delay: int | None = None,
    rerun: Rerun | None = None,
    energy_samples: int = 32,
    batch_size: int | None = None,
    **run_args: Any,
) -> AccuracyCurve:
    """Return the accuracy after each of several numbers of steps.

    One run is enough where a run of T steps begins like a longer one: its output is kept at each step, and the decision
    after T steps is that of the mean from `delay` on. It is not enough with ``coding="latency"``, in a hybrid network (its
    ReLUs wait for all T steps), or where the model itself depends on T.

    Parameters
    ----------
    snn : SpikingModel
    x : array-like, [B, ...]
        Held constant, or coded as ``coding`` says.
    labels : array-like of int, [B], or None
        None: only the agreement with `ann` is known.
    steps : int or sequence of int
        All T from 1 to this one, or these.
    ann : SpikingModel, optional
        For the agreement with it, and its accuracy.
    delay : int, optional
        Steps that means leave out; after T <= delay steps the last one decides alone. By default what the model was
        converted for, or 0.
    rerun : bool or callable, optional
        True: a run for each T. A function that returns the model for T (converted for it): runs that, with its own delay
        unless one is given. By default one run if that is enough.
    energy_samples : int
        Spikes and energy are measured at each T on so many of the first samples (exactly, which costs a run for each T); 0:
        not at all.
    batch_size : int, optional
        By default what keeps records below 64 MB.
    **run_args
        ``coding``, ``seed``, for `SpikingModel.run`.

    Returns
    -------
    AccuracyCurve

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule; if neither labels nor an ANN are given.
    """
    where = "accuracy_curve"
    is_model(where, "snn", snn)
    all_steps = _steps(where, steps)
    last = int(all_steps[-1])
    samples = Samples.of(where, x, last, batch_size)
    if labels is None and ann is None:
        fail(where, "labels", None, "must be given, or else an ann")
    energy_samples = integer(where, "energy_samples", energy_samples, 0)
    outputs = _outputs(snn, samples)
    truth = check_labels(where, labels, samples, outputs)
    expected = None if ann is None else _ann_decisions(where, ann, samples)
    again = _needs_rerun(snn, run_args) if rerun is None else rerun
    if again is False and _needs_rerun(snn, run_args):
        fail(where, "rerun", rerun, "must be True: what happens in T steps depends on T")

    def model_of(t: int) -> SpikingModel:
        return is_model(where, f"rerun({t})", again(t)) if callable(again) else snn

    if again is False:
        lag = readout_delay(where, snn, delay)
        decision, _ = _trajectory(snn, samples, lag, run_args)
        chosen = decision[all_steps - 1]
    else:
        chosen = np.stack(
            [_final(model_of(int(t)), samples, int(t), delay, run_args) for t in all_steps]
        )
    spikes = joules = None
    if energy_samples:
        few = samples.first(energy_samples)
        costs = [
            energy.measure(model_of(int(t)), few.x, int(t), batch_size=batch_size, **run_args)
            for t in all_steps
        ]
        spikes = np.array([c.snn.total.spikes + c.snn.input_spikes for c in costs])
        joules = np.array([c.energy_nj for c in costs])
    return AccuracyCurve(
        all_steps,
        None if truth is None else (chosen == truth).mean(axis=1),
        None if expected is None else (chosen == expected).mean(axis=1),
        spikes,
        joules,
        None if truth is None or expected is None else float((expected == truth).mean()),
        samples.count,
    )


def steps_to_decision(
    snn: SpikingModel,
    x: ArrayLike,
    steps: int,
    *,
    labels: ArrayLike | None = None,
    delay: int | None = None,
    batch_size: int | None = None,
    **run_args: Any,
) -> Decisions:
    """Return how many steps each sample takes until its decision stays: the response time.

    Parameters
    ----------
    snn : SpikingModel
        Without ReLUs behind spikes, which know nothing before all steps are over.
    x : array-like, [B, ...]
    steps : int
        T.
    labels : array-like of int, [B], optional
        For accuracies of stopping early.
    delay, batch_size, **run_args
        As for `accuracy_curve`.

    Returns
    -------
    Decisions

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule, or the model is a hybrid that cannot decide early.
    """
    where = "steps_to_decision"
    is_model(where, "snn", snn)
    samples = Samples.of(where, x, integer(where, "steps", steps, 1), batch_size)
    truth = check_labels(where, labels, samples, _outputs(snn, samples))
    waits = _waiting(snn, run_args)
    if waits:
        fail(where, "snn", waits, "must not have a ReLU that waits for spikes; there is")
    lag = readout_delay(where, snn, delay)
    decision, margin = _trajectory(snn, samples, lag, run_args)
    changed = decision != decision[-1]
    settled = len(changed) - changed[::-1].argmax(axis=0) + 1
    first = np.where(changed.any(axis=0), settled, 1)
    return Decisions(first, decision, margin, truth)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Curves of several models.

    Parameters
    ----------
    curves : dict of str to AccuracyCurve
    """

    curves: Mapping[str, AccuracyCurve]

    def __getitem__(self, name: str) -> AccuracyCurve:
        """Return a curve by name."""
        return self.curves[name]

    def steps_to(self, points: float) -> dict[str, float]:
        """Return from which T on each curve stays within so many points (percent) of the ANN; infinity if it does not."""
        points = float(number("Comparison.steps_to", "points", points))
        found = {}
        for name, curve in self.curves.items():
            best = curve.ann_accuracy if curve.accuracy is not None else 1.0
            if best is None:
                fail("Comparison.steps_to", f"curve '{name}'", None, "must know the ANN's accuracy")
            found[name] = curve.steps_to(best - points / 100)
        return found

    def factor(self, slow: str, fast: str, points: float) -> float:
        """Return how many times as many steps one takes as another to come within so many points of the ANN.

        Infinity if the slow one never does (within the steps measured), NaN if the fast one does not.
        """
        needed = self.steps_to(points)
        for name in (slow, fast):
            if name not in needed:
                fail("Comparison.factor", "name", name, f"must be one of {', '.join(needed)}")
        return float("nan") if math.isinf(needed[fast]) else needed[slow] / needed[fast]

    def __str__(self) -> str:
        """Return a table: T downwards, models to the right."""
        names = list(self.curves)
        every = sorted({int(t) for c in self.curves.values() for t in c.steps})
        known = {
            n: dict(zip(c.steps.tolist(), c.quality.tolist(), strict=True))
            for n, c in self.curves.items()
        }
        rows = [
            [str(t), *(_percent(known[n][t]) if t in known[n] else "" for n in names)]
            for t in every
        ]
        return _tables.table(["T", *names], rows)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain Python."""
        return {name: curve.to_dict() for name, curve in self.curves.items()}

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the same as JSON, and write it if there is a path."""
        return _tables.to_json(self.to_dict(), path)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw accuracy against T: `spikelet.plot.accuracy_curve`."""
        from spikelet.plot_layers import accuracy_curve as draw  # noqa: PLC0415  # imports this module

        return draw(self, ax=ax)


def compare(
    models: Mapping[str, Any],
    x: ArrayLike,
    labels: ArrayLike | None,
    steps: int | Sequence[int],
    *,
    ann: SpikingModel | None = None,
    **arguments: Any,
) -> Comparison:
    """Return curves of several models, methods, resets or codings.

    Parameters
    ----------
    models : dict of str to SpikingModel, or to (SpikingModel, dict)
        The dict has arguments of `accuracy_curve` for this model alone: ``{"coding": "poisson"}``.
    x, labels, steps, ann
        As for `accuracy_curve`.
    **arguments
        Of `accuracy_curve`, for all.

    Returns
    -------
    Comparison

    Examples
    --------
    Factor in steps of the hard reset against the soft one, 1 point below the ANN::

        compare({"zero": hard, "subtract": soft}, x, labels, 256, ann=ann).factor("zero", "subtract", 1.0)
    """
    if not isinstance(models, Mapping) or not models:
        msg = f"compare: models must be a dict of models by name, got {models!r}"
        raise TypeError(msg)
    curves = {}
    for name, item in models.items():
        model, own = item if isinstance(item, tuple) and len(item) == 2 else (item, {})
        is_model("compare", f"models['{name}']", model)
        curves[str(name)] = accuracy_curve(model, x, labels, steps, ann=ann, **{**arguments, **own})
    return Comparison(curves)


def _steps(where: str, steps: int | Sequence[int]) -> NDArray[np.int64]:
    if np.ndim(steps) == 0:
        return np.arange(1, integer(where, "steps", steps, 1) + 1)
    assert not isinstance(steps, int)
    values = [integer(where, "steps", t, 1) for t in steps]
    if not values or any(a >= b for a, b in itertools.pairwise(values)):
        fail(where, "steps", steps, "must be one integer, or several that rise")
    return np.array(values)


def _waiting(model: SpikingModel, run_args: Mapping[str, Any]) -> str:
    """Return the name of a ReLU that gets spikes, or nothing."""
    when = timings(model.graph, sequence=run_args.get("coding", "direct") != "direct")
    for node in model.graph:
        if isinstance(node.layer, ReLU) and any(when[i].spiking for i in node.inputs):
            return node.name
    return ""


def _needs_rerun(model: SpikingModel, run_args: Mapping[str, Any]) -> bool:
    return run_args.get("coding") == "latency" or bool(_waiting(model, run_args))


def _outputs(model: SpikingModel, samples: Samples) -> int:
    return int(np.prod(model.graph.shapes(samples.shape)[model.graph.output.name]))


def _ann_decisions(where: str, ann: Any, samples: Samples) -> NDArray[np.int64]:
    is_model(where, "ann", ann)
    parts = samples.constant().run(ann, 8 * _outputs(ann, samples))
    return np.concatenate([decisions(result.output) for _, result in parts])


def _final(
    model: SpikingModel, samples: Samples, steps: int, delay: int | None, run_args: dict[str, Any]
) -> NDArray[np.int64]:
    lag = min(readout_delay("accuracy_curve", model, delay), steps - 1)
    short = Samples(samples.where, samples.x, steps, samples.batch_size)
    parts = short.run(model, 8 * _outputs(model, samples), delay=lag, **run_args)
    return np.concatenate([decisions(result.output) for _, result in parts])


def _trajectory(
    model: SpikingModel, samples: Samples, delay: int, run_args: dict[str, Any]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return what is decided after each step, and by which margin; [T, B]."""
    name = f"{model.graph.output.name}.value"
    outputs, total = _outputs(model, samples), samples.total
    decision = np.empty((total, samples.count), np.int64)
    margin = np.empty((total, samples.count))
    for part, result in samples.run(model, 24 * outputs * total, record=name, **run_args):
        values = result[name].reshape(total, -1, outputs).astype(np.float64)
        mean = values.copy()
        if delay < total:
            window = np.arange(1, total - delay + 1).reshape(-1, 1, 1)
            mean[delay:] = np.cumsum(values[delay:], axis=0) / window
        decision[:, part] = mean.argmax(axis=2)
        if outputs > 1:
            top = np.partition(mean, outputs - 2, axis=2)[:, :, -2:]
            margin[:, part] = top[:, :, 1] - top[:, :, 0]
        else:
            margin[:, part] = np.inf
    return decision, margin
