"""Recognise functions of one value that a module writes with comparisons, such as ``where(x > 0, x, slope * x)``."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import activation as act
from spikelet.conversion.torch.probes import NEAR, Formula, grid
from spikelet.conversion.torch.tracing import Step, Value, leaves, name_of
from spikelet.layers import Activation

__all__ = ["Piecewise", "piecewise"]

Floats = NDArray[np.float64]

_COMPARING = frozenset({"gt", "ge", "lt", "le", "eq", "ne", "greater", "greater_equal", "less", "less_equal", "sign", "sgn",
                        "not_equal"})  # fmt: skip
_JOINING = frozenset({"where", "mul", "multiply", "rmul", "masked_fill", "add", "radd", "sub", "subtract", "addcmul"})  # fmt: skip
_OF_EACH_VALUE = _COMPARING | _JOINING | {
    "rsub", "div", "divide", "true_divide", "rdiv", "rtruediv", "neg", "negative", "abs", "absolute", "exp", "expm1", "log",
    "log1p", "sigmoid", "tanh", "relu", "softplus", "elu", "pow", "square", "sqrt", "clamp", "clamp_min", "clamp_max",
    "hardtanh", "maximum", "minimum", "logical_not", "logical_and", "logical_or", "bitwise_not", "bitwise_and", "bitwise_or",
    "invert", "and", "or", "float", "double", "to", "to_copy", "type", "type_as", "clone", "alias", "detach",
}  # fmt: skip
_FARTHEST = 8  # operators from the first to the last one
_CONSTANTS = 1 << 14  # that differ; more would take long
_TOLERANCE = (
    1e-6  # relative, at least to the values near 0: constants may have been in single precision
)


@dataclass(frozen=True)
class Piecewise:
    """A function of each value, in place of the steps that compute it.

    Parameters
    ----------
    source : Value
        Its input.
    function : str
        "identity", "clip", or a name of `layers.Activation`.
    parameters : tuple
        Of the function; the slope of a leaky ReLU may be an array.
    """

    source: Value
    function: str
    parameters: tuple[Any, ...] = ()

    def layers(self, c: Call, x: Data) -> Data:
        """Add the layers that compute it."""
        if self.function == "identity":
            return x
        if self.function == "clip":
            return act.clip(c, x, *self.parameters)
        if self.function == "leaky_relu":
            return act.prelu(c, x, *self.parameters)
        return act.activation(c, x, self.function, *self.parameters)


def piecewise(step: Step) -> Piecewise | None:
    """Return the function that a step ends, if it is a known one of a single value and made with a comparison."""
    if step.kind not in _JOINING or not _compares(step):
        return None
    for source in _before(step):
        steps = _between(source, step)
        if steps is None or len(leaves_of(step.result)) != 1:
            continue
        found = _known(source, step, steps)
        if found is not None:
            return found
    return None


def leaves_of(result: Any) -> list[Any]:
    """Return the results of a step as a list."""
    return list(leaves(result))


def _compares(step: Step, left: int = _FARTHEST) -> bool:
    """Return whether there is a comparison shortly before a step."""
    if step.kind in _COMPARING:
        return True
    inner = [v.step for v in step.operands if v.step is not None]
    return left > 0 and step.kind in _OF_EACH_VALUE and any(_compares(s, left - 1) for s in inner)


def _before(step: Step) -> Iterator[Value]:
    """Yield the values before a step, the nearest first."""
    seen: dict[Value, None] = {}
    level = list(dict.fromkeys(step.operands))
    for _ in range(_FARTHEST):
        yield from (v for v in level if v.tensor.is_floating_point())
        seen.update(dict.fromkeys(level))
        level = list(dict.fromkeys(o for v in level if v.step for o in v.step.operands if o not in seen))  # fmt: skip


def _between(source: Value, last: Step) -> list[Step] | None:
    """Return the steps from a value to the last one, in order; None if they read another value, or change one in place."""
    found: dict[Step, None] = {}

    def visit(step: Step, left: int) -> bool:
        if step in found:
            return True
        named = name_of(step.function)
        in_place = named.endswith("_") and not named.endswith("__")
        if not left or step.kind not in _OF_EACH_VALUE or in_place or step.is_whole:
            return False
        for value in step.operands:
            if value is not source and (value.step is None or not visit(value.step, left - 1)):
                return False
        found[step] = None
        return True

    return list(found) if visit(last, _FARTHEST) else None


def _known(source: Value, last: Step, steps: list[Step]) -> Piecewise | None:
    """Return the known function with the values that the steps give."""
    formula = Formula(source, steps)
    if last.result.shape != source.shape or np.prod(formula.shape) > _CONSTANTS:
        return None
    numbers = [v for v in formula.numbers if np.isfinite(v)]
    x = grid(numbers).reshape(-1, *[1] * len(source.shape))
    slope = -formula.of(np.full_like(x[:1], -1.0))[0]
    y = formula.of(x)
    has_infinite = len(numbers) < len(formula.numbers)
    best, found = np.inf, None
    for function, *parameters in _candidates(slope, numbers):
        miss = _miss(x, y, _values(function, parameters, x), has_infinite)
        if miss < best:
            best, found = miss, (function, *parameters)
    if found is None or best > 1:
        return None
    function, *parameters = found
    x = formula.jumps(x)
    if _miss(x, formula.of(x), _values(function, parameters, x), has_infinite) > 1:
        return None
    if function == "leaky_relu":
        parameters = [_slopes(slope, source.shape)]
    return Piecewise(source, function, tuple(parameters))


def _miss(x: Floats, y: Floats, values: Floats, has_infinite: bool) -> float:
    """Return by how much a function misses the values y of a formula, as a multiple of the tolerance."""
    if not y.size:
        return 0.0
    # A formula may overflow far away where the function does not, unless infinity is one of its values.
    overflown = ~np.isfinite(y) & (np.abs(x) > NEAR) & (not has_infinite)
    near = np.abs(np.where(np.isfinite(y) & (np.abs(x) <= NEAR), y, 0))
    size = min(1.0, float(near.max()) or 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        # The identity is what a guard against small values leaves: an absolute bound would lose the guard.
        bound = _TOLERANCE * np.maximum(np.abs(values), 0 if values is x else size)
        miss = np.abs(y - values) / np.maximum(bound, np.finfo(float).tiny)
    return float(np.where(overflown, 0, np.nan_to_num(miss, nan=np.inf)).max())


def _candidates(slope: Floats, numbers: list[float]) -> Iterator[tuple[Any, ...]]:
    """Yield names of known functions with parameters among the numbers of the formula."""
    positive = [v for v in numbers if v > 0] or [1.0]
    pairs = list(itertools.product(numbers, numbers))
    bounds = dict.fromkeys((0.0, *numbers))
    yield ("identity",)
    yield from (("clip", low, None) for low in bounds)
    yield from (("clip", None, high) for high in bounds)
    yield from (
        ("clip", low, high) for low, high in itertools.product(bounds, bounds) if low < high
    )
    yield "leaky_relu", slope
    for name in ("celu", "elu", "softshrink", "hardshrink"):
        yield from ((name, alpha) for alpha in dict.fromkeys((1.0, *positive)))
    yield from (("softplus", b, t) for b in dict.fromkeys((1.0, *positive)) for t in positive)
    yield from (("threshold", *pair) for pair in pairs)
    yield from (("selu", *pair) for pair in pairs)


def _values(function: str, parameters: Sequence[Any], x: Floats) -> Floats:
    if function == "identity":
        return x
    if function == "clip":
        low, high = parameters
        return np.clip(x, -np.inf if low is None else low, np.inf if high is None else high)
    with np.errstate(over="ignore", invalid="ignore"):
        if function == "leaky_relu":
            return np.where(x > 0, x, x * parameters[0])
        found = Activation(function, *parameters).of(x.reshape(1, 1, -1))
    return np.asarray(found).reshape(x.shape)


def _slopes(slope: Floats, shape: tuple[int, ...]) -> Any:
    """Return one slope, or one for each channel."""
    if slope.size == 1:
        return float(slope.flat[0])
    return slope.ravel() if slope.size == slope.shape[1] else np.broadcast_to(slope, shape)
