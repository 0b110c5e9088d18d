"""Accuracy curves of several models side by side."""

from __future__ import annotations

import json
import math

import pytest
from tests.support.layered import curve, inputs, pair

from spikelet.conversion.comparison import Comparison, compare
from spikelet.conversion.curves import accuracy_curve


def test_steps_to_a_target_and_factors():
    soft, hard = curve([0.5, 0.895, 0.88, 0.9, 0.9]), curve([0.1, 0.3, 0.5, 0.88, 0.9])
    both = Comparison({"soft": soft, "hard": hard, "bad": curve([0.1] * 5)})
    assert soft.steps_to(0.89) == 8  # it was there after 2 steps, but did not stay
    assert both.steps_to(1.0) == {"soft": 8, "hard": 16, "bad": math.inf}
    assert both.factor("hard", "soft", 1.0) == 2
    assert both.factor("bad", "soft", 1.0) == math.inf
    assert math.isnan(both.factor("hard", "bad", 1.0))
    with pytest.raises(ValueError, match="name must be one of soft, hard, bad"):
        both.factor("hard", "softer", 1.0)
    with pytest.raises(ValueError, match="must include the ANN's accuracy"):
        Comparison({"a": curve([0.5], None)}).steps_to(1.0)


def test_soft_reset_needs_fewer_steps_than_hard():
    x = inputs(40)
    soft, ann = pair(x, v_init=0.0)
    hard, _ = pair(x, reset="zero", v_init=0.0)
    steps = [1, 2, 4, 8, 16, 32, 64, 128]
    found = compare({"subtract": soft, "zero": hard}, x, None, steps, ann=ann, energy_samples=0)
    assert found.factor("zero", "subtract", 10.0) >= 2
    table = str(found).splitlines()
    assert table[0].split() == ["T", "subtract", "zero"]
    assert len(table) == 2 + len(steps)
    assert found.to_dict()["zero"]["steps"] == steps
    assert json.loads(found.to_json()) == found.to_dict()
    own = compare({"a": (soft, {"coding": "poisson", "seed": 4})}, x, None, [4], ann=ann)
    alone = accuracy_curve(soft, x, None, [4], ann=ann, coding="poisson", seed=4)
    assert own["a"].to_dict() == alone.to_dict()


@pytest.mark.parametrize("models", [{}, [1], {"a": 3}])
def test_bad_models(models):
    with pytest.raises(TypeError, match="models"):
        compare(models, inputs(1), [0], 2)
