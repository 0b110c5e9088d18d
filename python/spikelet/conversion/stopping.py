r"""Choose when samples may stop, on data.

What is still to come shrinks from step to step, and so does the lead that a decision needs. The limit of each check is therefore a
multiple of what came after it on the data: :math:`q \sigma_k`, where :math:`\sigma_k` is the root mean square, over the samples,
of how much the lead of the final decision over the next output changed after check k. The multiple q is the least that keeps the
loss: early stopping with one parameter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import fail, integer, number, require
from spikelet.layers.inputs import Inputs
from spikelet.layers.samples import Samples, check_labels, is_model, readout_delay, with_coding
from spikelet.layers.spiking_model import SpikingModel
from spikelet.layers.stopping import Stopping

_CANDIDATES = 512  # multiples that are tried
_SURE = 0.99  # share of samples that must end within the tolerance
_TINY = 1e-12


def choose_stopping(
    model: SpikingModel,
    x: Inputs,
    labels: ArrayLike | None = None,
    *,
    loss: float = 0.3,
    tolerance: float | None = None,
    steps: int | None = None,
    checks: Iterable[int] | None = None,
    batch_size: int | None = None,
    **run_args: Any,
) -> Stopping:
    """Return when samples may stop, so that decisions stay as good as after all steps.

    Parameters
    ----------
    model : SpikingModel
    x : array-like, [B, ...]
        Samples, preferably neither those of the calibration nor those on which the result is tested.
    labels : int array, [B], optional
        With labels, the accuracy after stopping is at most `loss` points below that after all steps; without, at most `loss`
        percent of the decisions differ from those after all steps.
    loss : float
        In points.
    tolerance : float, optional
        For outputs that are not class scores: the error to accept, in units of the output; 99 % of the samples differ
        by less from their output after all steps.
    steps : int, optional
        Number of steps T; by default that of a converted model.
    checks : iterable of int, optional
        Numbers of steps after which to check; by default all steps from the first at which a decision can be right.
    batch_size : int, optional
        By default the number that keeps records below 64 MB.
    **run_args
        ``delay``, ``coding`` and ``seed`` of `SpikingModel.run`.

    Returns
    -------
    Stopping

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule, or one output (a regression) has no tolerance.
    """
    where = "choose_stopping"
    is_model(where, "model", model)
    samples = Samples.of(where, model, x, steps, batch_size)
    total = samples.total
    run_args = with_coding(model, run_args)
    delay = readout_delay(where, model, run_args.pop("delay", None), total)
    shape = model.graph.shapes(samples.shapes)[model.graph.output.name]
    if tolerance is None and shape[0] == 1:
        fail(where, "tolerance", None, "must be given for a single output, which decides nothing")
    if tolerance is not None:
        require(where, "tolerance", number(where, "tolerance", tolerance), "finite and > 0")
    require(where, "loss", number(where, "loss", loss), "finite and >= 0")
    truth = check_labels(where, labels, samples, shape[0])
    if truth is not None and (tolerance is not None or math.prod(shape) != shape[0]):
        rule = "need scores of classes: an output of shape [classes]"
        fail(where, "labels", "given", rule, got="labels")
    if checks is None:
        looks = tuple(range(max(delay, model.silent_steps) + 1, total))
    else:
        looks = tuple(integer(where, "checks", c, delay + 1, total - 1) for c in checks)
    if not looks:
        argument, value = ("steps", total) if checks is None else ("checks", checks)
        fail(where, argument, value, "must leave a step after which to stop")
    kept: list[Any] = []
    ends = []
    each = 4 * len(looks) * math.prod(shape)
    never = Stopping.never(looks)
    for _, result in samples.run(model, each, until=never, delay=delay, **run_args):
        kept.append(result.so_far)
        ends.append(result.outputs[model.graph.output.name])
    classes = shape[0]
    means = np.concatenate(kept, 1, dtype=np.float64)
    final = np.concatenate(ends, 0, dtype=np.float64)
    means = means.reshape(*means.shape[:2], classes, -1)
    final = final.reshape(len(final), classes, -1)
    if tolerance is not None:
        return _by_change(looks, means, final, tolerance)
    return _by_margin(looks, means, final, truth, loss / 100)


Floats: TypeAlias = NDArray[np.float64]
"""Mean outputs after each check, [K, B, classes, places], or after all steps, [B, classes, places]."""


def _by_margin(
    looks: tuple[int, ...], means: Floats, final: Floats, truth: Any, loss: float
) -> Stopping:
    last = final.argmax(1)
    wanted = last if truth is None else truth[:, None]
    right = (means.argmax(2) == wanted).all(2)  # [K, B]
    at_end = (last == wanted).all(1)
    lead = _lead(means, last)
    to_come = np.sqrt(np.square(lead - _lead(final, last)).mean((1, 2)))
    # Decisions of a network that has hardly begun say nothing.
    alive = np.flatnonzero(right.mean(1) >= 0.5 * at_end.mean())
    kept = slice(int(alive[0]) if alive.size else -1, None)
    looks, right = looks[kept], right[kept]
    scale = np.maximum(to_come[kept], _TINY * np.abs(final).max(initial=1.0))
    needed = _lead(means[kept], means[kept].argmax(2)).min(2) / scale[:, None]
    least = math.inf
    for multiple in np.unique(np.quantile(needed, np.linspace(0, 1, _CANDIDATES)))[::-1]:
        stops = needed >= multiple
        ends = np.where(stops.any(0), right[stops.argmax(0), np.arange(len(final))], at_end)
        if ends.mean() < at_end.mean() - loss - _TINY:
            break
        least = float(multiple)
    return Stopping(looks, tuple(least * scale))


def _by_change(looks: tuple[int, ...], means: Floats, final: Floats, tolerance: float) -> Stopping:
    errors = np.abs(means - final).max((2, 3))  # [K, B]
    changes = np.abs(np.diff(means, axis=0, prepend=np.inf)).max((2, 3))
    # Of each check: the limit below which nearly all samples are within the tolerance.
    limits = []
    for change, error in zip(changes, errors, strict=True):
        order = np.argsort(change, kind="stable")
        good = np.cumsum(error[order] <= tolerance) >= _SURE * np.arange(1, len(order) + 1)
        enough = np.flatnonzero(good & np.isfinite(change[order]))
        limits.append(np.nextafter(change[order][enough[-1]], np.inf) if enough.size else 0.0)
    return Stopping(looks, tuple(limits), "change")


def _lead(means: Floats, decision: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return by how much the output of a decision leads all others, [..., B, places]."""
    at = np.broadcast_to(np.expand_dims(decision, -2), (*means.shape[:-2], 1, means.shape[-1]))
    own = np.take_along_axis(means, at, -2)
    others = means.copy()
    np.put_along_axis(others, at, -np.inf, -2)
    return np.asarray((own - others.max(-2, keepdims=True))[..., 0, :])
