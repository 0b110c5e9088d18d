"""Neurons as layers: shapes, coefficients, what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.layer_checks import Make, parameters_are_refused, shapes_are, shapes_are_refused

import spikelet as sl
from spikelet import layers as L
from spikelet.layers.spiking_model import SpikingModel

NAN, INF = np.nan, np.inf
ONES = np.ones

SHAPES: list[tuple[Any, list[tuple[int, ...]], tuple[int, ...]]] = [
    (L.ReLU(), [(3, 5, 4)], (3, 5, 4)),
    (L.ReLU(ONES(3), 4), [(3, 5, 4)], (3, 5, 4)),
    (L.IF(ONES(3)), [(3, 5, 4)], (3, 5, 4)),
    (L.LIF(ONES((3, 5, 4))), [(3, 5, 4)], (3, 5, 4)),
]


test_shapes = shapes_are(SHAPES)


REFUSED_SHAPES: list[tuple[Any, list[tuple[int, ...]], str]] = [
    (
        L.ReLU(ONES(3)),
        [(4, 1, 1)],
        "ReLU 'here': upper must be one number or 4 numbers, got shape (3,)",
    ),
    (
        L.IF(ONES(3)),
        [(4, 2, 2)],
        (
            "IF 'here': threshold must be one number, or have the shape (4,) or (4, 2, 2), got "
            "shape (3,)"
        ),
    ),
    (L.IF(v_init=ONES((4, 2, 1))), [(4, 2, 2)], "IF 'here': v_init must be one number, or"),
    (L.LIF(amplitude=ONES(3)), [(4,)], "LIF 'here': amplitude must be one number, or"),
]


test_shapes_that_do_not_fit_are_refused = shapes_are_refused(REFUSED_SHAPES)


REFUSED: list[tuple[Make, dict[str, Any], type[Exception], tuple[str, ...]]] = [
    (L.ReLU, {"upper": 0.0}, ValueError, ("upper", "> 0", "0.0")),
    (L.ReLU, {"upper": NAN}, ValueError, ("upper", "NaN")),
    (L.ReLU, {"upper": [1.0, -1.0]}, ValueError, ("upper", "> 0 at index 1", "-1.0")),
    (L.ReLU, {"upper": ONES((2, 2))}, ValueError, ("upper", "one dimension", "(2, 2)")),
    (L.ReLU, {"levels": 4}, ValueError, ("levels", "0 if there is no upper limit", "got 4")),
    (L.ReLU, {"upper": 1.0, "levels": -1}, ValueError, ("levels", ">= 0", "got -1")),
    (L.ReLU, {"upper": 1.0, "levels": 2.0}, TypeError, ("levels", "integer", "2.0")),
    (L.IF, {"threshold": 0.0}, ValueError, ("threshold", "> 0", "0.0")),
    (L.IF, {"threshold": -1.0}, ValueError, ("threshold", "> 0", "-1.0")),
    (L.IF, {"threshold": INF}, ValueError, ("threshold", "finite", "inf")),
    (L.IF, {"threshold": [1.0, NAN]}, ValueError, ("threshold", "NaN")),
    (L.IF, {"threshold": ONES((1,) * 17)}, ValueError, ("threshold", "16 dimensions")),
    (L.IF, {"threshold": None}, TypeError, ("threshold", "None")),
    (L.IF, {"v_init": INF}, ValueError, ("v_init", "finite", "inf")),
    (L.IF, {"amplitude": ONES((1, 1))}, ValueError, ("amplitude", "one dimension", "(1, 1)")),
    (L.IF, {"amplitude": NAN}, ValueError, ("amplitude", "NaN")),
    (L.IF, {"reset": "soft"}, ValueError, ("reset", '"subtract"', "'soft'")),
    (L.IF, {"reset": "value", "v_reset": 1.0}, ValueError, ("v_reset", "below", "1.0")),
    (
        L.IF,
        {"reset": "zero", "v_reset": 0.5},
        ValueError,
        ("v_reset", "must be 0", 'reset="value"'),
    ),
    (L.LIF, {"v_reset": -0.5}, ValueError, ('must be 0 with reset="subtract"', "-0.5")),
    (L.IF, {"v_reset": INF}, ValueError, ("v_reset", "finite", "inf")),
    (L.IF, {"code": "ternary"}, ValueError, ("code", '"signed"', "'ternary'")),
    (L.IF, {"code": "signed", "reset": "zero"}, ValueError, ("reset", "subtract", "signed")),
    (L.IF, {"levels": 2}, ValueError, ("levels", "binary", "got 2")),
    (L.IF, {"code": "signed", "levels": 9}, ValueError, ("levels", "<= 8", "got 9")),
    (L.IF, {"code": "signed", "levels": 0}, ValueError, ("levels", ">= 1", "got 0")),
    (L.IF, {"strict": 1}, TypeError, ("strict", "True or False", "int")),
    (L.IF, {"strict": True, "code": "signed"}, ValueError, ("strict", "False", 'code="binary"')),
    (L.LIF, {"tau_m": 0.0}, ValueError, ("tau_m", "> 0", "0.0")),
    (L.LIF, {"tau_m": NAN}, ValueError, ("tau_m", "NaN")),
    (L.LIF, {"tau_m": [1.0, 2.0]}, ValueError, ("tau_m", "one number", "(2,)")),
    (L.LIF, {"dt": -1.0}, ValueError, ("dt", "> 0", "-1.0")),
    (L.LIF, {"decay": 1.5}, ValueError, ("decay", "at most 1", "1.5")),
    (L.LIF, {"decay": [0.5, 1.5]}, ValueError, ("decay", "at most 1", "1.5")),
    (L.LIF, {"decay": NAN}, ValueError, ("decay", "NaN")),
    (L.LIF, {"drive": INF}, ValueError, ("drive", "finite", "inf")),
    (L.LIF, {"gain": INF}, ValueError, ("gain", "finite", "inf")),
    (L.LIF, {"code": "differential"}, ValueError, ("code", "differential", "leak")),
]


test_parameters_that_make_no_sense_are_refused = parameters_are_refused(REFUSED)


def test_coefficients() -> None:
    assert L.IF().coefficients() == (1.0, 1.0)
    decay, gain = L.LIF(tau_m=10.0, dt=0.5).coefficients()
    assert (decay, gain) == (np.exp(-0.05), -np.expm1(-0.05))
    assert L.LIF(decay=0.9).coefficients() == (0.9, 1 - 0.9)
    assert L.LIF(decay=0.9, gain=1.0).coefficients() == (0.9, 1.0)
    assert L.LIF(tau_m=1e9).coefficients()[1] == pytest.approx(1e-9, rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("strict", [False, True])
def test_strict_neurons_spike_above_their_threshold_and_others_at_it(
    strict: bool, dtype: Any
) -> None:
    x = np.full((6, 1, 1), 0.5)
    model = SpikingModel([L.IF(1.0, "zero", strict=strict)], dtype=dtype, threads=1)
    result = model.run(x, record="v")
    assert result.spikes is not None
    expected = [0, 0, 1, 0, 0, 1] if strict else [0, 1, 0, 1, 0, 1]
    np.testing.assert_array_equal(result.spikes.ravel(), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_strict_neuron_subtracts_its_threshold_a_step_later(dtype: Any) -> None:
    x = np.full((6, 1, 1), 0.5)
    layer = L.IF(1.0, reset_delay=True, strict=True)
    result = SpikingModel([layer], dtype=dtype, threads=1).run(x, record="v")
    assert result.spikes is not None
    assert result.v is not None
    np.testing.assert_array_equal(result.spikes.ravel(), [0, 0, 1, 0, 1, 0])
    np.testing.assert_array_equal(result.v.ravel(), [0.5, 1.0, 1.5, 1.0, 1.5, 1.0])


def test_a_delayed_reset_follows_the_last_potential() -> None:
    """Also the first one, as in snnTorch: 1.25 is reduced at once, though no spike came before."""
    layers = [sl.layers.Linear([[1.0]]), sl.layers.IF(0.5, v_init=1.25, reset_delay=True)]
    run = sl.SpikingModel(layers, dtype="float64").run(np.zeros((1, 1)), steps=4, record=True)
    assert run.spikes[:, 0, 0].tolist() == [1, 0, 0, 0]
    assert run.v[:, 0, 0].tolist() == [0.75, 0.25, 0.25, 0.25]
