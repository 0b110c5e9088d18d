"""SpikingPolicy acts by its model, and episodes that run side by side are those that would run one by one."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import spikelet as sl
from spikelet.gym import SpikingPolicy, evaluate

BALANCE = np.array([0.1, 0.3, 1.0, 0.7])  # a linear controller of CartPole


def controller(observations: NDArray[Any]) -> NDArray[np.int64]:
    return (observations @ BALANCE > 0).astype(np.int64)


def policy() -> SpikingPolicy:
    model = sl.SpikingModel(
        [sl.layers.Linear([-BALANCE, BALANCE]), sl.layers.IF(0.01)], dtype="float64"
    )
    return SpikingPolicy(model, steps=32)


def test_takes_the_action_of_the_largest_output() -> None:
    observations = np.random.default_rng(1).normal(0, 0.1, (40, 4))
    acts = policy()
    found = acts(observations)
    np.testing.assert_array_equal(found, acts.model.run(observations, 32).output.argmax(axis=1))
    assert set(found) == {0, 1}
    assert [acts(x) for x in observations] == found.tolist()
    assert type(acts(observations[0])) is int


def test_a_converted_network_balances() -> None:
    torch.manual_seed(1)
    with torch.random.fork_rng():
        states = torch.randn(2000, 4) * torch.tensor([1.0, 1.0, 0.1, 1.0])
        wanted = torch.as_tensor(controller(states.numpy()))
        ann = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
        optimizer = torch.optim.Adam(ann.parameters(), lr=0.02)
        for _ in range(200):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(ann(states), wanted).backward()
            optimizer.step()
    snn = sl.convert(ann, states.numpy(), steps=32)
    assert evaluate(SpikingPolicy(snn), "CartPole-v1", episodes=20, seed=7).mean() >= 475


def test_returns_are_lengths_of_episodes() -> None:
    def clumsy(observations: NDArray[Any]) -> NDArray[np.int64]:
        return (observations[:, 2] > 0.02).astype(np.int64)

    found = evaluate(clumsy, "CartPole-v1", episodes=6, seed=3)
    np.testing.assert_array_equal(found, evaluate(clumsy, "CartPole-v1", episodes=6, seed=3))
    side_by_side = gymnasium.make_vec("CartPole-v1", 6, vectorization_mode="vector_entry_point")
    x, _ = side_by_side.reset(seed=3)
    lengths = np.zeros(6)
    for t in range(1, 501):
        x, _, ended, cut, _ = side_by_side.step(clumsy(x))
        lengths[(ended | cut) & (lengths == 0)] = t
    np.testing.assert_array_equal(found, lengths)
    assert len(set(found)) > 2


def test_environments_that_have_no_vectors_of_their_own() -> None:
    found = evaluate(lambda x: np.full(len(x), 2), "MountainCar-v0", episodes=2)
    np.testing.assert_array_equal(found, [-200.0, -200.0])


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (
            "Pendulum-v1",
            "evaluate: env must have actions 0 .. n - 1 .*continuous.*got 'Pendulum-v1",
        ),
        ("FrozenLake-v1", "evaluate: env must have observations that are arrays .*FrozenLake-v1"),
    ],
)
def test_environments_that_do_not_fit(env: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(controller, env, episodes=1)


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match=r"SpikingPolicy: model must be a SpikingModel; .*Linear"):
        SpikingPolicy(torch.nn.Linear(4, 2), steps=8)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="evaluate: env must be the name of an environment"):
        evaluate(controller, gymnasium.make("CartPole-v1"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="evaluate: episodes must be >= 1, got 0"):
        evaluate(controller, "CartPole-v1", episodes=0)
