"""Connection rules and distributions of weights and delays."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from spikelet import _core
from spikelet._util.checks import fail, integer, numbers, require
from spikelet._util.described import Described

__all__ = [
    "AllToAll",
    "Distribution",
    "Exponential",
    "FixedIndegree",
    "FixedOutdegree",
    "FixedProbability",
    "FixedTotalNumber",
    "LogNormal",
    "Normal",
    "OneToOne",
    "Rule",
    "Uniform",
]


def _require_kind(cls: type, what: str, way_out: str) -> None:
    """Check that a class, or a base of it, is something that the core has."""
    if not hasattr(cls, "kind"):
        msg = f"{cls.__name__}: the core has no such {what}; {way_out}"
        raise TypeError(msg)


@dataclass(frozen=True, kw_only=True)
class Rule(Described):
    """Base of all connection rules, which choose the connected pairs of two populations.

    Parameters
    ----------
    self_connections : bool
        Whether an element may connect to itself if pre and post are the same population.
    multapses : bool
        Whether a pair may be drawn more than once.
    """

    self_connections: bool = True
    multapses: bool = True

    kind: ClassVar[_core.ConnectionKind]

    def __post_init__(self) -> None:
        _require_kind(
            type(self),
            "connection rule",
            "derive it from one, or connect lists (pre_ids, post_ids)",
        )
        for argument in ("self_connections", "multapses"):
            value = getattr(self, argument)
            if not isinstance(value, (bool, np.bool_)):
                fail(type(self).__name__, argument, value, "must be True or False", error=TypeError)
            object.__setattr__(self, argument, bool(value))

    def to_core(self) -> _core.ConnectionRule:
        """Return the core's description."""
        return _core.ConnectionRule(self.kind, 0.0, 0, self.self_connections, self.multapses)


@dataclass(frozen=True)
class AllToAll(Rule):
    """Connect each element of pre with each element of post."""

    kind = _core.ConnectionKind.all_to_all


@dataclass(frozen=True)
class OneToOne(Rule):
    """Connect element i of pre with element i of post."""

    kind = _core.ConnectionKind.one_to_one


@dataclass(frozen=True)
class FixedProbability(Rule):
    """Connect each pair independently with probability p, at most once.

    Parameters
    ----------
    p : float
        Probability, in [0, 1].
    """

    p: float
    kind = _core.ConnectionKind.fixed_probability

    def __post_init__(self) -> None:
        super().__post_init__()
        p = numbers("FixedProbability", "p", self.p)
        if p.ndim:
            fail("FixedProbability", "p", self.p, "must be one number")
        if p >= 2 and float(p).is_integer():
            rule = f"must be in [0, 1]; a number of sources for each target is FixedIndegree({p:g})"
            fail("FixedProbability", "p", float(p), rule)
        require("FixedProbability", "p", p, "in [0, 1]")
        object.__setattr__(self, "p", float(p))

    def to_core(self) -> _core.ConnectionRule:
        """Return the core's description."""
        return _core.ConnectionRule(
            self.kind, float(self.p), 0, self.self_connections, self.multapses
        )


@dataclass(frozen=True)
class _Counted(Rule):
    number: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.number, float) and 0 < self.number < 1:
            rule = f"must be an integer; a probability is FixedProbability({self.number:g})"
            fail(type(self).__name__, "number", self.number, rule, error=TypeError)
        object.__setattr__(self, "number", integer(type(self).__name__, "number", self.number, 0))

    def to_core(self) -> _core.ConnectionRule:
        """Return the core's description."""
        return _core.ConnectionRule(
            self.kind, 0.0, self.number, self.self_connections, self.multapses
        )


@dataclass(frozen=True)
class FixedIndegree(_Counted):
    """Connect each element of post with the same number of sources, drawn uniformly.

    Parameters
    ----------
    number : int
        Synapses onto each target.
    """

    kind = _core.ConnectionKind.fixed_indegree


@dataclass(frozen=True)
class FixedOutdegree(_Counted):
    """Connect each element of pre with the same number of targets, drawn uniformly.

    Parameters
    ----------
    number : int
        Synapses from each source.
    """

    kind = _core.ConnectionKind.fixed_outdegree


@dataclass(frozen=True)
class FixedTotalNumber(_Counted):
    """Connect a given number of pairs, drawn uniformly.

    Parameters
    ----------
    number : int
        Total number of synapses.
    """

    kind = _core.ConnectionKind.fixed_total_number


@dataclass(frozen=True, kw_only=True)
class Distribution(Described):
    """Distribution of weights, delays or states. Draws are counter-based: they do not depend on threads or order.

    Parameters
    ----------
    clip : (float, float), optional
        Values outside are set to the nearer limit.
    redraw : (float, float), optional
        Values outside are drawn again.
    """

    clip: tuple[float, float] | None = None
    redraw: tuple[float, float] | None = None

    kind: ClassVar[_core.ValueKind]
    positive: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        _require_kind(type(self), "distribution", "derive it from one, or pass an array of values")
        name = type(self).__name__
        for parameter in self._parameters():
            value = numbers(name, parameter, getattr(self, parameter))
            if value.ndim:
                fail(name, parameter, getattr(self, parameter), "must be one number")
            require(name, parameter, value, ">= 0" if parameter in self.positive else "finite")
            object.__setattr__(self, parameter, float(value))
        if self.clip is not None and self.redraw is not None:
            fail(name, "clip and redraw", (self.clip, self.redraw), "exclude each other")
        for argument in ("clip", "redraw"):
            limits = getattr(self, argument)
            if limits is not None:
                pair = numbers(name, argument, limits)
                if pair.shape != (2,) or not pair[0] <= pair[1]:
                    fail(name, argument, limits, "must be (low, high) with low <= high")
                object.__setattr__(self, argument, (float(pair[0]), float(pair[1])))

    def __float__(self) -> float:
        """Raise TypeError, with the way out, where numbers are wanted: parameters of models take no distribution."""
        numpys, own = self.kind.name, ", ".join(f"{getattr(self, p):g}" for p in self._parameters())
        msg = f"states, weights and delays are drawn; for this, draw n numbers with rng.{numpys}({own}, n) of numpy"
        raise TypeError(msg)

    def _parameters(self) -> tuple[str, ...]:
        return tuple(f.name for f in fields(self) if f.name not in ("clip", "redraw"))

    def to_core(self) -> _core.ValueSpec:
        """Return the core's description."""
        a, b = [float(getattr(self, p)) for p in self._parameters()] + [0.0] * (
            2 - len(self._parameters())
        )
        limit = _core.ValueLimit.none
        low, high = 0.0, 0.0
        if self.clip is not None:
            limit, (low, high) = _core.ValueLimit.clip, self.clip
        elif self.redraw is not None:
            limit, (low, high) = _core.ValueLimit.redraw, self.redraw
        return _core.ValueSpec(self.kind, a, b, limit, float(low), float(high))


@dataclass(frozen=True)
class Normal(Distribution):
    """Normal distribution.

    Parameters
    ----------
    mean, std : float
        Mean and standard deviation.
    """

    mean: float
    std: float
    kind = _core.ValueKind.normal
    positive = ("std",)


@dataclass(frozen=True)
class LogNormal(Distribution):
    """Exponential of a normal variable.

    Parameters
    ----------
    mu, sigma : float
        Mean and standard deviation of the logarithm.
    """

    mu: float
    sigma: float
    kind = _core.ValueKind.lognormal
    positive = ("sigma",)


@dataclass(frozen=True)
class Uniform(Distribution):
    """Uniform distribution.

    Parameters
    ----------
    low, high : float
        Ends of the interval.
    """

    low: float
    high: float
    kind = _core.ValueKind.uniform

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low > self.high:
            fail("Uniform", "low", self.low, f"must not exceed high = {self.high!r}")


@dataclass(frozen=True)
class Exponential(Distribution):
    """Exponential distribution.

    Parameters
    ----------
    scale : float
        Mean.
    """

    scale: float
    kind = _core.ValueKind.exponential
    positive = ("scale",)


def as_spec(
    where: str, argument: str, value: Any, unit: str, grid: tuple[int, int] | None = None
) -> Distribution | np.ndarray[Any, np.dtype[np.float64]]:
    """Return a distribution unchanged, and numbers as a flat, finite array, or as a matrix of the shape `grid`."""
    if type(value) is float and math.isfinite(value):  # as most are
        return np.array([value])
    if isinstance(value, Distribution):
        return value
    array = numbers(where, argument, value, unit, 1 if grid is None else 2)
    if array.ndim == 2 and array.shape != grid:
        turned = grid is not None and array.shape == grid[::-1]
        transposed = " (transposed? rows are sources)" if turned else ""
        fail(where, argument, array.shape, f"must have the shape {grid}{transposed}", got="shape")
    require(where, argument, array, "finite")
    return array if array.ndim == 2 else array.reshape(-1)
