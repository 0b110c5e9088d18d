"""Score a converted model on inputs, and choose the best of several."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from spikelet.conversion.layerwise.calibration import Floats
from spikelet.conversion.neurons import need_all_steps
from spikelet.layers import Foreign, Graded, ReLU
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["Score", "best", "score"]

_BATCH = 64 << 20  # bytes of outputs that are recorded at once
_TINY = 1e-30
_NEAR = 1.25  # errors within this factor of the least let the decisions count


@dataclass(frozen=True)
class Score:
    """How closely a converted model approximates its ANN.

    Parameters
    ----------
    error : float
        Root mean square difference of an output from the ANN's, relative to that of the difference and the spread of
        this output. Each output then has the same weight, and one that hardly varies counts at most 1.
    agreement : float
        Share of samples (of pixels, for outputs that are images) with the ANN's decision, the largest output; NaN for a
        single output.
    delay : int
        The readout delay with the least error.
    samples : int
        Number of decisions that were compared.
    """

    error: float
    agreement: float
    delay: int
    samples: int

    @property
    def values(self) -> dict[str, float]:
        """Error and agreement by name."""
        return {"error": self.error, "agreement": self.agreement}


def best(scores: Mapping[str, Score]) -> str:
    """Return the name of the best score: that of the least error.

    Among errors that hardly differ, one that agrees with the ANN's decisions significantly more often goes first.
    """
    least = min(scores, key=lambda name: scores[name].error)
    first = scores[least]
    near = {n: s for n, s in scores.items() if s.error <= _NEAR * first.error}
    most = max(near, key=lambda name: _known(near[name].agreement))
    gain = near[most].agreement - first.agreement
    doubt = sum(s.agreement * (1 - s.agreement) / s.samples for s in (near[most], first))
    return most if gain > 2 * math.sqrt(doubt) else least


def _known(agreement: float) -> float:
    return -1.0 if math.isnan(agreement) else agreement


def score(
    model: SpikingModel,
    ann: SpikingModel,
    inputs: Sequence[Floats],
    steps: int,
    *,
    delay: int | None,
    **run_args: Any,
) -> Score:
    """Compare the outputs of a model with those of its ANN.

    Parameters
    ----------
    model, ann : SpikingModel
    inputs : sequence of array, [N, ...]
        One for each input.
    steps : int
    delay : int or None
        Readout delay; None chooses the one, at most half of the steps, whose mean outputs come closest. Predictive
        neurons have none.
    **run_args
        ``coding`` and ``seed`` of `SpikingModel.run`.
    """
    wanted = [y.astype(np.float64) for y in ann.run(_given(inputs), steps=1).outputs.values()]
    once = _keeps_means(model)
    tried = range(steps // 2 + 1) if once else sorted({steps * k // 16 for k in (0, 1, 2, 4, 8)})
    if need_all_steps(model.graph):
        tried = range(1)
    delays = list(tried) if delay is None else [delay]
    means = (_means_by_delay if once else _means_of_runs)(model, inputs, steps, delays, run_args)
    # Squared differences of each output channel, and the number of equal decisions, at each delay.
    wrong = [np.zeros((len(delays), y.shape[1])) for y in wanted]
    same = np.zeros(len(delays))
    for part, at, found in means:
        for k, (mean, every) in enumerate(zip(found, wanted, strict=True)):
            y = every[part]
            wrong[k][at] += np.square(mean - y).sum((0, *range(2, y.ndim)))
            if k == 0:
                same[at] += (mean.argmax(1) == y.argmax(1)).sum()
    spreads = [np.square(y - y.mean(0)).sum((0, *range(2, y.ndim))) for y in wanted]
    by_delay = sum(w.sum(1) / max(s.sum(), _TINY) for w, s in zip(wrong, spreads, strict=True))
    best_at = int(np.argmin(by_delay))
    shares = [w[best_at] / (w[best_at] + s + _TINY) for w, s in zip(wrong, spreads, strict=True)]
    decisions = wanted[0].size // wanted[0].shape[1]
    alone = wanted[0].shape[1] == 1
    return Score(
        math.sqrt(float(np.mean([share.mean() for share in shares]))),
        math.nan if alone else float(same[best_at]) / decisions,
        delays[best_at],
        decisions,
    )


Means: TypeAlias = Iterator[tuple[slice, int, list[Floats]]]
"""Samples, the index of a delay, and the mean of each output."""


def _keeps_means(model: SpikingModel) -> bool:
    """Return whether the means from any delay on are those of one run; layers that take means start anew at the delay."""
    waits = (Graded, Foreign, ReLU)
    return not any(isinstance(node.layer, waits) for node in model.graph)


def _parts(model: SpikingModel, inputs: Sequence[Floats], steps: int) -> Iterator[slice]:
    shapes = model.graph.shapes([x.shape[1:] for x in inputs])
    size = max(1, _BATCH // (4 * steps * sum(math.prod(shapes[n]) for n in model.graph.outputs)))
    for first in range(0, len(inputs[0]), size):
        yield slice(first, first + size)


def _means_by_delay(
    model: SpikingModel,
    inputs: Sequence[Floats],
    steps: int,
    delays: Sequence[int],
    run_args: Mapping[str, Any],
) -> Means:
    """Yield the means of recorded outputs, from the last delay to the first."""
    weights = np.ones(steps) if model.sizes is None else model.sizes
    records = [f"{name}.value" for name in model.graph.outputs]
    for part in _parts(model, inputs, steps):
        given = _given([x[part] for x in inputs])
        result = model.run(given, steps=steps, delay=0, record=records, **run_args)
        last = delays[-1]
        every = [result[record] for record in records]
        sums = [np.tensordot(weights[last:], v[last:].astype(np.float64), 1) for v in every]
        for at in reversed(range(len(delays))):
            d = delays[at]
            if d < last:
                sums = [s + weights[d] * v[d] for s, v in zip(sums, every, strict=True)]
            yield part, at, [s / weights[d:].sum() for s in sums]


def _means_of_runs(
    model: SpikingModel,
    inputs: Sequence[Floats],
    steps: int,
    delays: Sequence[int],
    run_args: Mapping[str, Any],
) -> Means:
    """Yield the outputs of a run with each delay."""
    for part in _parts(model, inputs, 1):
        given = _given([x[part] for x in inputs])
        for at, d in enumerate(delays):
            result = model.run(given, steps=steps, delay=d, **run_args)
            yield part, at, [y.astype(np.float64) for y in result.outputs.values()]


def _given(inputs: Sequence[Floats]) -> Any:
    return inputs[0] if len(inputs) == 1 else tuple(inputs)
