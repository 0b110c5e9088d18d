"""Try kinds of neurons and numbers of steps, and compare what they lose and cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spikelet._util.checks import fail, integer, number, require
from spikelet._util.spelling import spelled
from spikelet.conversion.convert import convert
from spikelet.conversion.converted import ConvertedModel
from spikelet.conversion.economy import ECONOMICAL, STEPS, Frontier, explore, split
from spikelet.conversion.preparation.inputs import calibration_inputs
from spikelet.energy import Technology

__all__ = ["frontier"]


@spelled
def frontier(
    ann: Any,
    calibration: ArrayLike | tuple[ArrayLike, ...] | Mapping[str, ArrayLike],
    labels: ArrayLike | None = None,
    *,
    loss: float = 0.3,
    steps: Sequence[int] = STEPS,
    neurons: Sequence[str] = ECONOMICAL,
    technology: str | Technology = "45nm",
    first_layer_once: bool = False,
    multiply_sizes: bool = False,
    **options: Any,
) -> Frontier:
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
    technology, first_layer_once, multiply_sizes
        As for `spikelet.energy.measure`.
    **options
        Others of `convert`: ``dtype``, ``threads``, ``keep``, ``progress``, ...

    Returns
    -------
    Frontier

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
    >>> len(found.points), found.within(5.0).loss <= 5.0
    (4, True)
    """
    where = "frontier"
    require(where, "loss", number(where, "loss", loss), "finite and >= 0")
    given = {"steps": steps, "neurons": neurons}
    for argument, value in given.items():
        if isinstance(value, str) or not isinstance(value, Sequence) or not value:
            fail(where, argument, value, "must be a sequence", error=TypeError)
    for argument in ("budget", "method", "neuron", "coding"):
        if argument in options:
            msg = f"{where}: {argument} must not be given; see neurons and steps"
            raise TypeError(msg)
    inputs = calibration_inputs(where, calibration)
    count = len(next(iter(inputs.values() if isinstance(inputs, dict) else inputs)))
    known = None if labels is None else np.asarray(labels)
    if known is not None and (known.shape != (count,) or known.dtype.kind not in "iu"):
        fail(
            where,
            "labels",
            known.shape,
            f"must be {count} integers, one for each sample",
            got="shape",
        )
    kinds = [(k, integer(where, "steps", t, 1)) for k in neurons for t in sorted(steps)]
    fitting, parts = split(where, inputs, known)

    def make(kind: str, t: int) -> ConvertedModel:
        return convert(ann, fitting, steps=t, method="fitted", neuron=kind, **options)

    return explore(
        where, make, kinds, parts, float(loss), technology=technology, first_layer_once=first_layer_once,
        multiply_sizes=multiply_sizes,
    )  # fmt: skip
