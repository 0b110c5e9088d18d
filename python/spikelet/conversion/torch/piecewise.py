"""Recognise functions of one value that a module writes with comparisons, such as ``where(x > 0, x, slope * x)``."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import activation as act
from spikelet.conversion.torch.tracing import Step, Value, leaves, mapped, name_of
from spikelet.layers import Activation

__all__ = ["Piecewise", "piecewise"]

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
# Where the functions bend, and far away, where bounds may lie.
_NEAR, _FAR = 12.0, np.geomspace(12.5, 1e4, 50)
_GRID = np.concatenate([-_FAR[::-1], np.linspace(-_NEAR, _NEAR, 1200), _FAR])  # 0 is not in it
_TOLERANCE = 1e-6  # relative, at least to 1: constants may have been in single precision


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


def _run(source: Value, steps: list[Step], x: torch.Tensor) -> NDArray[np.float64]:
    """Return the result of the steps for another input."""
    made: dict[Value, torch.Tensor] = {source: x}
    for step in steps:
        args, kwargs = mapped(
            lambda a: made[a] if isinstance(a, Value) else a, (step.args, step.kwargs)
        )
        made[step.result] = step.function(*args, **kwargs)
    return np.asarray(made[steps[-1].result].double().numpy())


def _known(source: Value, last: Step, steps: list[Step]) -> Piecewise | None:
    """Return the known function with the values that the steps give."""
    shape = source.shape
    if last.result.shape != shape:
        return None
    runs = -(-len(_GRID) // int(np.prod(shape)))
    order = np.random.default_rng(0).permutation(np.resize(_GRID, runs * int(np.prod(shape))))
    x = order.reshape(runs, *shape)
    y = np.stack([_run(source, steps, torch.from_numpy(part)) for part in x])
    # A formula may overflow far away where the function does not.
    overflown = ~np.isfinite(y) & (np.abs(x) > _NEAR)
    slope = -_run(source, steps, torch.full(shape, -1.0, dtype=torch.float64))
    for function, parameters, values in _candidates(x, slope, _constants(steps)):
        close = np.abs(y - values) <= _TOLERANCE * np.maximum(np.abs(values), 1)
        if (close | overflown).all():
            return Piecewise(source, function, parameters)
    return None


def _constants(steps: list[Step]) -> list[float]:
    """Return the numbers among the arguments of the steps, and their reciprocals."""
    found: dict[float, None] = {}
    for a in leaves([(step.args, step.kwargs) for step in steps]):
        single = isinstance(a, torch.Tensor) and a.numel() == 1
        if (isinstance(a, (int, float)) and not isinstance(a, bool)) or single:
            number = float(a)
            found.update(dict.fromkeys([number, *([1 / number] if number else [])]))
    return [v for v in found if np.isfinite(v)]


def _candidates(
    x: NDArray[np.float64], slope: NDArray[np.float64], numbers: list[float]
) -> Iterator[tuple[str, tuple[Any, ...], NDArray[np.float64]]]:
    """Yield known functions with parameters among the numbers of the formula, and their values."""
    positive = [v for v in numbers if v > 0] or [1.0]
    pairs = list(itertools.product(numbers, numbers))
    yield "identity", (), x
    for low in (0.0, *numbers):
        yield "clip", (low, None), np.maximum(x, low)
    for high in (0.0, *numbers):
        yield "clip", (None, high), np.minimum(x, high)
    for low, high in itertools.product({0.0, *numbers}, {0.0, *numbers}):
        if low < high:
            yield "clip", (low, high), np.clip(x, low, high)
    yield "leaky_relu", (_slopes(slope),), np.where(x > 0, x, x * slope)
    with np.errstate(over="ignore"):
        for name in ("celu", "elu", "softshrink", "hardshrink"):
            for alpha in {1.0, *positive}:
                yield name, (alpha,), _of(name, x, alpha)
        for name, given in (("softplus", [(b, t) for b in {1.0, *positive} for t in positive]), ("threshold", pairs),
                            ("selu", pairs)):  # fmt: skip
            for alpha, beta in given:
                yield name, (alpha, beta), _of(name, x, alpha, beta)


def _of(name: str, x: NDArray[np.float64], *parameters: float) -> NDArray[np.float64]:
    return np.asarray(Activation(name, *parameters).of(x.reshape(1, 1, -1))).reshape(x.shape)


def _slopes(slope: NDArray[np.float64]) -> Any:
    """Return one slope, or one for each channel."""
    first = slope.flat[0]
    if (slope == first).all():
        return float(first)
    channels = np.moveaxis(slope, 1, 0).reshape(slope.shape[1], -1)
    return channels[:, 0] if (channels == channels[:, :1]).all() else slope
