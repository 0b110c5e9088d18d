"""The primitives of NIR: the fields of each, and the checks of their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from spikelet._util.checks import fail, require
from spikelet._util.spelling import suggestion

GRAPH = "NIRGraph"
MAX_SIZE = 1 << 16  # of kernels, strides, paddings and dilations
MAX_VALUES = 1 << 31  # of one node


@dataclass(frozen=True)
class Field:
    """A field of a primitive.

    Attributes
    ----------
    rule : str
        The rule for its values: one of `require` for numbers, and ">= 1" or the like for whole numbers.
    kind : str
        "real": an array of numbers; "whole": whole numbers; "padding": whole numbers, "same" or "valid".
    most : int
        The largest number of values of a field of whole numbers.
    optional : bool
        A file may leave it out.
    """

    rule: str = "finite"
    kind: Literal["real", "whole", "padding"] = "real"
    most: int = 1
    optional: bool = False


_TAU, _REAL, _LATER = Field("finite and > 0"), Field(), Field(optional=True)
_SHAPE, _GROUPS = Field(">= 1", "whole", 32), Field(">= 1", "whole")


def _convolution(axes: int) -> dict[str, Field]:
    return {
        "input_shape": Field(">= 1", "whole", axes, optional=True),
        "weight": _REAL,
        "stride": Field(">= 1", "whole", axes),
        "padding": Field(">= 0", "padding", axes),
        "dilation": Field(">= 1", "whole", axes),
        "groups": _GROUPS,
        "bias": _REAL,
    }


_POOL = {
    "kernel_size": Field(">= 1", "whole", 2),
    "stride": Field(">= 1", "whole", 2),
    "padding": Field(">= 0", "whole", 2),
}
_LEAK = {"tau": _TAU, "r": _REAL, "v_leak": _REAL}
_CURRENT = {"tau_syn": _TAU, "tau_mem": _TAU, "r": _REAL, "v_leak": _REAL, "w_in": _LATER}
_SPIKES = {"v_threshold": _REAL, "v_reset": _LATER}
FIELDS: dict[str, dict[str, Field]] = {
    "Input": {"shape": _SHAPE},
    "Output": {"shape": _SHAPE},
    "Affine": {"weight": _REAL, "bias": _REAL},
    "Linear": {"weight": _REAL},
    "Scale": {"scale": _REAL},
    "Conv1d": _convolution(1),
    "Conv2d": _convolution(2),
    "SumPool2d": _POOL,
    "AvgPool2d": _POOL,
    "Flatten": {
        "input_type": Field(">= 1", "whole", 32, optional=True),
        "start_dim": Field("", "whole"),
        "end_dim": Field("", "whole"),
    },
    "Threshold": {"threshold": _REAL},
    "Delay": {"delay": Field("finite and >= 0")},
    "I": {"r": _REAL},
    "IF": {"r": _REAL} | _SPIKES,
    "LI": _LEAK,
    "LIF": _LEAK | _SPIKES,
    "CubaLI": _CURRENT,
    "CubaLIF": _CURRENT | _SPIKES,
}

NEURONS = ("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF")
# Their parameters have the shape of the signal, or are scalars.
POPULATION = (*NEURONS, "Threshold", "Delay", "Scale")


def known_kind(where: str, kind: str) -> None:
    """Check that a type of node is one of the standard's."""
    if kind not in FIELDS and kind != GRAPH:
        hint = suggestion(kind, [*FIELDS, GRAPH])
        fail(where, "type", kind, f"must be a primitive of NIR{hint}")


def values_of(node: Any) -> dict[str, Any]:
    """Return the fields of a node in memory, by the names that they have in a file."""
    kind = type(node).__name__
    if kind == "Input":
        return {"shape": (node.input_type or {}).get("input")}
    if kind == "Output":
        return {"shape": (node.output_type or {}).get("output")}
    found = {name: getattr(node, name, None) for name in FIELDS[kind]}
    if kind == "Flatten":
        found["input_type"] = (node.input_type or {}).get("input")
    return found


def check(where: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a node as arrays, after checks of each and of their shapes.

    Raises
    ------
    ValueError
        If a field is unknown or missing, or its values break its rule.
    TypeError
        If a field holds something else than numbers.
    """
    fields = FIELDS[kind]
    for name in values:
        if name not in fields:
            hint = suggestion(name, fields)
            fail(where, "field", name, f"must be one of {', '.join(fields)}{hint}")
    found: dict[str, Any] = {}
    for name, field in fields.items():
        value = values.get(name)
        if value is not None:
            found[name] = _field(where, name, field, value)
        elif not field.optional:
            fail(where, name, None, "must be given")
    if kind in POPULATION:
        _population(where, kind, found)
    elif kind in ("Affine", "Linear"):
        _affine(where, found)
    elif kind in ("Conv1d", "Conv2d"):
        _conv(where, found, 1 if kind == "Conv1d" else 2)
    return found


def _field(where: str, name: str, field: Field, value: Any) -> Any:
    if field.kind == "padding" and isinstance(value, str):
        if value not in ("same", "valid"):
            fail(where, name, value, "must be 'same', 'valid' or whole numbers")
        return value
    array = np.asarray(value)
    real = field.kind == "real"
    if array.dtype.kind not in ("iuf" if real else "iu") and array.size:
        rule = "must hold numbers" if real else "must hold whole numbers"
        if array.dtype.kind in "iufbc":
            fail(where, name, array.dtype.name, rule, got="dtype")
        fail(where, name, value, rule)
    return (_real if real else _whole)(where, name, field, array)


def _real(where: str, name: str, field: Field, array: Any) -> Any:
    if array.size == 0:
        fail(where, name, array.shape, "must not be empty", got="shape")
    real = np.asarray(array, np.float64)
    require(where, name, real, field.rule)
    return real


def _whole(where: str, name: str, field: Field, array: Any) -> Any:
    if array.ndim > 1 or array.size > field.most or (array.size == 0 and field.most < 32):
        fail(where, name, array.shape, f"must hold at most {field.most} numbers", got="shape")
    whole = array.astype(np.int64).reshape(-1)
    least = int(field.rule[3:]) if field.rule else -32
    most = MAX_VALUES if name in ("shape", "input_shape", "input_type") else MAX_SIZE
    for n in whole.tolist():
        if not least <= n <= most:
            fail(where, name, n, f"must lie in {least} .. {most}")
    if field.most == 32 and np.prod(whole.astype(float)) > MAX_VALUES:
        fail(where, name, tuple(whole.tolist()), "must have at most 2^31 values")
    return whole


def _population(where: str, kind: str, found: dict[str, Any]) -> None:
    shapes = {name: value.shape for name, value in found.items()}
    wide = {shape for shape in shapes.values() if shape}
    if len(wide) > 1:
        fail(where, "parameters", shapes, "must all have the shape of the population")
    shape = next(iter(wide), ())
    for name in FIELDS[kind]:
        value = found.get(name, 1.0 if name == "w_in" else 0.0)
        found[name] = np.broadcast_to(np.asarray(value), shape)


def _affine(where: str, found: dict[str, Any]) -> None:
    weight, bias = found["weight"], found.get("bias")
    if weight.ndim < 2:
        fail(where, "weight", weight.shape, "must have at least 2 dimensions", got="shape")
    out = weight.shape[:-1]
    if bias is not None and (bias.ndim > len(out) or bias.shape != out[len(out) - bias.ndim :]):
        fail(where, "bias", bias.shape, f"must be {out}, as the output", got="shape")
    if bias is not None:
        found["bias"] = np.broadcast_to(bias, out)


def _conv(where: str, found: dict[str, Any], axes: int) -> None:
    weight, bias, groups = found["weight"], found["bias"], int(found["groups"][0])
    if weight.ndim != 2 + axes:
        rule = f"must have {2 + axes} dimensions (out, in / groups, kernel)"
        fail(where, "weight", weight.shape, rule, got="shape")
    if bias.shape != weight.shape[:1]:
        fail(where, "bias", bias.shape, f"must be ({len(weight)},), as the outputs", got="shape")
    if len(weight) % groups:
        fail(where, "groups", groups, f"must divide the {len(weight)} output channels")
    if max(weight.shape[2:]) > MAX_SIZE:
        fail(where, "weight", weight.shape, f"must have kernels up to {MAX_SIZE}", got="shape")
    stride = tuple(found["stride"].tolist())
    if isinstance(found["padding"], str) and found["padding"] == "same" and set(stride) != {1}:
        fail(where, "padding", "same", f"must be numbers where the stride is {stride}")
