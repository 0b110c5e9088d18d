"""A spiking network as a policy, and episodes of many environments side by side."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import fail, integer
from spikelet._util.extras import extra
from spikelet._util.sealed import Sealed
from spikelet._util.spelling import spelled
from spikelet.layers.spiking_model import SpikingModel

Policy = Callable[[NDArray[Any]], NDArray[np.int64]]


class SpikingPolicy(Sealed):
    """A policy that takes the action of the largest output of a `SpikingModel`.

    Each decision starts from the model's initial state.

    Parameters
    ----------
    model : SpikingModel
        A trained model, or a converted one (`spikelet.convert` of a policy network): from observations to a number for each
        action.
    steps : int, optional
        Steps of a decision; a converted model knows its own.
    encode : callable, optional
        Returns the inputs of the model for observations [n, ...].
    **options
        Of ``model.run``, such as `delay`.

    Examples
    --------
    >>> import numpy as np
    >>> import spikelet as sl
    >>> weights = [[-1.0, -1.0], [1.0, 1.0]]  # against the angle and its speed
    >>> model = sl.SpikingModel([sl.layers.Linear(weights), sl.layers.IF(0.1)])
    >>> policy = sl.gym.SpikingPolicy(model, steps=8)
    >>> policy(np.array([0.05, 0.1])), policy(np.array([[-0.05, -0.1], [0.05, 0.1]]))
    (1, array([0, 1]))
    """

    model: SpikingModel
    encode: Callable[[NDArray[Any]], Any] | None
    options: dict[str, Any]

    _instead: ClassVar = {"": "make another policy"}

    @spelled
    def __init__(
        self,
        model: SpikingModel,
        steps: int | None = None,
        *,
        encode: Callable[[NDArray[Any]], Any] | None = None,
        **options: Any,
    ) -> None:
        if not isinstance(model, SpikingModel):
            rule = "must be a SpikingModel; spikelet.convert makes one of a policy network"
            fail("SpikingPolicy", "model", type(model).__name__, rule, error=TypeError)
        self.model, self.encode = model, encode
        self.options = options if steps is None else {"steps": steps, **options}

    def __call__(self, observation: ArrayLike) -> Any:
        """Return the action for an observation, or an array of actions [n] for observations [n, ...].

        Parameters
        ----------
        observation : array-like
            One observation, if it has one dimension; otherwise several.
        """
        x = np.asarray(observation)
        several = x if x.ndim > 1 else x[None]
        inputs = several if self.encode is None else self.encode(several)
        with warnings.catch_warnings():
            # A few observations, such as the first ones, may lie in a small part of the range of a calibration.
            warnings.filterwarnings("ignore", ".*preprocess both as for the ANN")
            actions = self.model.predict(inputs, **self.options)
        return actions if x.ndim > 1 else int(actions[0])


class Learned(NamedTuple):
    """Result of `learn_eprop` and `learn_stdp`."""

    policy: SpikingPolicy
    """The trained network, which takes the best action; it runs without PyTorch."""
    returns: NDArray[np.float64]
    """Return of each training episode, in the order of their ends."""
    steps: int
    """Steps of all environments that the training took."""


def make_environments(where: str, env: str, count: int) -> Any:
    """Make environments that run side by side, after checking that a policy of discrete actions fits.

    Parameters
    ----------
    where : str
        The caller, for error messages.
    env : str
        Name of a registered environment.
    count : int

    Returns
    -------
    gymnasium.vector.VectorEnv
    """
    if not isinstance(env, str):
        rule = "must be the name of an environment, such as 'CartPole-v1'"
        fail(where, "env", type(env).__name__, rule, error=TypeError)
    gymnasium = extra("gymnasium", f"spikelet.gym.{where}", "gym")
    fast = gymnasium.spec(env).vector_entry_point is not None
    made = gymnasium.make_vec(
        env, count, vectorization_mode="vector_entry_point" if fast else "sync"
    )
    actions, observations = made.single_action_space, made.single_observation_space
    if not isinstance(actions, gymnasium.spaces.Discrete) or actions.start != 0:
        made.close()
        rule = "must have actions 0 .. n - 1 (Discrete); a wrapper can offer a few of the continuous ones"
        fail(where, "env", f"{env} with {actions}", rule)
    if not isinstance(observations, gymnasium.spaces.Box):
        made.close()
        rule = "must have observations that are arrays (Box); gymnasium.wrappers has FlattenObservation"
        fail(where, "env", f"{env} with {observations}", rule)
    return made


def evaluate(
    policy: Policy, env: str, *, episodes: int = 100, seed: int = 0
) -> NDArray[np.float64]:
    """Run episodes side by side, and return the return of each: the sum of its rewards.

    Parameters
    ----------
    policy : callable
        From observations [n, ...] to actions [n], such as a `SpikingPolicy`.
    env : str
        Name of a registered environment of gymnasium with discrete actions.
    episodes : int
    seed : int
        Seed of the initial states.

    Returns
    -------
    array, [episodes]

    Raises
    ------
    ValueError
        If the environment has continuous actions, or observations that are not arrays.
    """
    where = "evaluate"
    count, first = integer(where, "episodes", episodes, 1), integer(where, "seed", seed, 0)
    environments = make_environments(where, env, count)
    returns, running = np.zeros(count), np.ones(count, dtype=bool)
    observations, _ = environments.reset(seed=first)
    while running.any():
        observations, rewards, ended, cut, _ = environments.step(policy(observations))
        returns += np.where(running, rewards, 0.0)
        running &= ~(ended | cut)
    environments.close()
    return returns
