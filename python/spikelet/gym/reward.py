"""Policies that learn from reward by spike timing: an actor and a critic whose synapses share one reward."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet import layers
from spikelet._util.checks import fail, integer, numbers, require, scalar
from spikelet._util.spelling import spelled
from spikelet.gym.policy import Learned, SpikingPolicy, make_environments
from spikelet.layers.spiking_model import SpikingModel
from spikelet.network.network import Network
from spikelet.neurons import LIFDelta
from spikelet.plasticity import RewardSTDP
from spikelet.rules import AllToAll

_THRESHOLD = 1e3  # mV: out of reach of synapses, so that only what forces a neuron makes it spike
_FORCE = 1e5
_DECISION = 5.0  # ms: 2 to see, 1 to learn, 2 to act
_APART = 4.0  # ms between the spikes of a decision, as synapses see them
_TAU = 1.5  # ms, of the pairs: short, so that spikes of two decisions are no pair
_GAMMA, _LAMBDA = 0.99, 0.8
_GAIN = 10.0  # potentials of the actor to logarithms of probabilities
_REWARD = 1 - _GAMMA  # a value of 1 stands for rewards of 1 without an end
_LEAST = 0.1  # what is left of the learning rate at the end


class _Places:
    """Place cells: several grids over the observations, shifted against each other, in each of which one cell is active."""

    def __init__(
        self, low: NDArray[Any], high: NDArray[Any], bins: NDArray[Any], grids: int
    ) -> None:
        self.low, self.span, self.bins = low, high - low, bins
        odd = (
            2 * np.arange(len(bins)) + 1
        )  # shifts by odd multiples (Sutton & Barto, 2018, section 9.5.4)
        self.shift = np.arange(grids)[:, None] * odd % grids / grids
        self.strides = np.cumprod([1, *(bins[:-1] + 1)])
        self.first = np.arange(grids) * int(np.prod(bins + 1))
        self.count = grids * int(np.prod(bins + 1))

    def active(self, observations: NDArray[Any]) -> NDArray[np.int64]:
        """Return the active cell of each grid, [n, grids]."""
        inside = np.clip((observations - self.low) / self.span, 0.0, 1.0 - 1e-9) * self.bins
        cells = np.floor(inside[:, None] + self.shift).astype(np.int64)
        return np.asarray(cells @ self.strides + self.first)

    def spikes(self, observations: NDArray[Any]) -> NDArray[np.float32]:
        """Return the spikes of all cells, [n, count]."""
        found = np.zeros((len(observations), self.count), dtype=np.float32)
        np.put_along_axis(found, self.active(observations), 1.0, axis=1)
        return found


@spelled
def learn_stdp(
    env: str,
    *,
    low: ArrayLike,
    high: ArrayLike,
    bins: Sequence[int],
    target: float,
    grids: int = 8,
    eta: float = 0.3,
    total: int = 100_000,
    seed: int = 0,
) -> Learned:
    """Learn an environment of gymnasium from scratch by reward-modulated STDP.

    Place cells project to a neuron for each action and to one whose potential is the value. The potentials give the
    probabilities of the actions; the chosen neuron spikes, and so does that of the value. All synapses are `RewardSTDP`, and
    the reward of all is the error of temporal differences.

    Parameters
    ----------
    env : str
        Name of a registered environment with discrete actions and observations that are vectors.
    low, high : array-like, [n_observations]
        Range that the place cells cover; observations beyond are those at its border.
    bins : sequence of int, [n_observations]
        Place cells of a grid along each dimension, not counting one that the shift of the grid needs.
    target : float
        Mean return of the last 100 training episodes at which learning ends.
    grids : int
        Grids of place cells, each shifted against the others.
    eta : float > 0
        Learning rate of the value, at the start; it decreases to a tenth at `total`.
    total : int
        Steps of the environment after which learning ends in any case.
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
    Barto, Sutton & Anderson, IEEE Trans. Syst. Man Cybern. 13 (1983); Izhikevich, Cereb. Cortex 17 (2007).
    """
    where = "learn_stdp"
    scalar(where, "target", target, "finite")
    n_grids, total = integer(where, "grids", grids, 1), integer(where, "total", total, 1)
    rate = scalar(where, "eta", eta, "finite and > 0")
    random = np.random.default_rng(integer(where, "seed", seed, 0, 2**31))
    environment = make_environments(where, env, 1)
    try:
        size = environment.single_observation_space.shape
        lowest, highest = (numbers(where, name, x) for name, x in (("low", low), ("high", high)))
        counts = np.array([integer(where, "bins", n, 1) for n in bins])
        for name, array in (("low", lowest), ("high", highest), ("bins", counts)):
            if array.shape != size:
                fail(
                    where,
                    name,
                    array.shape,
                    f"must have the shape {size} of observations",
                    got="shape",
                )
        require(where, "high - low", highest - lowest, "finite and > 0")
        places = _Places(lowest, highest, counts, n_grids)
        n_actions = int(environment.single_action_space.n)
        agent = _Agent(places, n_actions, rate / n_grids, random)
        returns: list[float] = []
        steps = 0
        while steps < total and (len(returns) < 100 or np.mean(returns[-100:]) < target):
            returns.append(0.0)
            observations, _ = environment.reset(seed=int(random.integers(2**31)))
            agent.begin(observations)
            over = False
            while not over:
                action = agent.act()
                observations, rewards, ended, cut, _ = environment.step(np.array([action]))
                agent.see(None if ended[0] else observations)
                agent.learn(float(rewards[0]), 1 - (1 - _LEAST) * min(1.0, steps / total))
                returns[-1] += float(rewards[0])
                steps += 1
                over = bool(ended[0] or cut[0])
    finally:
        environment.close()
    return Learned(agent.policy(), np.array(returns), steps)


class _Agent:
    """The network, and how it sees, acts and learns."""

    def __init__(
        self, places: _Places, n_actions: int, rate: float, random: np.random.Generator
    ) -> None:
        self.places, self.random = places, random
        self.net = Network(dt=1.0, seed=0, threads=1)
        model = LIFDelta(E_L=0.0, V_reset=0.0, V_th=_THRESHOLD, t_ref=0.0)
        self.cells = self.net.population(places.count, model, name="places")
        self.readers = self.net.population(n_actions + 1, model, name="actions and value")
        rule = RewardSTDP(
            A_plus=rate * math.exp(_APART / _TAU), A_minus=0.0, tau_plus=_TAU, tau_n=None,
            tau_c=-_DECISION / math.log(_GAMMA * _LAMBDA), w_min=-10.0, w_max=10.0,
        )  # fmt: skip
        # At first all states look as good as they can be, so that only what ends badly teaches.
        weights = np.zeros((places.count, n_actions + 1))
        weights[:, -1] = 1.0 / len(places.first)
        self.synapses = self.net.connect(
            self.cells, self.readers, AllToAll(), weight=weights.ravel(), delay=1.0, plasticity=rule
        )
        self.potentials = np.zeros(n_actions + 1)
        self.value = 0.0  # of the state in which the last action was taken

    def begin(self, observations: NDArray[Any]) -> None:
        """Wait until the traces of the last episode are gone, and see the first state of another."""
        self.net.run(100 * _DECISION)
        self.see(observations)
        self.net.run(1.0)  # as long as learning takes

    def see(self, observations: NDArray[Any] | None) -> None:
        """Let the active place cells spike, and keep the potentials that follow; None is an end, of value 0."""
        self.value = float(self.potentials[-1])
        if observations is None:
            self.potentials = np.zeros_like(self.potentials)
            self.net.run(2.0)
            return
        self.readers.V_m = 0.0
        self.cells.V_m[self.places.active(observations)[0]] = _FORCE
        self.net.run(2.0)
        self.potentials = np.array(self.readers.V_m, dtype=np.float64)

    def act(self) -> int:
        """Draw an action, and let its neuron and that of the value spike."""
        noise = self.random.gumbel(size=len(self.potentials) - 1)
        action = int((_GAIN * self.potentials[:-1] + noise).argmax())
        forced = np.zeros(len(self.potentials))
        forced[[action, -1]] = _FORCE
        self.readers.V_m = forced
        self.net.run(2.0)  # until synapses know of it
        return action

    def learn(self, reward: float, rate: float) -> None:
        """Reward all synapses with the error of the value."""
        error = _REWARD * reward + _GAMMA * float(self.potentials[-1]) - self.value
        self.synapses.reward = rate * error
        self.net.run(1.0)
        self.synapses.reward = 0.0

    def policy(self) -> SpikingPolicy:
        """Return the place cells and the neurons of the actions, without the value."""
        weights = self.synapses.weights.reshape(self.places.count, -1)[:, :-1]
        return SpikingPolicy(SpikingModel([layers.Linear(weights.T)]), 1, encode=self.places.spikes)
