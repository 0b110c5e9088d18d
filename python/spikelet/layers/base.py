"""The base class of layers, and checks of their parameters.

A layer declares each parameter once, as a field with its check: ``stride: Any = checked(sizes, AXES, 1, default=1)``.
"""

from __future__ import annotations

import dataclasses
import mmap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any, ClassVar, Self, cast, dataclass_transform

import numpy as np
from numpy.typing import ArrayLike

from spikelet._util.checks import fail, integer, numbers, require
from spikelet._util.described import Described
from spikelet._util.tensors import detached
from spikelet.layers.views import MAX_LENGTH, Floats, Shape, View, Views

MAX_SIZE = 1 << 16  # of kernels, strides and factors
MAX_RANK = 16  # of samples
AXES = object()  # in the rule of a check: the number of axes of a `Spatial` layer
_AXES = {
    1: ("length",),
    2: ("vertical", "horizontal"),
    3: ("depth", "vertical", "horizontal"),
}
_NAMES = {
    1: {"kernel": "kernel length", "axes": "(length,)", "sides": "(left, right)"},
    2: {
        "kernel": "kernel height, kernel width",
        "axes": "(vertical, horizontal)",
        "sides": "(top, bottom, left, right)",
    },
    3: {
        "kernel": "kernel depth, kernel height, kernel width",
        "axes": "(depth, vertical, horizontal)",
        "sides": "(front, back, top, bottom, left, right)",
    },
}


def per_value(
    where: str, argument: str, value: Any, rule: str, dimensions: int = MAX_RANK
) -> float | Floats:
    """Return a number, or an array with a value for each channel or for each value of a sample."""
    array = numbers(where, argument, detached(where, argument, value), dimensions=dimensions)
    if rule:
        require(where, argument, array.ravel(), rule)
    return np.array(array) if array.ndim else float(array)


def per_channel(where: str, argument: str, value: Any, rule: str) -> float | Floats:
    """Return a number, or an array with a value for each channel."""
    found = per_value(where, argument, value, rule, 1)
    if np.size(found) == 0:
        fail(where, argument, np.shape(found), "must not be empty", got="shape")
    return found


def by_step(where: str, argument: str, value: Any, rule: str) -> Floats:
    """Return an array with a value for each step, or for each step and channel."""
    found = per_value(where, argument, value, rule, 2)
    if np.ndim(found) == 0 or np.size(found) == 0:
        rule = "must be [steps] or [steps, channels]"
        fail(where, argument, np.shape(found), rule, got="shape")
    return cast(Floats, found)


def checked(
    check: Callable[..., Any], *rule: Any, default: Any = MISSING, kw_only: Any = MISSING
) -> Any:
    """Return a dataclass field whose values are what ``check(where, name, value, *rule)`` makes of them.

    None is not checked if it is the default.
    """
    metadata = {"check": check, "rule": rule}
    return dataclasses.field(default=default, kw_only=kw_only, metadata=metadata)


@dataclass_transform(
    frozen_default=True, eq_default=False, field_specifiers=(checked, dataclasses.field)
)
@dataclass(frozen=True, eq=False, repr=False)
class Layer(Described):
    """Base class of all layers; a derived class is a dataclass, too."""

    # A layer is a place in a model, not a value.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    inputs: ClassVar[int | None] = 1  # number of inputs; None: `fewest` or more
    fewest: ClassVar[int] = 2
    per_value: ClassVar[tuple[str, ...]] = ()  # parameters that may differ between values

    def __init_subclass__(cls, *, kw_only: bool = False) -> None:
        super().__init_subclass__()
        dataclass(frozen=True, eq=False, repr=False, kw_only=kw_only)(cls)
        cls.per_value = cls._fields_with(per_value)

    @classmethod
    def _fields_with(cls, check: Callable[..., Any]) -> tuple[str, ...]:
        """Return the names of the parameters that have this check."""
        found = dataclasses.fields(cls)
        return tuple(f.name for f in found if f.metadata.get("check") is check)

    def __post_init__(self) -> None:
        """Check the parameters one by one; derived classes then check how they fit together."""
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if f.metadata and not (value is None and f.default is None):
                rule = [getattr(self, "axes", None) if r is AXES else r for r in f.metadata["rule"]]
                self._set(f.name, f.metadata["check"](self._name(), f.name, value, *rule))

    def output_shape(self, shapes: Sequence[Shape], name: str = "") -> Shape:
        """Return the output shape of this layer for one sample.

        Parameters
        ----------
        shapes : sequence of tuple of int
            Shapes of the inputs.
        name : str
            Name of the layer in its model, for error messages.

        Raises
        ------
        ValueError
            If the layer cannot take these inputs.
        """
        where = f"{type(self).__name__} '{name}'" if name else type(self).__name__
        if self.inputs is not None and len(shapes) != self.inputs:
            fail(where, "inputs", len(shapes), f"must be {self.inputs}")
        if self.inputs is None and len(shapes) < self.fewest:
            fail(where, "inputs", len(shapes), f"must be at least {self.fewest}")
        return self._shape(where, [tuple(s) for s in shapes])

    @property
    def waits(self) -> bool:
        """True if the output at a step depends on the mean of the input over several steps."""
        return False

    def add_to(self, views: Views, shape: Shape, *inputs: View) -> View:
        """Add the layer to the core's graph.

        Parameters
        ----------
        views : Views
        shape : tuple of int
            Shape of its output.
        *inputs : View

        Returns
        -------
        View
            Its output.
        """
        made: View = self._add(views, shape, *inputs)
        return made

    def _add(self, views: Views, *_given: Any, **_options: Any) -> Any:
        way_out = "build the model from the layers of sl.layers"
        msg = f"SpikingModel: layer '{views.layer}': the core has no {self._name()}; {way_out}"
        raise TypeError(msg)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        self._check_fit(where, shapes[0])
        return shapes[0]

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some parameters changed."""
        return dataclasses.replace(self, **changes)

    def __copy__(self) -> Self:
        """Return the layer itself, which cannot change."""
        return self

    def __deepcopy__(self, _memo: Any) -> Self:
        """Return the layer itself, which cannot change."""
        return self

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Take the parameters of a pickled layer; arrays become read-only again."""
        for name, value in state.items():
            self._set(name, value)

    def _name(self) -> str:
        return type(self).__name__

    def _check_fit(self, where: str, shape: Shape) -> None:
        """Check that parameters by channel, by value or by step fit an input of this shape."""
        for f in dataclasses.fields(self):
            given, check = np.shape(getattr(self, f.name)), f.metadata.get("check")
            if check is per_value and given not in ((), shape[:1], shape):
                rule = f"must be one number, or have the shape ({shape[0]},) or {shape}"
                fail(where, f.name, given, rule, got="shape")
            if check is per_channel and given not in ((), shape[:1]):
                fail(where, f.name, given, f"must be one number or {shape[0]} numbers", got="shape")
            if check is by_step and given[1:] not in ((), shape[:1]):
                fail(where, f.name, given, f"must be [steps] or [steps, {shape[0]}]", got="shape")

    def _set(self, name: str, value: Any) -> None:
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        shown = []
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if isinstance(value, np.ndarray) and value.ndim == 0:
                value = value.item()
            if isinstance(value, np.ndarray):
                shown.append(f"{f.name}={'x'.join(map(str, value.shape))} array")
            elif value is not None and not (f.default is not MISSING and value == f.default):
                shown.append(f"{f.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


class Spatial(Layer):
    """Base class of layers of sequences, images and volumes.

    A subclass with ``axes=2`` is one of images: its parameters are those of its base, and so is their description.
    """

    axes: ClassVar[int]
    _PARAMETERS: ClassVar[str] = ""  # of the docstring, with {kernel}, {axes} and {sides}

    def __init_subclass__(cls, *, axes: int | None = None) -> None:
        super().__init_subclass__()
        if axes is not None:
            cls.axes = axes
            cls.__doc__ = (cls.__doc__ or "") + cls._PARAMETERS.format(**_NAMES[axes])


def finite_array(
    where: str, argument: str, value: ArrayLike, dimensions: int | None = None
) -> Floats:
    """Return a non-empty array of finite numbers, with exactly `dimensions` dimensions if they are given.

    It is a copy in double precision, or the array itself if it holds weights in single precision that cannot change.
    """
    value = detached(where, argument, value)
    if dimensions is not None and dimensions > 1 and _is_frozen(value):
        kept: Any = value
        if kept.ndim == dimensions and kept.size and np.isfinite(kept).all():
            return cast(Floats, kept)
    array = numbers(where, argument, value, dimensions=dimensions or MAX_RANK)
    if dimensions is not None and array.ndim != dimensions:
        fail(
            where,
            argument,
            array.shape,
            f"must have {dimensions} dimension{'s' * (dimensions > 1)}",
            got="shape",
        )
    if array.size == 0:
        fail(where, argument, array.shape, "must not be empty", got="shape")
    require(where, argument, array.ravel(), "finite")
    return np.array(array)


def _is_frozen(value: Any) -> bool:
    """Return whether a value is an array of single precision that nobody can write to, such as one of a mapped file."""
    if type(value) is not np.ndarray or value.dtype != np.float32 or not value.flags.c_contiguous:
        return False
    owner: Any = value
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    return isinstance(owner, (bytes, mmap.mmap)) and memoryview(owner).readonly


def kernels(where: str, argument: str, value: ArrayLike, axes: int) -> Floats:
    """Return the weights of a convolution along `axes` axes."""
    return finite_array(where, argument, value, axes + 2)


def check_bias(where: str, bias: Floats | None, n: int) -> None:
    """Check that there is a value for each of n outputs, or that there is no bias."""
    if bias is not None and bias.shape != (n,):
        fail(where, "bias", bias.shape, f"must have one value for each of {n} outputs", got="shape")


def integers(
    where: str, argument: str, value: Any, low: int, high: int = MAX_LENGTH
) -> tuple[int, ...]:
    """Return integers in [low, high], given as a sequence."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        fail(where, argument, value, "must be a sequence of integers", error=TypeError)
    if len(value) > MAX_RANK:
        fail(where, argument, len(value), f"must have at most {MAX_RANK} entries", got="length")
    return tuple(integer(where, argument, v, low, high) for v in value)


def sizes(
    where: str, argument: str, value: Any, axes: int, low: int, high: int = MAX_SIZE
) -> tuple[int, ...]:
    """Return one integer for each of the last `axes` axes, all at least `low`; a single one stands for all."""
    if isinstance(value, (tuple, list)):
        given = tuple(integer(where, argument, v, low, high) for v in value)
        if len(given) != axes:
            rule = f"must be one integer or {axes} ({', '.join(_AXES[axes])})"
            fail(where, argument, value, rule)
        return given
    return (integer(where, argument, value, low, high),) * axes


def sides(where: str, argument: str, value: Any, axes: int) -> tuple[int, ...]:
    """Return the padding before and after each of the last `axes` axes, in turn."""
    if isinstance(value, (tuple, list)) and len(value) == 2 * axes:
        return tuple(integer(where, argument, p, 0, MAX_SIZE) for p in value)
    if isinstance(value, (tuple, list)) and len(value) != axes:
        names = f"({', '.join(_AXES[axes])})"
        fail(where, argument, value, f"must be one integer, {names} or {_NAMES[axes]['sides']}")
    return tuple(p for p in sizes(where, argument, value, axes, 0) for _ in range(2))


def axis_of(where: str, argument: str, axis: int, dimensions: int) -> int:
    """Return an axis of a sample counted from its first one."""
    if not -dimensions <= axis < dimensions:
        rule = f"must lie in {-dimensions} .. {dimensions - 1} for a sample of {dimensions} axes"
        fail(where, argument, axis, rule)
    return axis % dimensions


def axes_of(where: str, argument: str, axes: Sequence[int], dimensions: int) -> tuple[int, ...]:
    """Return different axes of a sample, sorted."""
    found = sorted({axis_of(where, argument, axis, dimensions) for axis in axes})
    if len(found) != len(axes):
        fail(where, argument, tuple(axes), "must name different axes")
    return tuple(found)


def broadcast(where: str, shapes: Sequence[Shape]) -> Shape:
    """Return the common shape of inputs that may have size 1, or no axis, where others are larger."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        rule = "must be equal, or 1 where they differ"
        fail(where, "input shapes", tuple(shapes), rule)


def volume_shape(where: str, shape: Shape, axes: int) -> Shape:
    """Check that a shape is that of channels and `axes` spatial axes, and return it."""
    if len(shape) != axes + 1:
        names = {1: "length", 2: "height, width", 3: "depth, height, width"}[axes]
        fail(where, "input shape", shape, f"must be (channels, {names})")
    return shape


def count_windows(
    where: str, n: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int = 1
) -> int:
    """Return the number of windows that fit into n elements with their padding."""
    span = n + sum(padding) - dilation * (kernel - 1) - 1
    if span < 0:
        fail(
            where, "input size", n, f"must be at least {dilation * (kernel - 1) + 1 - sum(padding)}"
        )
    return span // stride + 1
