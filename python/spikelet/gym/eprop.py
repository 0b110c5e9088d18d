"""Policies that learn from reward by e-prop, with the objective of PPO."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from spikelet import layers
from spikelet._util.checks import choice, fail, integer, numbers, require, scalar
from spikelet._util.spelling import spelled
from spikelet.gym.policy import Learned, SpikingPolicy, make_environments
from spikelet.layers.spiking_model import SpikingModel
from spikelet.torch.eprop import EProp
from spikelet.torch.repeatable import repeatable

Floats = NDArray[np.float32]

# Of PPO, as Schulman et al. (2017) and most implementations have them.
_ENVS, _LENGTH, _EPOCHS, _MINIBATCHES = 8, 128, 4, 4
_GAMMA, _LAMBDA, _CLIP, _NORM = 0.99, 0.95, 0.2, 0.5
_VALUE = 100.0  # outputs near 1 stand for values of this size


@dataclass
class _Rollout:
    """Experience of `_LENGTH` steps of each environment; arrays are [steps, environments, ...]."""

    x: Floats
    actions: NDArray[np.int64]
    log_p: Floats
    advantages: Floats
    values: Floats
    valid: NDArray[np.bool_]


@spelled
def learn_eprop(
    env: str,
    *,
    target: float,
    neurons: int = 64,
    steps: int = 4,
    scale: ArrayLike | None = None,
    tau_m: float = 10.0,
    learning_rate: float = 5e-3,
    feedback: Literal["symmetric", "random"] = "symmetric",
    total: int = 300_000,
    seed: int = 0,
) -> Learned:
    """Learn an environment of gymnasium from scratch by e-prop.

    The gradient of the objective of PPO with respect to the outputs of the network is its error signal; eligibility traces,
    which go forward in time, bring it to the synapses. Eight environments run side by side.

    Parameters
    ----------
    env : str
        Name of a registered environment with discrete actions and observations that are vectors.
    target : float
        Mean return of the last 100 training episodes at which learning ends. Actions are still drawn at random then, so the
        policy, which takes the best one, is usually better.
    neurons : int
        LIF neurons of the hidden layer.
    steps : int
        Steps of the network for a decision.
    scale : array-like, optional
        Observations are divided by it; by default half of the bounds of the environment where they are finite and below
        100, and otherwise 1.
    tau_m : float > 0
        Time constant of the neurons and of the readout, in steps.
    learning_rate : float > 0
        Of Adam, at the start; it decreases to 0 at `total`.
    feedback : "symmetric" or "random"
        Weights that bring errors to the hidden layer; see `spikelet.torch.EProp`.
    total : int
        Steps of all environments after which learning ends in any case.
    seed : int

    Returns
    -------
    Learned
        The policy, the returns of the training episodes, and the steps taken. The same on each run, bit for bit.

    Raises
    ------
    ValueError
        If the environment has continuous actions, or observations that are not vectors.

    References
    ----------
    Bellec et al., Nature Communications 11 (2020); Schulman et al., arXiv:1707.06347 (2017).
    """
    where = "learn_eprop"
    choice(where, "feedback", feedback, "symmetric", "random")
    integer(where, "neurons", neurons, 1)
    scalar(where, "target", target, "finite")
    rate = scalar(where, "learning_rate", learning_rate, "finite and > 0")
    tau = scalar(where, "tau_m", tau_m, "> 0")
    integer(where, "steps", steps, 1)
    integer(where, "seed", seed, 0, 2**31)
    updates = -(-integer(where, "total", total, 1) // (_ENVS * _LENGTH))
    environments = make_environments(where, env, _ENVS)
    with contextlib.closing(environments), repeatable(seed):
        divisor = _scale(where, environments.single_observation_space, scale)
        net = EProp(
            len(divisor) + 1, neurons, int(environments.single_action_space.n) + 1,
            tau_m=tau, tau_out=tau, recurrent=False, feedback=feedback,
        )  # fmt: skip
        learner = _Learner(net, steps, rate, np.random.default_rng(seed))
        runs = _Runs(environments, divisor, seed)
        for update in range(updates):
            learner.improve(runs.rollout(learner), 1 - update / updates)
            if len(runs.returns) >= 100 and np.mean(runs.returns[-100:]) >= target:
                break
    taken = (update + 1) * _ENVS * _LENGTH
    return Learned(_deployed(net, divisor, steps), np.array(runs.returns), taken)


def _scale(where: str, space: Any, scale: ArrayLike | None) -> Floats:
    if len(space.shape) != 1:
        rule = "must be a vector; gymnasium.wrappers has FlattenObservation"
        fail(where, "observation", space.shape, rule, got="shape")
    if scale is None:
        high = np.maximum(np.abs(space.high), np.abs(space.low)).astype(np.float64)
        given = np.where(high < 100, high / 2, 1.0)
    else:
        given = numbers(where, "scale", scale)
        if given.shape not in ((), space.shape):
            fail(
                where, "scale", given.shape, f"must be one number or {space.shape[0]}", got="shape"
            )
        given = np.broadcast_to(given, space.shape)
    require(where, "scale", given, "finite and > 0")
    return given.astype(np.float32)


class _Learner:
    """The network and its optimizer."""

    def __init__(self, net: EProp, steps: int, rate: float, random: np.random.Generator) -> None:
        self.net, self.steps, self.rate, self.random = net, steps, rate, random
        self.optimizer = torch.optim.Adam(net.parameters(), lr=rate)

    def forward(self, x: Floats) -> torch.Tensor:
        """Return the outputs after the last step: a number for each action, and the value."""
        given = torch.from_numpy(x)
        self.net.reset(len(x))
        for _ in range(self.steps):
            outputs = self.net.step(given)
        return outputs

    def draw(self, outputs: torch.Tensor) -> tuple[NDArray[np.int64], Floats]:
        """Draw actions, and return them with the logarithms of their probabilities."""
        log_p = outputs[:, :-1].log_softmax(1).numpy()
        noise = self.random.gumbel(size=log_p.shape)
        actions = (log_p + noise).argmax(1)
        return actions, log_p[np.arange(len(actions)), actions]

    def improve(self, r: _Rollout, left: float) -> None:
        """Follow the gradient of PPO's objective in several passes."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * left
        used = np.flatnonzero(r.valid)
        x, actions, log_p, advantages, values = (
            a.reshape(-1, *a.shape[2:]) for a in (r.x, r.actions, r.log_p, r.advantages, r.values)
        )
        for _ in range(_EPOCHS):
            for rows in np.array_split(self.random.permutation(used), _MINIBATCHES):
                y = self.forward(x[rows]).requires_grad_()
                a, old, wanted = (torch.from_numpy(v[rows]) for v in (actions, log_p, values))
                advantage = torch.from_numpy(advantages[rows])
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                new = y[:, :-1].log_softmax(1).gather(1, a[:, None])[:, 0]
                ratio = (new - old).exp()
                gain = torch.minimum(
                    ratio * advantage, ratio.clamp(1 - _CLIP, 1 + _CLIP) * advantage
                )
                loss = 5 * (y[:, -1] - wanted).square().mean() - gain.mean()
                (error,) = torch.autograd.grad(loss, y)
                self.optimizer.zero_grad()
                self.net.learn(error)
                torch.nn.utils.clip_grad_norm_(self.net.parameters(), _NORM)
                self.optimizer.step()


class _Runs:
    """The environments, and what is known of their running episodes."""

    def __init__(self, environments: Any, divisor: Floats, seed: int) -> None:
        self.environments, self.divisor = environments, divisor
        self.returns: list[float] = []
        self.so_far = np.zeros(_ENVS)
        self.begins = np.zeros(_ENVS, dtype=bool)  # a step that only starts a new episode
        self.observations = environments.reset(seed=seed)[0]

    def rollout(self, learner: _Learner) -> _Rollout:
        """Act for some steps, and estimate advantages (Schulman et al., ICLR 2016)."""
        kept: list[tuple[Any, ...]] = []
        values = np.empty((_LENGTH + 1, _ENVS))
        for t in range(_LENGTH):
            x = self._inputs()
            outputs = learner.forward(x)
            actions, log_p = learner.draw(outputs)
            values[t] = outputs[:, -1].numpy()
            self.observations, rewards, ended, cut, _ = self.environments.step(actions)
            kept.append((x, actions, log_p, ~self.begins, rewards / _VALUE, ended, ended | cut))
            self.so_far = np.where(self.begins, 0.0, self.so_far + rewards)
            self.begins = ended | cut
            self.returns += self.so_far[self.begins].tolist()
        values[-1] = learner.forward(self._inputs())[:, -1].numpy()
        x, actions, log_p, valid, rewards, ended, over = (
            np.stack(a) for a in zip(*kept, strict=True)
        )
        advantages, ahead = np.zeros((_LENGTH, _ENVS)), np.zeros(_ENVS)
        for t in reversed(range(_LENGTH)):
            surprise = rewards[t] + _GAMMA * values[t + 1] * ~ended[t] - values[t]
            ahead = advantages[t] = surprise + _GAMMA * _LAMBDA * ahead * ~over[t]
        single = np.float32
        return _Rollout(
            x,
            actions,
            log_p,
            advantages.astype(single),
            (advantages + values[:-1]).astype(single),
            valid,
        )

    def _inputs(self) -> Floats:
        scaled = self.observations / self.divisor
        return np.column_stack([scaled, np.ones(len(scaled))]).astype(np.float32)


def _deployed(net: EProp, divisor: Floats, steps: int) -> SpikingPolicy:
    """Return the network for plain observations, without the output that estimates values."""
    weight = net.weight.detach().double().numpy()
    decay, out_decay = net.cell.leak, net.out_decay
    model = SpikingModel(
        [
            layers.Linear(weight[:, :-1] / divisor, weight[:, -1]),
            layers.LIF(net.cell.threshold, decay=decay, gain=1.0, reset="subtract"),
            layers.Linear(net.readout.detach().double().numpy()[:-1]),
            layers.LI(decay=out_decay, gain=1.0),
        ]
    )
    return SpikingPolicy(model, steps, delay=steps - 1)
