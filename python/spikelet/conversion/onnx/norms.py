"""ONNX operators that normalise or reduce."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spikelet.conversion.building import Call, Data
from spikelet.conversion.onnx.operands import (
    Attributes,
    Handler,
    Operands,
    Result,
    constant,
    data,
    whole,
)
from spikelet.conversion.operators import activation, arithmetic, normalisation, pooling, reduction

__all__ = ["NORMS"]


def _batch_normalization(c: Call, a: Attributes, xs: Operands) -> Data:
    gamma, beta, mean, var = (constant(c, xs, k, "parameters") for k in range(1, 5))
    if a.get("training_mode", 0):
        c.refuse("is in training mode", "export the model in eval mode")
    if not mean.any() and (var == 1).all() and (gamma == 1).all() and not beta.any():
        c.refuse(
            "has never been trained: its mean is 0 and its variance 1",
            "train the model, or load trained parameters, before exporting it",
        )
    return normalisation.batch_norm(c, data(c, xs), mean, var, gamma, beta, a.get("epsilon", 1e-5))


def _instance_normalization(c: Call, a: Attributes, xs: Operands) -> Data:
    weight, bias = (constant(c, xs, k, "parameters") for k in (1, 2))
    return normalisation.instance_norm(c, data(c, xs), weight, bias, a.get("epsilon", 1e-5))


def _group_normalization(c: Call, a: Attributes, xs: Operands) -> Data:
    x, groups = data(c, xs), a["num_groups"]
    weight, bias = (constant(c, xs, k, "parameters") for k in (1, 2))
    return normalisation.group_norm(c, x, groups, weight, bias, a.get("epsilon", 1e-5))


def _last_axes(c: Call, a: Attributes, x: Data) -> list[int]:
    n = len(c.tensor(x))
    return list(range(a.get("axis", -1) % n, n))


def _parameters(c: Call, xs: Operands, x: Data, axes: list[int]) -> list[Any]:
    """Return scale and bias, of the shape of the axes."""
    shape = tuple(c.tensor(x)[d] for d in axes)
    found = [constant(c, xs, k, "parameters") for k in (1, 2)]
    return [None if v is None else np.broadcast_to(v, shape) for v in found]


def _layer_normalization(c: Call, a: Attributes, xs: Operands) -> Result:
    x, eps = data(c, xs), a.get("epsilon", 1e-5)
    axes = _last_axes(c, a, x)
    weight, bias = _parameters(c, xs, x, axes)
    y = normalisation.layer_norm(c, x, axes, weight, bias, eps)
    # Its other outputs are rarely used, and removed if they are not.
    mean = reduction.reduce(c.inner("mean"), x, "mean", axes, keepdims=True)
    if math.prod(c.tensor(x)[d] for d in axes) == 1:
        return y, mean
    variance = reduction.reduce(c.inner("variance"), x, "var", axes, keepdims=True, correction=0)
    shifted = arithmetic.affine(c.inner("shifted"), variance, 1.0, eps)
    return y, mean, activation.activation(c.inner("inverse"), shifted, "pow", alpha=-0.5)


def _rms_normalization(c: Call, a: Attributes, xs: Operands) -> Data:
    x = data(c, xs)
    axes = _last_axes(c, a, x)
    weight, _ = _parameters(c, xs, x, axes)
    return normalisation.rms_norm(c, x, axes, weight, a.get("epsilon", 1e-5))


def _mean_variance(c: Call, a: Attributes, xs: Operands) -> Data:
    return normalisation.layer_norm(c, data(c, xs), a.get("axes", [0, 2, 3]), None, None, 1e-18)


def _lrn(c: Call, a: Attributes, xs: Operands) -> Data:
    size, alpha, beta = a["size"], a.get("alpha", 1e-4), a.get("beta", 0.75)
    x = data(c, xs)
    if size % 2 == 0:
        c.refuse(f"has a window of {size} channels", "an odd number is supported")
    return normalisation.local_response_norm(c, x, size, alpha, beta, a.get("bias", 1.0))


def _lp_normalization(c: Call, a: Attributes, xs: Operands) -> Data:
    axes = [a.get("axis", -1)]
    return normalisation.l2_normalise(c, data(c, xs), axes, a.get("p", 2), 1e-30)


def _reduction(how: str) -> Handler:
    def handler(c: Call, a: Attributes, xs: Operands) -> Data:
        x = data(c, xs)
        axes = whole(c, xs, 1, "axes")
        if not axes:
            if a.get("noop_with_empty_axes", 0):
                return x
            axes = list(range(len(c.tensor(x))))
        return reduction.reduce(c, x, how, axes, bool(a.get("keepdims", 1)))

    return handler


def _global_average(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return pooling.global_avg_pool(c, data(c, xs))


def _global_max(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return pooling.global_max_pool(c, data(c, xs))


def _global_lp(c: Call, a: Attributes, xs: Operands) -> Data:
    x, p = data(c, xs), a.get("p", 2)
    if p not in (1, 2):
        c.refuse(f"has p={p}", "p must be 1 or 2")
    return reduction.reduce(c, x, f"l{p}", list(range(2, len(c.tensor(x)))), True)


NORMS: dict[str, Handler] = {
    "GlobalAveragePool": _global_average,
    "GlobalMaxPool": _global_max,
    "GlobalLpPool": _global_lp,
    "BatchNormalization": _batch_normalization,
    "InstanceNormalization": _instance_normalization,
    "GroupNormalization": _group_normalization,
    "LayerNormalization": _layer_normalization,
    "RMSNormalization": _rms_normalization,
    "MeanVarianceNormalization": _mean_variance,
    "LRN": _lrn,
    "LpNormalization": _lp_normalization,
    "ReduceMean": _reduction("mean"),
    "ReduceSum": _reduction("sum"),
    "ReduceMax": _reduction("max"),
    "ReduceMin": _reduction("min"),
    "ReduceL1": _reduction("l1"),
    "ReduceL2": _reduction("l2"),
    "ReduceSumSquare": _reduction("sum_square"),
    "ReduceLogSumExp": _reduction("log_sum_exp"),
    "ReduceProd": _reduction("prod"),
    "ReduceLogSum": _reduction("log_sum"),
}
