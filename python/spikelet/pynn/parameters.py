"""Parameters of connections: numbers, distributions and functions of the distance, evaluated at pairs of elements.

Random numbers are drawn as PyNN's own connectors draw them, in order of the targets and from a copy of the generator for
each parameter, so that a script has the same connections with spikelet as with other simulators.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable
from copy import copy, deepcopy
from typing import Any

import numpy as np
import numpy.typing as npt
from pyNN.core import IndexBasedExpression
from pyNN.parameters import LazyArray, ParameterSpace
from pyNN.random import RandomDistribution

from spikelet.pynn.connections import distances
from spikelet.pynn.random import NativeRNG

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_AT_ONCE = 1 << 22  # random numbers


class Parameters:
    """The parameters of a projection's connections.

    Parameters
    ----------
    projection : Projection
        The projection.
    space : ParameterSpace
        The parameters.

    Attributes
    ----------
    single : dict
        Those that are one number for all.
    random : dict
        Those that are distributions.
    """

    def __init__(self, projection: Any, space: ParameterSpace) -> None:
        space.shape = projection.shape
        self._projection = projection
        self.single: dict[str, float] = {}
        self.random: dict[str, RandomDistribution] = {}
        self._lazy: dict[str, LazyArray] = {}
        for name, value in space.items():
            if value.is_homogeneous:
                self.single[name] = float(value.evaluate(simplify=True))
            elif isinstance(value.base_value, RandomDistribution) and not value.operations:
                self.random[name] = value.base_value
            else:
                self._lazy[name] = value

    @property
    def native(self) -> bool:
        """Whether spikelet can draw all of them itself, with the seed of the network."""
        rngs = [distribution.rng for distribution in self.random.values()]
        drawn = not self._lazy and set(self.random) <= {"weight", "delay"}
        return drawn and all(isinstance(r, NativeRNG) and r.seed is None for r in rngs)

    def at(self, pre: Ints, post: Ints, but: Collection[str] = ()) -> dict[str, Any]:
        """Return the values at pairs: numbers, or arrays.

        Parameters
        ----------
        pre, post : array
            Indices of the pairs, by target.
        but : collection of str
            Parameters to leave out.
        """
        drawn = {name: self._draw(name, post) for name in self.random if name not in but}
        for name, value in self._lazy.items():
            if name not in but:
                drawn[name] = self._evaluate(value, pre, post)
        return {**self.single, **drawn}

    def _draw(self, name: str, post: Ints) -> Any:
        distribution = self.random[name]
        if distribution.name != "normal_clipped" or distribution.rng.seed is None:
            return distribution.next(len(post))
        counts = np.diff(
            _begins(post)
        )  # what is outside of the limits is drawn again target by target
        return np.concatenate([np.zeros(0), *(distribution.next(int(count)) for count in counts)])

    def _evaluate(self, value: LazyArray, pre: Ints, post: Ints) -> Any:
        """Return an array, or a function of the distance or of indices, at pairs."""
        base, projection = value.base_value, self._projection
        if value.operations:
            return self._by_target(value, pre, post)
        if isinstance(base, IndexBasedExpression):
            expression = copy(base)
            expression.projection = projection
            return self._by_target(LazyArray(expression, shape=projection.shape), pre, post)
        if callable(base):
            at = projection.pre.positions.T[pre], projection.post.positions.T[post]
            return np.broadcast_to(
                np.asarray(base(distances(projection.space, *at)), float), pre.shape
            )
        if isinstance(base, np.ndarray):
            return np.asarray(base, float)[pre, post]
        return self._by_target(value, pre, post)

    def _by_target(self, value: LazyArray, pre: Ints, post: Ints) -> Floats:
        """Return the values of anything that a LazyArray takes."""
        if callable(value.base_value) and not isinstance(value.base_value, IndexBasedExpression):
            ends = self._projection.pre.position_generator, self._projection.post.position_generator
            of = self._projection.space.distance_generator(*ends)
            value = value(LazyArray(of, shape=self._projection.shape))
        begins = _begins(post)
        found = [
            np.broadcast_to(value[pre[begin:end], int(post[begin])], (end - begin,))
            for begin, end in itertools.pairwise(begins)
        ]
        return np.concatenate([np.zeros(0), *found])

    def of_matrix(self, pre: Ints, post: Ints) -> dict[str, Any]:
        """Return values at pairs of which all have one, connected or not, as PyNN's `Projection.set` draws them."""
        order = np.lexsort((pre, post))
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        values = {
            name: x[back] if np.ndim(x) else x
            for name, x in self.at(pre[order], post[order], tuple(self.random)).items()
        }
        n_pre, n_post = self._projection.shape
        for name in self.random:
            distribution = deepcopy(self.random[name])  # as PyNN does
            if isinstance(distribution.rng, NativeRNG):
                values[name] = distribution.next(len(pre))
                continue
            all_in_one = distribution.name == "normal_clipped"
            rows = n_pre if all_in_one else max(1, _AT_ONCE // max(1, n_post))
            values[name] = np.empty(len(pre))
            for begin in range(0, n_pre, rows):
                count = min(rows, n_pre - begin)
                block = np.reshape(distribution.next(count * n_post), (count, n_post))
                mine = (pre >= begin) & (pre < begin + count)
                values[name][mine] = block[pre[mine] - begin, post[mine]]
        return values


def _begins(post: Ints) -> Ints:
    """Return where each target's connections begin, and the end."""
    if not len(post):
        return np.zeros(1, np.int64)
    return np.concatenate([[0], np.flatnonzero(np.diff(post)) + 1, [len(post)]])


def columns_of(masks: Iterable[Any], n_pre: int) -> Iterable[Ints]:
    """Yield the sources of each target, given them as PyNN's connectors do: True, a mask or indices."""
    everything = np.arange(n_pre)
    for mask in masks:
        if mask is True or mask is np.True_:
            yield everything
        elif mask is False or mask is np.False_:
            yield everything[:0]
        else:
            found = np.asarray(mask)
            yield np.flatnonzero(found) if found.dtype == np.bool_ else found.astype(np.int64)
