"""Functions in C: the same bits as the engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.support.c_networks import STEPS, chain, inputs, neuron, w
from tests.support.c_programs import same_bits

from spikelet import layers as L
from spikelet.io.c.values import FUNCTIONS as TEXTS
from spikelet.layers.graded import FUNCTIONS

POSITIVE = ("log", "pow", "reciprocal", "sqrt")


def test_each_function_has_a_text() -> None:
    assert TEXTS.keys() == FUNCTIONS.keys()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_activations(function: str, tmp_path: Path) -> None:
    """Of a constant, and of the means of spikes."""
    names = zip(("alpha", "beta"), FUNCTIONS[function], strict=True)
    given = {n: v + np.linspace(0.01, 0.1, 8) for n, v in names if v is not None and np.isfinite(v)}
    if function == "clip":
        given = {"alpha": np.linspace(-1.0, -0.5, 8)}
    unit = L.Activation(function, **given)
    before: list[L.Layer] = [L.Conv2d(w(8, 3, 3, 3), padding=1), neuron()]
    if function in POSITIVE:
        before.append(L.Affine(1.0, 0.125))
    model = chain(
        *before,
        unit,
        L.Conv2d(w(4, 8, 3, 3)),
        neuron(),
        L.Flatten(),
        L.Linear(w(5, 144)),
        unit_of_all(unit),
    )
    same_bits(tmp_path, model, inputs(), STEPS, silent=True)


def unit_of_all(unit: L.Activation) -> L.Layer:
    """Return the function with the parameters of the first channel."""
    return L.Activation(
        unit.function, *(p if p is None else np.ravel(p)[0] for p in (unit.alpha, unit.beta))
    )
