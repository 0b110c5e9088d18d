"""Neurons with a schedule: shapes, arguments that they refuse, and what they do at each step."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from tests.support.layer_checks import Make, shapes_are, shapes_are_refused

import spikelet as sl
from spikelet import layers as L
from spikelet.layers.spiking_model import SpikingModel

NAN, INF = np.nan, np.inf
ONES = np.ones
PACE = {"pace": ONES(4), "limit": ONES(4)}
FEW = np.array([4.0, -2.0, 2.5, -1.0])
SILU = {**PACE, "activation": L.Activation("silu")}


test_shapes = shapes_are(
    [(L.PredictiveIF(pace=ONES((4, 3)), limit=ONES(4)), [(3, 5, 4)], (3, 5, 4))]
)
TEXT = "PredictiveIF 'here': limit must be [steps] or [steps, 4], got shape (5, 3)"
test_shapes_that_do_not_fit_are_refused = shapes_are_refused(
    [(L.PredictiveIF(pace=ONES(5), limit=ONES((5, 3))), [(4, 2, 2)], TEXT)]
)


REFUSED: list[tuple[Make, dict[str, Any], type[Exception], tuple[str, ...]]] = [
    (L.PredictiveIF, {}, TypeError, ("pace", "limit")),
    (L.PredictiveIF, {"pace": None, "limit": [1.0]}, TypeError, ("pace", "None")),
    (L.PredictiveIF, {"pace": 1.0, "limit": [1.0]}, ValueError, ("pace", "[steps]", "()")),
    (L.PredictiveIF, {"pace": [1.0], "limit": []}, ValueError, ("limit", "[steps]", "(0,)")),
    (L.PredictiveIF, {"pace": [INF], "limit": [1.0]}, ValueError, ("pace", "finite", "inf")),
    (L.PredictiveIF, {"pace": [1.0], "limit": [NAN]}, ValueError, ("limit", "NaN")),
    (
        L.PredictiveIF,
        {"pace": ONES(3), "limit": ONES(4)},
        ValueError,
        ("pace and limit", "same number of steps", "(3, 4)"),
    ),
    *(
        (kind, {**PACE, argument: value}, TypeError, (f"no parameter '{argument}'",))
        for kind in (L.PredictiveIF, L.PredictivePair)
        for argument, value in (
            ("code", "differential"),
            ("reset", "zero"),
            ("reset_delay", True),
            ("strict", True),
            ("scale", 2.0),
            ("activation", L.Activation("silu")),
        )
    ),
    (L.PredictiveIF, {**PACE, "offset": ONES(4)}, TypeError, ("no parameter 'offset'",)),
    (L.PredictiveIF, {**PACE, "levels": 2}, TypeError, ("no parameter 'levels'",)),
    (L.PredictivePair, {**PACE, "sizes": FEW * 4 / FEW.sum()}, ValueError, ("sizes", "> 0")),
    (
        L.PredictivePair,
        {**PACE, "level_ratio": 1.0},
        ValueError,
        ("level_ratio must lie between 0 and 1, got 1.0",),
    ),
    (
        L.PredictivePair,
        {**PACE, "limit": [1.0, 0.0, 1.0, 1.0]},
        ValueError,
        ("limit must be > 0 for pairs, got 0.0",),
    ),
    (
        L.PredictiveActivation,
        {**SILU, "activation": "silu"},
        ValueError,
        ("activation must be a layer such as Activation('silu'), got 'silu'",),
    ),
    (L.PredictiveActivation, PACE, TypeError, ("activation",)),
    (L.PredictiveActivation, {**SILU, "ceiling": ONES(4)}, TypeError, ("no parameter 'ceiling'",)),
    (L.PredictiveActivation, {**SILU, "offset": ONES(3)}, ValueError, ("same number of steps",)),
    (L.PredictiveActivation, {**SILU, "scale": [1.0, INF]}, ValueError, ("scale must be finite",)),
    (
        L.PredictiveActivation,
        {**SILU, "offset": [0, 0, 0, INF]},
        ValueError,
        ("offset must be finite",),
    ),
]


@pytest.mark.parametrize(("make", "arguments", "kind", "words"), REFUSED)
def test_parameters_that_make_no_sense_are_refused(
    make: Make, arguments: dict[str, Any], kind: type[Exception], words: tuple[str, ...]
) -> None:
    with pytest.raises(kind) as caught:
        make(**arguments)
    for word in words:
        assert word in str(caught.value)


def test_parameters_by_channel_must_fit() -> None:
    slopes = L.Activation("leaky_relu", np.array([0.1, 0.2]))
    for layer in (
        L.PredictiveActivation(**PACE, activation=slopes),
        L.PredictiveActivation(**PACE, activation=L.Activation("tanh"), scale=[1.0, 2.0]),
    ):
        assert layer.by_channel
        with pytest.raises(ValueError, match="must be one number or 3 numbers"):
            sl.SpikingModel([layer]).run(np.ones((1, 3)), 4)


def test_predictive_with_pace_of_the_threshold_is_a_soft_neuron_that_starts_half_way() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0.3, 0.7, (32, 5, 4))
    threshold = np.array([0.5, 0.7, 0.9, 1.1])
    soft = L.IF(threshold, v_init=threshold / 2)
    pace = np.broadcast_to(1 / threshold, (32, 4))
    predictive = L.PredictiveIF(threshold, pace=pace, limit=np.full(32, 0.5))
    assert predictive.steps == 32
    runs = [
        SpikingModel([layer], dtype="float64", threads=1).run(x) for layer in (soft, predictive)
    ]
    assert runs[0].spikes is not None
    assert 0 < np.count_nonzero(runs[0].spikes) < runs[0].spikes.size
    np.testing.assert_array_equal(runs[0].spikes, runs[1].spikes)


def test_predictive_does_not_spike_where_its_limit_is_infinite() -> None:
    limit = np.where(np.arange(9) % 3 == 1, 0.5, np.inf)
    layer = L.PredictiveIF(pace=np.ones(9), limit=limit)
    result = SpikingModel([layer], dtype="float64", threads=1).run(np.full((9, 1, 2), 5.5))
    assert result.spikes is not None
    np.testing.assert_array_equal(result.spikes[:, 0, 0], np.isfinite(limit))


def test_predictive_holds_for_its_steps_alone() -> None:
    layer = L.PredictiveIF(pace=np.ones(9), limit=np.ones(9))
    model = SpikingModel([("late", layer, "input")])
    message = "SpikingModel.run: steps must be 9, which 'late' was made for, got 8"
    with pytest.raises(ValueError, match=re.escape(message)):
        model.run(ONES((1, 2)), 8)
    with pytest.raises(ValueError, match=re.escape(message)):
        model.run(np.full((8, 1, 2), 0.5))
