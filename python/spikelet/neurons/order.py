"""The order of a model's potentials: what lies below what."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from spikelet._util.checks import fail
from spikelet.neurons.base import NeuronModel

M = TypeVar("M", bound=NeuronModel)


def require_below(model: M, low: str, high: str) -> M:
    """Return a model if one parameter lies below another in every neuron, or raise ValueError.

    A reset that reaches the threshold would make a neuron spike in every step.

    Raises
    ------
    ValueError
        If it does not.
    """
    values = np.broadcast_arrays(*np.atleast_1d(getattr(model, low), getattr(model, high)))
    above = np.flatnonzero(values[0] >= values[1])
    if above.size:
        got, bound = (float(value[above[0]]) for value in values)
        fail(type(model).__name__, low, got, f"must lie below {high} = {bound:g} mV")
    return model
