"""Space: positions of neurons, connection by distance, and weights and delays that depend on it.

Positions, extents and distances have one unit of length, whichever the user takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, integer, numbers, own, require, scalar
from spikelet._util.described import Described
from spikelet._util.spelling import suggestion
from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import Name
from spikelet.neurons.equations.reading import Scope, to_expression
from spikelet.neurons.equations.source import Source
from spikelet.neurons.equations.text import read_expression
from spikelet.rules import Distribution, Uniform

Floats: TypeAlias = npt.NDArray[np.float64]
Draw: TypeAlias = Callable[[Distribution, int], Floats]

_MOST = 3  # dimensions
_SHAPES: dict[str, Callable[[Floats], Floats]] = {  # of distance / scale
    "gaussian": lambda x: np.exp(-0.5 * x * x),
    "exponential": lambda x: np.exp(-x),
    "linear": lambda x: np.maximum(0.0, 1.0 - x),
}


def _vector(where: str, argument: str, value: Any, dimensions: int) -> Floats:
    """Return one finite number for each dimension; a single one counts for all."""
    array = numbers(where, argument, value)
    if array.ndim and len(array) != dimensions:
        fail(where, argument, value, f"must be one number or {dimensions} numbers")
    require(where, argument, array, "finite")
    return np.broadcast_to(array, (dimensions,)).astype(np.float64)


def _periodic(where: str, value: Any, dimensions: int) -> tuple[bool, ...]:
    array = np.asarray(value)
    if array.dtype != np.bool_ or array.shape not in ((), (dimensions,)):
        rule = f"must be True or False, or one of them for each of the {dimensions} dimensions"
        fail(where, "periodic", value, rule, error=TypeError)
    return tuple(bool(x) for x in np.broadcast_to(array, (dimensions,)))


@dataclass(frozen=True, eq=False)
class Positions(Described):
    """Positions of the elements of a population, in one, two or three dimensions.

    Parameters
    ----------
    coordinates : array-like, [n, dimensions] or [n]
        Coordinates.
    extent : float or array-like, [dimensions], optional
        Size of the space in each dimension; required for periodic ones.
    periodic : bool or sequence of bool
        Whether opposite edges meet, so that distances are those of the nearest images.
    """

    coordinates: Any
    extent: Any = None
    periodic: Any = False

    def __post_init__(self) -> None:
        where = "Positions"
        array = numbers(where, "coordinates", self.coordinates, "", 2)
        array = array.reshape(-1, 1) if array.ndim < 2 else array
        if not 1 <= array.shape[1] <= _MOST:
            rule = f"must be [n, dimensions] with 1 to {_MOST} dimensions"
            fail(where, "coordinates", array.shape, rule, got="shape")
        require(where, "coordinates", array, "finite")
        dimensions = array.shape[1]
        periodic = _periodic(where, self.periodic, dimensions)
        if self.extent is None:
            if any(periodic):
                fail(where, "extent", None, "must be given where space is periodic")
            extent = None
        else:
            extent = _vector(where, "extent", self.extent, dimensions)
            require(where, "extent", extent, "> 0")
            extent = own(extent)
        for name, value in (
            ("coordinates", own(array)),
            ("extent", extent),
            ("periodic", periodic),
        ):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Return the number of elements."""
        return len(self.coordinates)

    @property
    def dimensions(self) -> int:
        """Number of dimensions."""
        return int(self.coordinates.shape[1])

    def placed(self, where: str, n: int, _draw: Draw) -> Positions:
        """Return the positions of n elements."""
        if len(self) != n:
            rule = f"must be [{n}, dimensions], one for each element"
            fail(where, "positions", self.coordinates.shape, rule, got="shape")
        return self


@dataclass(frozen=True)
class Grid(Described):
    """Elements on a regular grid, in the middle of its cells; the last axis varies fastest, as in numpy.

    Parameters
    ----------
    shape : int or sequence of int, [dimensions]
        Number of elements along each axis; the population has their product.
    extent : float or sequence of float, [dimensions]
        Size of the grid.
    center : float or sequence of float, [dimensions]
        Where its centre lies.
    periodic : bool or sequence of bool, [dimensions]
        Whether opposite edges meet.
    """

    shape: Any
    extent: Any = 1.0
    center: Any = 0.0
    periodic: Any = False

    def __post_init__(self) -> None:
        sizes = self.shape if np.ndim(self.shape) else (self.shape,)
        shape = tuple(integer("Grid", "shape", k, 1, 2**32 - 1024) for k in sizes)
        if not 1 <= len(shape) <= _MOST:
            fail("Grid", "shape", self.shape, f"must have 1 to {_MOST} dimensions")
        extent = _vector("Grid", "extent", self.extent, len(shape))
        require("Grid", "extent", extent, "> 0")
        center = _vector("Grid", "center", self.center, len(shape))
        given = (
            ("shape", shape),
            ("extent", tuple(extent.tolist())),
            ("center", tuple(center.tolist())),
        )
        for name, value in (*given, ("periodic", _periodic("Grid", self.periodic, len(shape)))):
            object.__setattr__(self, name, value)

    def placed(self, where: str, n: int, _draw: Draw) -> Positions:
        """Return the positions of n elements."""
        count = math.prod(self.shape)
        if count != n:
            rule = f"must have as many places as the population has elements, {n}"
            fail(where, "positions", self, f"{rule}; it has {count}")
        axes = [
            at + size * ((np.arange(k) + 0.5) / k - 0.5)
            for k, size, at in zip(self.shape, self.extent, self.center, strict=True)
        ]
        mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        return Positions(mesh.reshape(n, len(self.shape)), self.extent, self.periodic)


@dataclass(frozen=True)
class Free(Described):
    """Elements anywhere: uniformly within a box, or drawn from a distribution.

    Parameters
    ----------
    extent : float or sequence of float, [dimensions]
        Size of the box; the number of its sizes is that of dimensions. Default: a unit square.
    center : float or sequence of float, [dimensions]
        Where its centre lies.
    periodic : bool or sequence of bool, [dimensions]
        Whether opposite edges meet.
    distribution : Distribution, optional
        Distribution of each coordinate's distance from the centre, instead of a uniform one within the extent.
    """

    extent: Any = (1.0, 1.0)
    center: Any = 0.0
    periodic: Any = False
    distribution: Distribution | None = None

    def __post_init__(self) -> None:
        extent = np.atleast_1d(numbers("Free", "extent", self.extent))
        if not 1 <= len(extent) <= _MOST:
            fail("Free", "extent", self.extent, f"must have 1 to {_MOST} dimensions")
        require("Free", "extent", extent, "> 0")
        if self.distribution is not None and not isinstance(self.distribution, Distribution):
            rule = "must be a distribution, such as sl.Normal(0.0, 0.2)"
            fail("Free", "distribution", self.distribution, rule, error=TypeError)
        center = _vector("Free", "center", self.center, len(extent))
        given = ("extent", tuple(extent.tolist())), ("center", tuple(center.tolist()))
        for name, value in (*given, ("periodic", _periodic("Free", self.periodic, len(extent)))):
            object.__setattr__(self, name, value)

    def placed(self, _where: str, n: int, draw: Draw) -> Positions:
        """Return the positions of n elements."""
        columns = [
            at + draw(self.distribution or Uniform(-size / 2, size / 2), n)
            for size, at in zip(self.extent, self.center, strict=True)
        ]
        return Positions(np.stack(columns, axis=1), self.extent, self.periodic)


def formula(where: str, text: str) -> Callable[[dict[str, Floats]], Floats]:
    """Return an expression of d, dx, dy and dz as a function of their values."""
    tree = read_expression(Source.of(where, "profile", text))
    expr = to_expression(tree, Scope({name: Name(name) for name in ("d", "dx", "dy", "dz")}))

    def value(values: dict[str, Floats]) -> Floats:
        absent = sorted(expr.names - values.keys())
        if absent:
            rule = f"must not depend on {absent[0]}: positions have no such dimension"
            fail(where, "profile", text, rule)
        return np.asarray(evaluate(expr, values), dtype=np.float64)

    return value


@dataclass(frozen=True)
class Profile(Described):
    """A function of the distance d between two elements.

    Parameters
    ----------
    profile : str or callable
        "gaussian", exp(-d^2 / (2 scale^2)); "exponential", exp(-d / scale); "linear", max(0, 1 - d / scale);
        an expression of d and of the displacement dx, dy, dz from source to target, such as ``"0.1 + 0.2*d"`` or
        ``"0.5 if abs(dx) < 0.1 else 0"``; or a function that maps an array of distances to an array.
    scale : float, optional
        Length of a named profile, > 0.
    factor : float
        Factor of the profile.
    """

    profile: str | Callable[[Floats], Any]
    scale: float | None = None
    factor: float = 1.0

    def __post_init__(self) -> None:
        where = type(self).__name__
        named = isinstance(self.profile, str) and self.profile in _SHAPES
        if not (isinstance(self.profile, str) or callable(self.profile)):
            rule = "must be a name, an expression of d, or a function of an array of distances"
            fail(where, "profile", self.profile, rule, error=TypeError)
        if named:
            if self.scale is None:
                fail(where, "scale", None, f'must be given with "{self.profile}"')
            object.__setattr__(self, "scale", scalar(where, "scale", self.scale, "> 0"))
        elif self.scale is not None:
            if isinstance(self.profile, str) and self.profile.isidentifier():
                near = suggestion(self.profile, _SHAPES)
                rule = (
                    f"must be one of {', '.join(_SHAPES)}, or an expression without a scale{near}"
                )
                fail(where, "profile", self.profile, rule)
            rule = f"is for profiles with a name only ({', '.join(_SHAPES)}); write it into the expression"
            fail(where, "scale", self.scale, rule)
        object.__setattr__(self, "factor", scalar(where, "factor", self.factor, "finite"))
        if isinstance(self.profile, str) and not named:
            formula(where, self.profile)

    def of(self, distance: Floats, displacement: list[Floats]) -> Floats:
        """Return the values at given distances, and displacements by dimension."""
        if callable(self.profile):
            where = type(self).__name__
            given = numbers(where, "profile", self.profile(distance), "", 1, nan=True)
            if given.shape not in ((), distance.shape):
                rule = (
                    f"must return one number for each distance, an array of shape {distance.shape}"
                )
                fail(where, "profile", given.shape, rule, got="shape")
            return np.broadcast_to(given, distance.shape) * self.factor
        if self.profile in _SHAPES:
            assert self.scale is not None
            return np.asarray(_SHAPES[self.profile](distance / self.scale) * self.factor)
        names = dict(zip(("dx", "dy", "dz"), displacement, strict=False))
        values = formula(type(self).__name__, self.profile)({"d": distance, **names})
        return np.broadcast_to(values, distance.shape) * self.factor


@dataclass(frozen=True)
class ByDistance(Profile):
    """A weight or a delay that depends on the distance of source and target.

    Parameters
    ----------
    profile, scale, factor
        As in `Profile`: ``sl.ByDistance("0.1 + 0.2*d")``, ``sl.ByDistance("gaussian", scale=0.1, factor=30.0)``.
    clip : (float, float), optional
        Values outside are set to the nearer limit.
    """

    clip: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clip is not None:
            pair = numbers("ByDistance", "clip", self.clip)
            if pair.shape != (2,) or not pair[0] <= pair[1]:
                fail("ByDistance", "clip", self.clip, "must be (low, high) with low <= high")
            object.__setattr__(self, "clip", (float(pair[0]), float(pair[1])))

    def of(self, distance: Floats, displacement: list[Floats]) -> Floats:
        """Return the values at given distances, and displacements by dimension."""
        values = super().of(distance, displacement)
        return values if self.clip is None else np.clip(values, *self.clip)


@dataclass(frozen=True)
class DistanceDependent(Profile):
    """Connect pairs with a probability that depends on their distance.

    Parameters
    ----------
    profile, scale, factor
        The probability, in [0, 1], as in `Profile`: ``sl.DistanceDependent("gaussian", scale=0.1)``. With `indegree`
        or `outdegree`, a weight >= 0 to which probabilities are proportional.
    cutoff : float, optional
        Distance beyond which nothing is connected. With a cutoff, only neighbours are compared.
    inner : float
        Distance below which nothing is connected.
    box : (array-like, array-like), optional
        Least and greatest displacement from source to target in each dimension: ``((-0.2, -0.1), (0.2, 0.1))``.
    indegree, outdegree : int, optional
        Connect each target with this number of sources, or each source with this number of targets, instead of each
        pair independently.
    self_connections : bool
        Whether an element may connect to itself.
    multapses : bool
        Whether a pair may be drawn more than once, with `indegree` or `outdegree`.

    Notes
    -----
    NEST: pairwise_bernoulli with a spatial distribution and a mask; fixed_indegree, fixed_outdegree with them.
    """

    profile: str | Callable[[Floats], Any] = "1.0"
    cutoff: float | None = None
    inner: float = 0.0
    box: Any = None
    indegree: int | None = None
    outdegree: int | None = None
    self_connections: bool = True
    multapses: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        where = "DistanceDependent"
        if self.cutoff is not None:
            object.__setattr__(self, "cutoff", scalar(where, "cutoff", self.cutoff, "> 0"))
        object.__setattr__(self, "inner", scalar(where, "inner", self.inner, ">= 0"))
        if self.box is not None:
            box = numbers(where, "box", self.box, "", 2)
            box = box.reshape(2, 1) if box.shape == (2,) else box
            if box.ndim != 2 or len(box) != 2 or (box[0] > box[1]).any():
                rule = "must be (least, greatest) displacements, each with one number for each dimension"
                fail(where, "box", self.box, rule)
            object.__setattr__(self, "box", (tuple(box[0].tolist()), tuple(box[1].tolist())))
        for name in ("indegree", "outdegree"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, integer(where, name, getattr(self, name), 0))
        if self.indegree is not None and self.outdegree is not None:
            given = (self.indegree, self.outdegree)
            fail(where, "indegree and outdegree", given, "exclude each other")
        for name in ("self_connections", "multapses"):
            value = getattr(self, name)
            if not isinstance(value, (bool, np.bool_)):
                fail(where, name, value, "must be True or False", error=TypeError)

    def chances(self, distance: Floats, displacement: list[Floats]) -> Floats:
        """Return probabilities, or weights >= 0 for fixed degrees, after a check."""
        values = self.of(distance, displacement)
        fixed = self.indegree is not None or self.outdegree is not None
        bad = ~((values >= 0) & (values <= (np.finfo(float).max if fixed else 1.0)))
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            most = "a weight >= 0" if fixed else "a probability in [0, 1]"
            rule = f"must give {most}, also at distance {distance[at]:g}"
            fail("DistanceDependent", "profile", float(values[at]), rule)
        return values
