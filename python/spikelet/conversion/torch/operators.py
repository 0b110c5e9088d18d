"""PyTorch's operators, by name: what they mean is in `conversion.operators`."""

# ruff: noqa: ARG001  # arguments are PyTorch's, some of which change nothing in inference

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from torch import nn

from spikelet.conversion.building import Call, Data, hint_for
from spikelet.conversion.operators import activation as act
from spikelet.conversion.operators import arithmetic, normalisation, pooling, reduction
from spikelet.conversion.operators.affine import affine, negative
from spikelet.conversion.qcfs_torch import QCFSActivation
from spikelet.conversion.torch.movements import JOINS
from spikelet.conversion.torch.pairs import PAIRS
from spikelet.conversion.torch.weights import WEIGHTS, array

__all__ = ["MODULES", "OPERATORS", "Handler"]

Handler: TypeAlias = Callable[..., Any]


# --- functions of one value ----------------------------------------------------------------------


def _function(name: str, *fixed: Any) -> Handler:
    def handler(c: Call, x: Data, *, inplace: bool = False) -> Data:
        return act.activation(c, x, name, *fixed)

    return handler


def _relu(c: Call, x: Data, inplace: bool = False) -> Data:
    return act.relu(c, x)


def _relu6(c: Call, x: Data, inplace: bool = False) -> Data:
    return act.relu(c, x, 6.0)


def _hardtanh(
    c: Call, x: Data, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Data:
    return act.clip(c, x, float(min_val), float(max_val))


def _clamp(c: Call, x: Data, min: Any = None, max: Any = None) -> Data:  # noqa: A002
    limits = [array(v) for v in (min, max)]
    if all(v is None or (not isinstance(v, Data) and v.size == 1) for v in limits):
        low, high = (None if v is None else float(v.reshape(())) for v in limits)
        return act.clip(c, x, low, high)
    if limits[0] is not None:
        x = arithmetic.maximum(c if limits[1] is None else c.inner("low"), x, limits[0])
    return x if limits[1] is None else arithmetic.minimum(c, x, limits[1])


def _clamp_min(c: Call, x: Data, min: Any) -> Data:  # noqa: A002
    return _clamp(c, x, min)


def _clamp_max(c: Call, x: Data, max: Any) -> Data:  # noqa: A002
    return _clamp(c, x, None, max)


def _leaky_relu(c: Call, x: Data, negative_slope: float = 0.01, inplace: bool = False) -> Data:
    return act.prelu(c, x, negative_slope)


def _prelu(c: Call, x: Data, weight: Any) -> Data:
    return act.prelu(c, x, array(weight))


def _rrelu(
    c: Call,
    x: Data,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Data:
    if training:
        c.refuse("has random slopes", "call module.eval() first")
    return act.prelu(c, x, (lower + upper) / 2)


def _elu(c: Call, x: Data, alpha: float = 1.0, inplace: bool = False) -> Data:
    return act.activation(c, x, "elu", alpha)


def _celu(c: Call, x: Data, alpha: float = 1.0, inplace: bool = False) -> Data:
    return act.activation(c, x, "celu", alpha)


def _gelu(c: Call, x: Data, approximate: str = "none") -> Data:
    return act.activation(c, x, "gelu_tanh" if approximate == "tanh" else "gelu")


def _softplus(c: Call, x: Data, beta: float = 1.0, threshold: float = 20.0) -> Data:
    return act.activation(c, x, "softplus", beta, threshold)


def _shrink(name: str) -> Handler:
    def handler(c: Call, x: Data, lambd: float = 0.5) -> Data:
        return act.activation(c, x, name, lambd)

    return handler


def _tanhshrink(c: Call, x: Data) -> Data:
    return arithmetic.subtract(c, x, act.activation(c.inner("tanh"), x, "tanh"))


def _threshold(c: Call, x: Data, threshold: float, value: float, inplace: bool = False) -> Data:
    if threshold == value:
        return act.clip(c, x, threshold)
    return act.activation(c, x, "threshold", threshold, value)


def _glu(c: Call, x: Data, dim: int = -1) -> Data:
    return act.glu(c, x, dim)


def _along(function: Handler) -> Handler:
    def handler(
        c: Call, x: Data, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
    ) -> Data:
        if dim is None:  # as PyTorch chooses it
            dim = 0 if len(c.tensor(x)) in (0, 1, 3) else 1
        found: Data = function(c, x, dim)
        return found

    return handler


def _then(
    name: str,
    scale: float = 1.0,
    shift: float | None = None,
    after: float = 1.0,
    offset: float | None = None,
) -> Handler:
    """Return a handler of a function of scaled and shifted values, which is itself scaled and shifted."""

    def handler(c: Call, x: Data) -> Data:
        if scale != 1 or shift is not None:
            x = affine(c.inner("scaled"), x, scale, shift)
        plain = after == 1 and offset is None
        y = act.activation(c if plain else c.inner(name), x, name)
        return y if plain else affine(c, y, after, offset)

    return handler


def _rsqrt(c: Call, x: Data) -> Data:
    return act.activation(c, x, "pow", -0.5)


# --- sums and products ---------------------------------------------------------------------------


def _add(c: Call, a: Any, b: Any, *, alpha: float = 1) -> Data:
    a, b = array(a), array(b)
    if alpha != 1:
        b = affine(c.inner("scaled"), b, float(alpha)) if isinstance(b, Data) else alpha * b
    return arithmetic.add(c, a, b)


def _subtract(c: Call, a: Any, b: Any, *, alpha: float = 1) -> Data:
    if alpha != 1:
        return _add(c, a, b, alpha=-alpha)
    return arithmetic.subtract(c, array(a), array(b))


def _both(function: Handler, *, reverse: bool = False) -> Handler:
    def handler(c: Call, a: Any, b: Any) -> Data:
        a, b = array(a), array(b)
        found: Data = function(c, b, a) if reverse else function(c, a, b)
        return found

    return handler


def _divide(c: Call, a: Any, b: Any, *, rounding_mode: str | None = None) -> Data:
    if rounding_mode is not None:
        c.refuse(f"divides with rounding_mode={rounding_mode!r}", hint_for("round"))
    return arithmetic.divide(c, array(a), array(b))


def _addcmul(c: Call, x: Any, a: Any, b: Any, *, value: float = 1) -> Data:
    product = (
        arithmetic.multiply(c.inner("product"), array(a), array(b))
        if isinstance(a, Data) or isinstance(b, Data)
        else array(a) * array(b)
    )
    return _add(c, x, product, alpha=value)


def _lerp(c: Call, start: Any, end: Any, weight: Any) -> Data:
    start, end, weight = array(start), array(end), array(weight)
    apart = (
        _subtract(c.inner("difference"), end, start)
        if isinstance(end, Data) or isinstance(start, Data)
        else end - start
    )
    if isinstance(apart, Data) or isinstance(weight, Data):
        apart = arithmetic.multiply(c.inner("part"), apart, weight)
    else:
        apart = apart * weight
    return arithmetic.add(c, start, apart)


def _einsum(c: Call, equation: str, *operands: Any) -> Data:
    given = (
        operands[0] if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    )
    return arithmetic.einsum(c, equation, [array(v) for v in given])


def _where(c: Call, condition: Any, a: Any, b: Any) -> Data:
    return arithmetic.where(c, array(condition), array(a), array(b))


def _masked_fill(c: Call, x: Any, mask: Any, value: Any) -> Data:
    return arithmetic.where(c, array(mask), array(value), array(x))


def _cumsum(c: Call, x: Data, dim: int, dtype: Any = None) -> Data:
    return arithmetic.cumsum(c, x, dim)


# --- pools ---------------------------------------------------------------------------------------


def _max_pool(
    c: Call,
    x: Data,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    found = pooling.max_pool(c, x, kernel_size, stride or None, padding, dilation, ceil_mode)
    return (found, None) if return_indices else found


def _max_pool_indices(c: Call, x: Data, *args: Any, **kwargs: Any) -> Any:
    return _max_pool(c, x, *args, **{**kwargs, "return_indices": True})


def _avg_pool(
    c: Call,
    x: Data,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Data:
    return pooling.avg_pool(
        c, x, kernel_size, stride or None, padding, ceil_mode, count_include_pad, divisor_override
    )


def _adaptive_avg_pool(c: Call, x: Data, output_size: Any) -> Data:
    return pooling.adaptive_avg_pool(c, x, output_size)


def _adaptive_max_pool(c: Call, x: Data, output_size: Any, return_indices: bool = False) -> Any:
    found = pooling.adaptive_max_pool(c, x, output_size)
    return (found, None) if return_indices else found


def _adaptive_max_pool_indices(
    c: Call, x: Data, output_size: Any, return_indices: bool = True
) -> Any:
    return pooling.adaptive_max_pool(c, x, output_size), None


def _lp_pool(
    c: Call,
    x: Data,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Data:
    return pooling.lp_pool(c, x, norm_type, kernel_size, stride, ceil_mode)


# --- reductions ----------------------------------------------------------------------------------


def _everything(c: Call, x: Data) -> list[int]:
    return list(range(len(c.tensor(x))))


def _reduced(how: str) -> Handler:
    def handler(
        c: Call,
        x: Data,
        dim: Any = None,
        keepdim: bool = False,
        *,
        dtype: Any = None,
        axis: Any = None,
    ) -> Data:
        del dtype
        dim = axis if dim is None else dim
        axes = _everything(c, x) if dim is None or dim in ((), []) else dim
        return reduction.reduce(c, x, how, axes, keepdim)

    return handler


def _greatest(how: str) -> Handler:
    """Return a handler of torch.max and torch.min, which have three forms."""

    def handler(c: Call, x: Any, dim: Any = None, keepdim: bool = False, other: Any = None) -> Any:
        other = other if other is not None or isinstance(dim, int) else dim
        if other is not None:
            both = arithmetic.maximum if how == "max" else arithmetic.minimum
            return both(c, array(x), array(other))
        if dim is None:
            return reduction.reduce(c, x, how, _everything(c, x))
        return reduction.reduce(c, x, how, dim, keepdim), None

    return handler


def _spread(how: str) -> Handler:
    """Return a handler of torch.var and torch.std."""

    def handler(
        c: Call,
        x: Data,
        dim: Any = None,
        unbiased: bool = True,
        keepdim: bool = False,
        *,
        correction: float | None = None,
    ) -> Data:
        axes = _everything(c, x) if dim is None else dim
        less = float(unbiased) if correction is None else float(correction)
        return reduction.reduce(c, x, how, axes, keepdim, less)

    return handler


def _both_moments(how: str) -> Handler:
    spread = _spread(how)

    def handler(
        c: Call, x: Data, dim: Any = None, *more: Any, keepdim: bool = False, **options: Any
    ) -> tuple[Data, Data]:
        axes = _everything(c, x) if dim is None else dim
        kept = more[1] if len(more) > 1 else keepdim  # behind `unbiased`
        mean = reduction.reduce(c.inner("of"), x, "mean", axes, kept)
        return spread(c, x, dim, *more[:1], keepdim=kept, **options), mean

    return handler


def _norm(
    c: Call,
    x: Data,
    p: Any = 2,
    dim: Any = None,
    keepdim: bool = False,
    out: Any = None,
    dtype: Any = None,
) -> Data:
    hows = {"fro": "l2", 2: "l2", 1: "l1", None: "l2", math.inf: "max"}
    if p not in hows:
        c.refuse(f"is a norm of order {p}", "the order must be 1, 2 or inf")
    x = act.activation(c.inner("abs"), x, "abs") if p == math.inf else x
    axes = _everything(c, x) if dim is None else dim
    return reduction.reduce(c, x, hows[p], axes, keepdim)


# --- what remains --------------------------------------------------------------------------------


def _keep(c: Call, x: Any, *_: Any, **__: Any) -> Any:
    return x


def _dropout(
    c: Call, x: Data, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Data:
    if training and p:
        c.refuse("drops values at random in eval mode too", "pass training=self.training")
    return x


def _qcfs(c: Call, x: Data, module: QCFSActivation) -> Data:
    return act.relu(c, x, float(module.upper), module.levels)


def _cross_map_norm(c: Call, x: Data, module: nn.CrossMapLRN2d) -> Data:
    how = (module.size, module.alpha, module.beta, module.k)
    return normalisation.cross_map_norm(c, x, *how)


MODULES: dict[Any, Handler] = {
    QCFSActivation: _qcfs,
    nn.CrossMapLRN2d: _cross_map_norm,
}  # modules that are one operator

_PLAIN = ("sigmoid", "logsigmoid", "tanh", "hardsigmoid", "hardswish", "silu", "mish", "selu", "softsign", "exp", "log",
          "sqrt", "square", "reciprocal", "abs", "erf", "sin", "cos")  # fmt: skip
_SAME = ("clone", "contiguous", "detach", "data", "alias", "identity", "positive", "requires_grad", "real", "resolve_conj",
         "resolve_neg", "lift_fresh", "lift_fresh_copy", "share_memory", "pin_memory")  # fmt: skip
_DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout",
             "feature_dropout")  # fmt: skip
OPERATORS: dict[str, Handler] = {
    **WEIGHTS,
    **JOINS,
    "relu": _relu,
    "relu6": _relu6,
    "hardtanh": _hardtanh,
    **dict.fromkeys(("clamp", "clip"), _clamp),
    "clamp_min": _clamp_min,
    "clamp_max": _clamp_max,
    "leaky_relu": _leaky_relu,
    "prelu": _prelu,
    "rrelu": _rrelu,
    "elu": _elu,
    "celu": _celu,
    "gelu": _gelu,
    "softplus": _softplus,
    "softshrink": _shrink("softshrink"),
    "hardshrink": _shrink("hardshrink"),
    "tanhshrink": _tanhshrink,
    "threshold": _threshold,
    "glu": _glu,
    **{name: _function(name) for name in _PLAIN},
    "absolute": _function("abs"),
    "log_sigmoid": _function("logsigmoid"),
    "rsqrt": _rsqrt,
    "exp2": _then("exp", math.log(2)),
    "expm1": _then("exp", offset=-1.0),
    "log2": _then("log", after=1 / math.log(2)),
    "log10": _then("log", after=1 / math.log(10)),
    "log1p": _then("log", shift=1.0),
    "softmax": _along(act.softmax),
    "log_softmax": _along(act.log_softmax),
    "softmin": _along(act.softmin),
    "add": _add,
    "radd": _add,
    **dict.fromkeys(("sub", "subtract"), _subtract),
    "rsub": _both(arithmetic.subtract, reverse=True),
    **dict.fromkeys(("mul", "multiply", "rmul"), _both(arithmetic.multiply)),
    **dict.fromkeys(("div", "divide", "true_divide"), _divide),
    **dict.fromkeys(("rdiv", "rtruediv"), _both(arithmetic.divide, reverse=True)),
    "pow": _both(arithmetic.power),
    "rpow": _both(arithmetic.power, reverse=True),
    "maximum": _both(arithmetic.maximum),
    "minimum": _both(arithmetic.minimum),
    **dict.fromkeys(("matmul", "mm", "bmm"), _both(arithmetic.matmul)),
    "rmatmul": _both(arithmetic.matmul, reverse=True),
    **dict.fromkeys(("neg", "negative"), negative),
    "addcmul": _addcmul,
    "lerp": _lerp,
    "einsum": _einsum,
    **PAIRS,
    "where": _where,
    "masked_fill": _masked_fill,
    "cumsum": _cumsum,
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), _max_pool),
    **{f"max_pool{n}d_with_indices": _max_pool_indices for n in (1, 2, 3)},
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d"), _avg_pool),
    **{f"adaptive_avg_pool{n}d": _adaptive_avg_pool for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d": _adaptive_max_pool for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d_with_indices": _adaptive_max_pool_indices for n in (1, 2, 3)},
    **dict.fromkeys(("lp_pool1d", "lp_pool2d", "lp_pool3d"), _lp_pool),
    "mean": _reduced("mean"),
    "sum": _reduced("sum"),
    "prod": _reduced("prod"),
    "amax": _reduced("max"),
    "amin": _reduced("min"),
    "logsumexp": _reduced("log_sum_exp"),
    "max": _greatest("max"),
    "min": _greatest("min"),
    "var": _spread("var"),
    "std": _spread("std"),
    "var_mean": _both_moments("var"),
    "std_mean": _both_moments("std"),
    **dict.fromkeys(("norm", "vector_norm", "linalg_norm", "linalg_vector_norm"), _norm),
    **dict.fromkeys(_SAME, _keep),
    **dict.fromkeys(_DROPOUTS, _dropout),
}
