"""Policies learn by reward-modulated STDP, with the same bits each time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikelet.gym import evaluate, learn_stdp

CARTPOLE: dict[str, Any] = {
    "low": [-2.4, -3.0, -0.21, -3.5],
    "high": [2.4, 3.0, 0.21, 3.5],
    "bins": [3, 4, 6, 6],
    "target": 475.0,
}


def test_learns_and_repeats_to_the_bit() -> None:
    one, two = (learn_stdp("CartPole-v1", **CARTPOLE, total=4000, seed=1) for _ in range(2))
    np.testing.assert_array_equal(one.returns, two.returns)
    assert one.steps >= 4000
    assert one.returns.sum() == one.steps  # a reward of 1 for each step
    x = np.random.default_rng(1).normal(0, 0.2, (100, 4))
    np.testing.assert_array_equal(one.policy(x), two.policy(x))
    assert one.returns[-10:].mean() > 3 * one.returns[:10].mean()
    assert evaluate(one.policy, "CartPole-v1", episodes=10).mean() > 50


def test_another_seed_learns_otherwise() -> None:
    one, two = (learn_stdp("CartPole-v1", **CARTPOLE, total=200, seed=k) for k in (1, 2))
    assert one.returns.tolist() != two.returns.tolist()


def test_one_place_cell_of_each_grid_is_active() -> None:
    policy = learn_stdp("CartPole-v1", **CARTPOLE, grids=4, total=20).policy
    assert policy.encode is not None
    x = np.random.default_rng(2).normal(0, 3, (50, 4))  # some lie outside of the range
    spikes = policy.encode(x)
    assert spikes.shape == (50, 4 * 4 * 5 * 7 * 7)
    np.testing.assert_array_equal(spikes.reshape(50, 4, -1).sum(axis=2), 1.0)
    origin, near, far = policy.encode(np.array([[0.0] * 4, [1e-3] * 4, [1.0] * 4]))
    assert origin @ near == 4
    assert origin @ far < 2


def test_three_actions() -> None:
    found = learn_stdp(
        "MountainCar-v0", low=[-1.2, -0.07], high=[0.6, 0.07], bins=[8, 8], target=0.0, total=200
    )
    assert found.returns.tolist() == [-200.0]
    assert set(found.policy(np.array([[-0.5, 0.0], [-0.4, 0.05]]))) <= {0, 1, 2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bins": [3, 4, 6]}, r"bins must have the shape \(4,\) of observations, got shape \(3,\)"),
        ({"bins": [3, 4, 6, 0]}, "bins must be >= 1, got 0"),
        ({"low": [0.0]}, r"low must have the shape \(4,\) of observations"),
        (
            {"high": [2.4, 3.0, 0.21, -4.0]},
            "high - low must be finite and > 0 at index 3, got -0.5",
        ),
        ({"grids": 0}, "grids must be >= 1, got 0"),
        ({"eta": 0.0}, "eta must be finite and > 0, got 0"),
        ({"total": 0}, "total must be >= 1, got 0"),
        ({"seed": -1}, "seed must be >= 0 .*got -1"),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"learn_stdp: {message}"):
        learn_stdp("CartPole-v1", **CARTPOLE | arguments)


def test_continuous_actions() -> None:
    with pytest.raises(
        ValueError, match=r"learn_stdp: env must have actions 0 .. n - 1 .*Pendulum"
    ):
        learn_stdp("Pendulum-v1", low=[-1] * 3, high=[1] * 3, bins=[3] * 3, target=0.0)
