"""Policies learn by e-prop, with the same bits each time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from spikelet.gym import evaluate, learn_eprop


def test_learns_and_repeats_to_the_bit() -> None:
    following = torch.get_rng_state()
    one, two = (learn_eprop("CartPole-v1", target=100.0, total=12_000, seed=1) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), following)
    assert one.steps <= 12_288
    assert one.returns[-20:].mean() > 3 * one.returns[:20].mean()
    np.testing.assert_array_equal(one.returns, two.returns)
    x = np.random.default_rng(1).normal(0, 0.2, (200, 4))
    scores = [found.policy.model.run(x, **found.policy.options).output for found in (one, two)]
    np.testing.assert_array_equal(*scores)
    assert evaluate(one.policy, "CartPole-v1", episodes=20).mean() > 80


def test_another_seed_learns_otherwise() -> None:
    one, two = (learn_eprop("CartPole-v1", target=500.0, total=1000, seed=k) for k in (1, 2))
    assert one.steps == two.steps == 1024
    assert not np.array_equal(one.returns, two.returns)


def test_random_feedback_learns_otherwise() -> None:
    symmetric, random = (
        learn_eprop("CartPole-v1", target=500.0, total=1500, feedback=kind)  # type: ignore[arg-type]
        for kind in ("symmetric", "random")
    )
    assert not np.array_equal(symmetric.returns, random.returns)


def test_an_environment_without_vectors_of_its_own() -> None:
    found = learn_eprop("MountainCar-v0", target=0.0, total=1000)
    assert found.steps == 1024
    assert set(found.returns) <= {-200.0}
    assert set(found.policy(np.array([[-0.5, 0.0], [-0.4, 0.05]]))) <= {0, 1, 2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"neurons": 0}, "neurons must be >= 1, got 0"),
        ({"steps": 0}, "steps must be >= 1, got 0"),
        ({"total": 0}, "total must be >= 1, got 0"),
        ({"tau_m": 0.0}, "tau_m must be > 0, got 0"),
        ({"learning_rate": -1.0}, "learning_rate must be finite and > 0, got -1"),
        ({"feedback": "none"}, 'feedback must be "symmetric" or "random", got \'none\''),
        ({"scale": [1.0, 2.0]}, r"scale must be one number or 4, got shape \(2,\)"),
        ({"scale": 0.0}, "scale must be finite and > 0 at index 0, got 0"),
        ({"target": np.nan}, "target must not contain NaN"),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"learn_eprop: {message}"):
        learn_eprop("CartPole-v1", **{"target": 475.0, **arguments})


def test_continuous_actions() -> None:
    with pytest.raises(
        ValueError, match=r"learn_eprop: env must have actions 0 .. n - 1 .*Pendulum-v1"
    ):
        learn_eprop("Pendulum-v1", target=0.0)
