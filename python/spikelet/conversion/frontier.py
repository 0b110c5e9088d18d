"""What a loss of accuracy buys: the spiking networks of an ANN with the fewest operations.

Each pair of a kind of neurons and a number of steps gives a network, and each network two rows: run for all steps, and stopped
when sure. They are measured on samples that neither fitted the network nor chose when to stop. The samples do choose among
the rows, so a new measurement of the chosen one may be a little worse. The ANN in 8-bit integers is the rival: it also
trades accuracy for energy, without spikes (`spikelet.energy.integers`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spikelet._util.checks import fail, integer, number, require
from spikelet._util.results import Table
from spikelet._util.spelling import spelled
from spikelet.conversion.convert import convert
from spikelet.conversion.converted import ConvertedModel
from spikelet.conversion.evaluate import evaluate, stops_early
from spikelet.conversion.preparation import calibration_inputs
from spikelet.conversion.stopping import choose_stopping
from spikelet.energy.integers import rounded
from spikelet.layers.samples import Samples, check_labels

_KINDS = ("multi", "predictive")
_STEPS = (2, 3, 4, 6, 8, 12, 16, 32)
_PARTS = 5  # of the samples, of which one chooses when to stop and one measures
_FEWEST = 20  # samples


@spelled
def frontier(
    ann: Any,
    calibration: ArrayLike | tuple[ArrayLike, ...] | Mapping[str, ArrayLike],
    labels: ArrayLike | None = None,
    *,
    loss: float = 0.3,
    steps: Sequence[int] = _STEPS,
    neurons: Sequence[str] = _KINDS,
    until_met: bool = False,
    counting: Mapping[str, Any] | None = None,
    **options: Any,
) -> Table:
    """Convert an ANN in several ways, and return the loss and the cost of each.

    Three fifths of the samples fit the networks, a fifth chooses when to stop, a fifth measures.

    Parameters
    ----------
    ann, calibration
        As for `convert`.
    labels : array-like of int, [N], optional
        Class of each sample; without labels, the loss counts decisions that differ from the ANN's.
    loss : float
        Points of loss that stopping may cause.
    steps : sequence of int
        Numbers of steps T.
    neurons : sequence of str
        Kinds of neurons, as for `convert`.
    until_met : bool
        Leave out longer runs of a kind of neurons once a shorter one within the loss takes less energy.
    counting : mapping, optional
        Options of `evaluate` on energy: ``technology``, ``first_layer_once``, ``multiply_sizes`` and ``energy_samples``.
    **options
        Others of `convert`: ``dtype``, ``threads``, ``keep``, ``progress``, ...

    Returns
    -------
    Table
        A row for each network, in the order in which they were tried, and one for the ANN in 8-bit integers, whose energy is
        relative to the ANN in floating point. The columns are those of `evaluate`, "network" (the kind of neurons and
        whether runs stop) and "note", which is "best" where no other network beats both the loss and the arithmetic.
        ``table.models[k]`` is the model of row k; run it with ``until=model.until``.

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule, or the network cannot be converted.

    Examples
    --------
    >>> import numpy as np
    >>> import spikelet as sl
    >>> from spikelet.layers import Linear, ReLU
    >>> rng = np.random.default_rng(0)
    >>> ann = [Linear(rng.normal(size=(16, 8))), ReLU(), Linear(rng.normal(size=(4, 16)))]
    >>> found = sl.conversion.frontier(ann, rng.random((200, 8)), steps=[2, 4], neurons=["multi"])
    >>> found["network"].tolist()
    ['multi', 'multi, stopped', 'multi', 'multi, stopped', 'ANN, int8']
    """
    where = "frontier"
    require(where, "loss", number(where, "loss", loss), "finite and >= 0")
    for argument, value in {"steps": steps, "neurons": neurons}.items():
        if isinstance(value, str) or not isinstance(value, Sequence) or not value:
            fail(where, argument, value, "must be a sequence", error=TypeError)
    for argument in ("method", "neuron", "coding"):
        if argument in options:
            msg = f"{where}: {argument} must not be given; see neurons and steps"
            raise TypeError(msg)
    lengths = [integer(where, "steps", t, 1) for t in sorted(steps)]
    fitting, choosing, measuring = _split(where, calibration_inputs(where, calibration), labels)
    counting = dict(counting or {})
    rows: list[dict[str, Any]] = []
    models: list[ConvertedModel] = []
    for kind in neurons:
        cheap: list[float] = []  # energies of networks within the loss
        for t in lengths:
            model = convert(ann, fitting[0], steps=t, method="fitted", neuron=kind, **options)
            found = []
            for name, own in _stopped(where, model, kind, choosing, float(loss)):
                table = evaluate(own, model.ann, *measuring, t, until=own.until, **counting)
                if "loss" not in table.columns:
                    rule = "must be scores of several classes: losses are decisions that change"
                    fail(where, "output", 1, rule, got="size")
                found.append({"network": name, **table.rows[0]})
                models.append(own)
            rows += found
            if until_met and cheap and min(r["energy_ratio"] for r in found) >= min(cheap):
                break
            cheap += [r["energy_ratio"] for r in found if r["loss"] <= loss]
    integers = rounded(model.ann, choosing[0])
    bytewise = {**counting, "technology": "45nm-int8"}
    rival = dict(evaluate(integers, model.ann, *measuring, 1, **bytewise).rows[0])
    spent = table.facts["ann_energy_nj"]
    rival.update(energy_ratio=rival["energy_nj"] / spent if spent else np.nan, memory_ratio=None)
    least = np.inf
    for row in sorted(rows, key=lambda row: (row["loss"], row["energy_ratio"])):
        row["note"] = "best" if row["energy_ratio"] < least else ""
        least = min(least, row["energy_ratio"])
    rows.append({"network": "ANN, int8", **rival})
    return Table(rows, table.facts, ("energy_ratio", "loss"), models)


@spelled
def cheapest(
    ann: Any,
    calibration: ArrayLike | tuple[ArrayLike, ...] | Mapping[str, ArrayLike],
    budget: float,
    labels: ArrayLike | None = None,
    **options: Any,
) -> tuple[ConvertedModel, Table]:
    """Return the network with the least arithmetic that loses at most a budget, and all that were tried.

    Parameters
    ----------
    ann, calibration, labels, **options
        As for `frontier`; by default ``until_met=True``.
    budget : float
        Percentage of the decisions that may change; with labels, percentage points of accuracy.

    Returns
    -------
    (ConvertedModel, Table)
        Run the model with ``run(x, until=model.until)``. The table is that of `frontier`.

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule, or no network is within the budget; the message says what is possible.

    Examples
    --------
    >>> import numpy as np
    >>> import spikelet as sl
    >>> from spikelet.layers import Linear, ReLU
    >>> rng = np.random.default_rng(0)
    >>> ann = [Linear(rng.normal(size=(16, 8))), ReLU(), Linear(rng.normal(size=(4, 16)))]
    >>> snn, found = sl.conversion.cheapest(ann, rng.random((200, 8)), 5.0, steps=[2, 4])
    >>> found.rows[found.chosen]["loss"] <= 5.0
    True
    """
    where = "cheapest"
    require(where, "budget", number(where, "budget", budget), "finite and >= 0")
    found = frontier(ann, calibration, labels, loss=budget, **{"until_met": True, **options})
    rows = found.rows[: len(found.models)]
    within = [k for k, row in enumerate(rows) if row["loss"] <= budget + 1e-9]
    if not within:
        least = min(rows, key=lambda row: row["loss"])
        name = f"{least['network']}, T = {least['steps']}"
        rule = f"must be at least {least['loss']:.3g} points, the loss of {name}; allow more steps"
        fail(where, "budget", budget, rule)
    best = min(within, key=lambda k: rows[k]["energy_ratio"])
    return found.models[best], replace(found, chosen=best)


def _stopped(
    where: str, model: ConvertedModel, kind: str, choosing: tuple[Any, Any], loss: float
) -> Iterator[tuple[str, ConvertedModel]]:
    """Yield the model, and the same with the choice of when to stop."""
    yield kind, model
    samples = Samples.of(where, model, choosing[0], model.steps)
    first = max(model.delay, model.silent_steps) + 1
    if first < model.steps and stops_early(model, samples, model.steps):
        stopped = copy.copy(model)
        stopped.until = choose_stopping(model, *choosing, loss=loss)
        yield f"{kind}, stopped", stopped


def _split(where: str, inputs: Any, labels: Any) -> Iterator[tuple[Any, Any]]:
    """Return samples to fit, to choose when to stop and to measure, with labels; at random, so that their order does not matter."""
    named = inputs if isinstance(inputs, Mapping) else dict(enumerate(inputs))
    count = len(next(iter(named.values())))
    if count < _FEWEST:
        rule = f"must be at least {_FEWEST}: some fit the networks, others choose when to stop, others measure"
        fail(where, "calibration", count, rule, got="samples")
    samples = Samples(where, {str(k): v for k, v in named.items()}, 1, None)
    known = check_labels(where, labels, samples, 1 << 31)
    order = np.random.default_rng(0).permutation(count)
    size = count // _PARTS
    for part in (np.sort(order[2 * size :]), order[size : 2 * size], order[:size]):
        some: Any = {name: x[part] for name, x in named.items()}
        if not isinstance(inputs, Mapping):
            some = tuple(some.values()) if len(some) > 1 else some[0]
        yield some, None if known is None else known[part]
