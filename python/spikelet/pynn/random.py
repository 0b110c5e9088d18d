"""Random numbers: PyNN's generators, and spikelet's own as `NativeRNG`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from pyNN import random
from pyNN.random import GSLRNG, NumpyRNG, RandomDistribution

from spikelet import _core
from spikelet.network.synapse_lists import row_lengths
from spikelet.pynn.simulator import state
from spikelet.rules import Distribution, Exponential, LogNormal, Normal, Rule, Uniform

__all__ = [
    "GSLRNG",
    "NativeRNG",
    "NumpyRNG",
    "RandomDistribution",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_KNOWN = "uniform, uniform_int, normal, normal_clipped, normal_clipped_to_boundary, lognormal and exponential"


class NativeRNG(random.NativeRNG):
    """spikelet's own generator: counter-based, so that draws depend neither on threads nor on processes.

    Parameters
    ----------
    seed : int, optional
        Seed. Without one, connections are drawn by spikelet's own rules, with the seed of the network
        (``setup(rng_seed=)``), which is fastest and needs the least memory.
    """

    parallel_safe = True

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(seed)
        self._number = 0

    def next(
        self,
        n: int | None = None,
        distribution: str | None = None,
        parameters: dict[str, float] | None = None,
        mask: npt.NDArray[Any] | None = None,
    ) -> Any:
        """Return numbers of a distribution; see `pyNN.random.AbstractRNG.next`."""
        if n is not None and n < 0:
            msg = f"NativeRNG: the number of samples must not be negative, got {n}"
            raise ValueError(msg)
        name = distribution or "uniform"
        given = {"low": 0.0, "high": 1.0} if parameters is None else parameters
        spec = native_distribution(name, given).to_core()
        seed, number = self._stream()
        values: Floats = _core.draw_values(spec, seed, number, 1 if n is None else n)
        if name == "uniform_int":
            values = np.floor(values).astype(np.int64)
        if mask is not None:
            values = values[mask]
        return values[0] if n is None else values

    def __deepcopy__(self, _: Any) -> NativeRNG:
        """Return the same: PyNN copies generators, and copies must not draw the same numbers."""
        return self

    def pairs(self, rule: Rule, shape: tuple[int, int], *, same: bool) -> tuple[Ints, Ints]:
        """Return the sources and targets that a rule draws with this seed, by source, then target.

        Parameters
        ----------
        rule : Rule
            The rule.
        shape : (int, int)
            Number of sources and of targets.
        same : bool
            Whether both are the same elements.
        """
        seed, number = self._stream()
        n_pre, n_post = shape
        row, targets = _core.draw_pairs(
            rule.to_core(), n_pre, n_post, None, None, same, seed, number, state.network.threads
        )
        return np.repeat(np.arange(n_pre), row_lengths(row)), targets.astype(np.int64)

    def _stream(self) -> tuple[int, int]:
        """Return the seed and the number of a stream that was not used before."""
        if self.seed is None:
            return int(state.network.seed), next(state.streams)
        self._number += 1
        return int(self.seed) % 2**64, self._number


def native_distribution(
    name: str, parameters: dict[str, float], scale: float = 1.0
) -> Distribution:
    """Return spikelet's distribution for one of PyNN's, of values times a positive factor.

    Parameters
    ----------
    name : str
        PyNN's name.
    parameters : dict
        PyNN's parameters.
    scale : float
        The factor, > 0.

    Raises
    ------
    NotImplementedError
        If spikelet does not draw from this distribution itself.
    """
    p = {key: float(value) for key, value in parameters.items()}
    if name in ("uniform", "uniform_int"):
        return Uniform(p["low"] * scale, p["high"] * scale)
    if name == "lognormal":
        return LogNormal(p["mu"] + math.log(scale), p["sigma"])
    if name == "exponential":
        return Exponential(p["beta"] * scale)
    if name == "normal":
        return Normal(p["mu"] * scale, p["sigma"] * scale)
    if name in ("normal_clipped", "normal_clipped_to_boundary"):
        limits = (p["low"] * scale, p["high"] * scale)
        how = {"redraw" if name == "normal_clipped" else "clip": limits}
        return Normal(p["mu"] * scale, p["sigma"] * scale, **how)
    msg = f"NativeRNG: spikelet draws from {_KNOWN}, not from {name!r}: use NumpyRNG for it"
    raise NotImplementedError(msg)


def index_pairs(rng: Any, n: int, n_pre: int, n_post: int) -> tuple[Ints, Ints]:
    """Return n sources and targets, as PyNN's connectors draw them: a source, a target, a source, ...

    NumPy's legacy generator takes a word of 32 bits for each, and another one while it is too large. Reading the words
    gives the same numbers as calls do, some fifty times faster.
    """
    if not isinstance(rng, NumpyRNG) or n_pre == 1 or n_post == 1:
        high = {"low": 0, "high": n_pre}
        targets = np.arange(n_post)
        drawn = [
            (rng.next(1, "uniform_int", high)[0], rng.choice(targets, size=1)[0]) for _ in range(n)
        ]
        pre, post = np.array(drawn, dtype=np.int64).reshape(n, 2).T
        return pre, post
    begin = rng.rng.get_state()
    masks = [np.uint32((1 << (size - 1).bit_length()) - 1) for size in (n_pre, n_post)]
    parts: list[tuple[Ints, Ints]] = []
    words: npt.NDArray[np.uint32] = np.zeros(0, np.uint32)
    have = taken = 0
    while have < n:
        words = np.concatenate(
            [
                words,
                rng.rng.randint(0, 2**32, size=4 * min(n - have, 1 << 20) + 64, dtype=np.uint32),
            ]
        )
        one, other = (words & mask for mask in masks)
        first, second, used = _in_turn(one < n_pre, other < n_post, n - have)
        parts.append((one[first].astype(np.int64), other[second].astype(np.int64)))
        have += len(first)
        taken += used
        words = words[used:]
    rng.rng.set_state(begin)
    for count in [1 << 22] * (taken >> 22) + [taken & ((1 << 22) - 1)]:
        rng.rng.randint(0, 2**32, size=count, dtype=np.uint32)
    return np.concatenate([p for p, _ in parts]), np.concatenate([p for _, p in parts])


def _in_turn(
    one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], most: int
) -> tuple[list[int], list[int], int]:
    """Return the places where in turn the next of one kind and the next of the other are, and where the last pair ends."""
    size = len(one)
    following = []
    for good in (one, other):
        place = np.where(good, np.arange(size), size)
        following.append([*np.minimum.accumulate(place[::-1])[::-1].tolist(), size])
    first, second = following
    ones: list[int] = []
    others: list[int] = []
    at = 0
    while len(ones) < most:
        i = first[at]
        j = second[i + 1] if i < size else size
        if j >= size:
            break
        ones.append(i)
        others.append(j)
        at = j + 1
    return ones, others, at
