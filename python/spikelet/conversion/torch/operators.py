"""PyTorch's operators, by name: a row for each says which function of `conversion.operators` it is, and with which arguments."""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn
from torch.fx.operator_schemas import get_signature_for_torch_op

from spikelet.conversion.building import Call, Data, hint_for
from spikelet.conversion.first_spike_torch import FirstSpike
from spikelet.conversion.operators import activation as act
from spikelet.conversion.operators import (
    arithmetic,
    attention,
    movement,
    normalization,
    spatial,
)
from spikelet.conversion.operators.activation import affine, negative
from spikelet.conversion.torch.movements import JOINS

Handler: TypeAlias = Callable[..., Any]

# Arguments that change nothing in inference, or nothing that layers compute.
_IGNORED = """inplace out dtype _stacklevel momentum cudnn_enabled cudnn_enable return_indices noise N C HxW"""
_WITHOUT_EFFECT = frozenset(_IGNORED.split())


def array(value: Any) -> Any:
    """Return a tensor as an array, with real numbers in float64; everything else as it is."""
    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach().cpu()
    return (value.double() if value.is_floating_point() else value).numpy()


def _row(function: Handler, order: str = "", /, **defaults: Any) -> Handler:
    """Return a handler that calls a function with the arguments that PyTorch gives to an operator.

    Parameters
    ----------
    function : callable
        Takes the call and the first operand, and all other arguments by name.
    order : str
        The names of PyTorch's arguments behind the first one. ``theirs:ours`` renames an argument.
    **defaults
        Arguments of the function that PyTorch does not give, or may leave out.
    """
    pairs = [name.partition(":") for name in order.split()]
    theirs, names = [name for name, _, _ in pairs], {name: ours for name, _, ours in pairs if ours}

    def handler(c: Call, x: Any, *args: Any, **kwargs: Any) -> Any:
        given = {**dict(zip(theirs, args, strict=False)), **kwargs}
        if len(args) > len(theirs):
            msg = f"{len(args) + 1} arguments"
            raise TypeError(msg)
        used = {names.get(k, k): v for k, v in given.items() if k not in _WITHOUT_EFFECT}
        return function(c, x, **{**defaults, **used})

    return handler


def by_name(function: Any, kind: str, args: Sequence[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
    """Return the arguments of an operator of ATen, by name if it takes them in another order than PyTorch's function."""
    if kind not in _OTHER_ORDER or not hasattr(function, "overloadpacket"):
        return args, {}
    names = list(get_signature_for_torch_op(function)[0].parameters)
    return args[:1], dict(zip(names[1:], args[1:], strict=False))


# --- functions of one value ----------------------------------------------------------------------


def _function(name: str, order: str = "inplace") -> Handler:
    return _row(act.activation, order, function=name)


def _clamp(c: Call, x: Data, min: Any = None, max: Any = None) -> Data:  # noqa: A002
    limits: list[Any] = [
        v if v is None or isinstance(v, Data) else np.asarray(v, float) for v in (min, max)
    ]
    if all(v is None or (not isinstance(v, Data) and v.size == 1) for v in limits):
        return act.clip(c, x, *(None if v is None else float(v.reshape(())) for v in limits))
    low, high = limits
    if low is not None:
        x = arithmetic.maximum(c if high is None else c.inner("low"), x, low)
    return x if high is None else arithmetic.minimum(c, x, high)


def _rrelu(
    c: Call, x: Data, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Data:
    if training:
        c.refuse("has random slopes", "call module.eval() first")
    return act.prelu(c, x, (lower + upper) / 2)


def _elu(
    c: Call, x: Data, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Data:
    """Convert ELU, and ATen's form of SELU and CELU: scale * alpha * (exp(input_scale * x) - 1) below 0, scale * x above."""
    if input_scale == 1:
        return act.activation(c, x, *(("elu", alpha) if scale == 1 else ("selu", alpha, scale)))
    if abs(alpha * input_scale - 1) > 1e-6 or scale != 1:
        c.refuse(
            f"is an ELU with input_scale={input_scale:g}",
            "use torch.nn.ELU, torch.nn.SELU or torch.nn.CELU",
        )
    return act.activation(c, x, "celu", alpha)


def _gelu(c: Call, x: Data, approximate: str = "none") -> Data:
    return act.activation(c, x, "gelu_tanh" if approximate == "tanh" else "gelu")


def _tanhshrink(c: Call, x: Data) -> Data:
    return arithmetic.subtract(c, x, act.activation(c.inner("tanh"), x, "tanh"))


def _along(function: Handler) -> Handler:
    def handler(c: Call, x: Data, dim: int | None = None) -> Any:
        if dim is None:  # as PyTorch chooses it
            dim = 0 if len(c.tensor(x)) in (0, 1, 3) else 1
        return function(c, x, dim)

    return _row(handler, "dim _stacklevel dtype")


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


def _each(kind: str, function: Any) -> Handler:
    def handler(c: Call, *xs: Any, **named: Any) -> Data:
        return arithmetic.elementwise(c, function, *xs, *named.values(), kind=kind)

    return handler


# --- sums and products ---------------------------------------------------------------------------


def _times(c: Call, a: Any, b: Any) -> Any:
    """Return a product, which is a constant if both factors are."""
    if isinstance(a, Data) or isinstance(b, Data):
        return arithmetic.multiply(c, a, b)
    return np.asarray(a) * b


def _add(c: Call, a: Any, b: Any, *, alpha: float = 1) -> Data:
    return arithmetic.add(c, a, b if alpha == 1 else _times(c.inner("scaled"), b, float(alpha)))


def _subtract(c: Call, a: Any, b: Any, *, alpha: float = 1) -> Data:
    return arithmetic.subtract(c, a, b) if alpha == 1 else _add(c, a, b, alpha=-alpha)


def _reversed(function: Handler) -> Handler:
    return lambda c, a, b: function(c, b, a)


def _divide(c: Call, a: Any, b: Any, *, rounding_mode: str | None = None) -> Data:
    if rounding_mode is not None:
        c.refuse(f"divides with rounding_mode={rounding_mode!r}", hint_for("round"))
    return arithmetic.divide(c, a, b)


def _addcmul(c: Call, x: Any, a: Any, b: Any, *, value: float = 1) -> Data:
    return _add(c, x, _times(c.inner("product"), a, b), alpha=value)


def _addmm(c: Call, bias: Any, x: Any, y: Any, *, beta: float = 1, alpha: float = 1) -> Data:
    product = arithmetic.matmul(c.inner("product"), x, y)
    if alpha != 1:
        product = arithmetic.multiply(c.inner("scaled"), product, float(alpha))
    return arithmetic.add(
        c, product, bias if beta == 1 else _times(c.inner("bias"), bias, float(beta))
    )


def _lerp(c: Call, start: Any, end: Any, weight: Any) -> Data:
    constant = not isinstance(start, Data) and not isinstance(end, Data)
    apart = end - start if constant else _subtract(c.inner("difference"), end, start)
    return arithmetic.add(c, start, _times(c.inner("part"), apart, weight))


def _einsum(c: Call, equation: str, *operands: Any) -> Data:
    several = len(operands) == 1 and isinstance(operands[0], (list, tuple))
    return arithmetic.einsum(c, equation, operands[0] if several else operands)


# --- similarities, distances and bilinear forms --------------------------------------------------


def _cosine_similarity(c: Call, x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Data:
    last = (
        dim - max(len(c.tensor(x1)), len(c.tensor(x2))) if dim >= 0 else dim
    )  # the operands broadcast
    units: list[Any] = []
    for name, x in (("first", x1), ("second", x2)):
        if isinstance(x, Data):
            units.append(normalization.l2_normalize(c.inner(name), x, last, eps=eps))
        else:
            units.append(x / np.maximum(np.linalg.norm(x, axis=last, keepdims=True), eps))
    return normalization.reduce(c, arithmetic.multiply(c.inner("product"), *units), "sum", last)


def _pairwise_distance(
    c: Call, x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Data:
    if p not in (1, 2):
        c.refuse(f"is a distance of order {p:g}", "the order must be 1 or 2")
    apart = arithmetic.subtract(c.inner("difference"), x1, x2)
    apart = arithmetic.add(c.inner("shifted"), apart, eps)
    return normalization.reduce(c, apart, "l2" if p == 2 else "l1", -1, keepdim)


def _bilinear(c: Call, x1: Any, x2: Any, weight: Any, bias: Any = None) -> Data:
    part = c if bias is None else c.inner("product")
    found = arithmetic.einsum(part, "...i,oij,...j->...o", [x1, weight, x2])
    return found if bias is None else arithmetic.add(c, found, bias)


def _tensordot(c: Call, a: Any, b: Any, dims: Any = 2) -> Data:
    first, second = len(c.tensor(a)), len(c.tensor(b))
    if np.ndim(dims) == 0:
        dims = [range(first - int(dims), first), range(int(dims))]
    letters = string.ascii_lowercase + string.ascii_uppercase
    left, right = list(letters[:first]), list(letters[first : first + second])
    for i, j in zip(*dims, strict=True):
        right[int(j)] = left[int(i)]
    kept = [s for s in left if s not in right] + [s for s in right if s not in left]
    return arithmetic.einsum(c, f"{''.join(left)},{''.join(right)}->{''.join(kept)}", [a, b])


# --- convolutions and linear layers --------------------------------------------------------------


def _linear(c: Call, x: Any, weight: Any, bias: Any = None) -> Data:
    if not isinstance(weight, Data):
        return spatial.linear(c, c.one(x), weight, bias)
    transposed = movement.swapped(c.inner("transposed"), weight)
    product = arithmetic.matmul(c if bias is None else c.inner("product"), x, transposed)
    return product if bias is None else arithmetic.add(c, product, bias)


def _convolution(
    c: Call, x: Data, transposed: bool = False, output_padding: Any = 0, **how: Any
) -> Data:
    if transposed:
        return spatial.conv_transpose(c, x, output_padding=output_padding, **how)
    return spatial.conv(c, x, **how)


# --- reductions and normalization ----------------------------------------------------------------


def _everything(c: Call, x: Data, dim: Any = None) -> Any:
    """Return the dimensions that are reduced."""
    return list(range(len(c.tensor(x)))) if dim is None or dim in ((), []) else dim


def _reduce(c: Call, x: Data, how: str, dim: Any = None, keepdim: bool = False) -> Data:
    return normalization.reduce(c, x, how, _everything(c, x, dim), keepdim)


def _reduced(how: str) -> Handler:
    return _row(_reduce, "dim keepdim dtype axis:dim", how=how)


def _greatest(how: str) -> Handler:
    """Return a handler of torch.max and torch.min, which have three forms."""

    def handler(c: Call, x: Any, dim: Any = None, keepdim: bool = False, other: Any = None) -> Any:
        other = other if other is not None or isinstance(dim, int) else dim
        if other is None:
            return _reduce(c, x, how, dim, keepdim)
        return (arithmetic.maximum if how == "max" else arithmetic.minimum)(c, x, other)

    return handler


def _spread(
    c: Call,
    x: Data,
    how: str,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    correction: float | None = None,
) -> Data:
    less = float(unbiased) if correction is None else float(correction)
    return normalization.reduce(c, x, how, _everything(c, x, dim), keepdim, less)


def _both_moments(c: Call, x: Data, dim: Any = None, keepdim: bool = False, **how: Any) -> Any:
    mean = _reduce(c.inner("of"), x, "mean", dim, keepdim)
    return _spread(c, x, dim=dim, keepdim=keepdim, **how), mean


def _norm(c: Call, x: Data, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Data:
    hows = {"fro": "l2", 2: "l2", 1: "l1", None: "l2", math.inf: "max"}
    if p not in hows:
        c.refuse(f"is a norm of order {p}", "the order must be 1, 2 or inf")
    x = act.activation(c.inner("abs"), x, "abs") if p == math.inf else x
    return _reduce(c, x, hows[p], dim, keepdim)


def _batch_norm(
    c: Call,
    x: Data,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    eps: float = 1e-5,
) -> Data:
    if running_mean is not None and running_var is not None and not training:
        return normalization.batch_norm(c, x, running_mean, running_var, weight, bias, eps)
    # ATen's form of an instance norm: the samples join the channels, behind a batch of 1.
    joined = c.batch == 1 or (x.axis == 1 and x.merged)
    if not joined or running_mean is not None:
        c.refuse(
            "has no running statistics: it normalises each batch by itself",
            "train with track_running_stats=True",
        )
    n = len(c.tensor(x))
    axes = [*range(0 if x.merged else 2, 1), *range(2, n)]
    parts = [(k, p) for k, p in (("multiply", weight), ("add", bias)) if p is not None]
    found = normalization.layer_norm(c.inner("normalized") if parts else c, x, axes, eps=eps)
    for operator, p in parts:
        shaped = np.asarray(p).reshape(-1, *[1] * (n - 2))
        found = getattr(arithmetic, operator)(c.inner(operator), found, shaped)
    return found


def _instance_norm(c: Call, x: Data, use_input_stats: bool = True, **how: Any) -> Data:
    if not use_input_stats:
        return _batch_norm(c, x, **how)
    kept = {k: v for k, v in how.items() if not k.startswith("running_")}
    return normalization.instance_norm(c, x, **kept)


def _last(function: Handler) -> Handler:
    """Return a handler of a norm over the last dimensions, which PyTorch gives by their sizes."""

    def handler(c: Call, x: Data, normalized_shape: Sequence[int], **how: Any) -> Any:
        n = len(c.tensor(x))
        return function(c, x, list(range(n - len(normalized_shape), n)), **how)

    return _row(handler, "normalized_shape weight bias eps cudnn_enable")


# --- attention -----------------------------------------------------------------------------------


def _scaled_dot_product(
    c: Call, query: Any, dropout_p: float = 0.0, enable_gqa: bool = False, **how: Any
) -> Data:
    if dropout_p:
        c.refuse("drops attention weights at random", "pass dropout_p=0.0 in eval mode")
    if enable_gqa:
        c.refuse("groups queries", "repeat keys and values for each head")
    return attention.scaled_dot_product(c, query, **how)


def _multi_head_attention(c: Call, query: Data, **a: Any) -> tuple[Data, ...]:
    if a.get("training", True) and a["dropout_p"]:
        c.refuse("drops attention weights at random", "call module.eval() first")
    if a["add_zero_attn"] or any(
        a.get(n) is not None for n in ("bias_k", "bias_v", "static_k", "static_v")
    ):
        c.refuse("has additional keys", "use no bias_kv or zero_attn")
    padding, mask = a.get("key_padding_mask"), a.get("attn_mask")
    if isinstance(padding, Data):
        c.refuse("has a padding mask that depends on the input", "use attn_mask, or a constant")
    width, heads, bias = a["embed_dim"], a["num_heads"], a["in_proj_bias"]
    if a.get("use_separate_proj_weight"):
        weights = tuple(a[f"{name}_proj_weight"] for name in "qkv")
    else:
        weights = tuple(a["in_proj_weight"].reshape(3, width, -1))
    biases = (None,) * 3 if bias is None else tuple(bias.reshape(3, width))
    given = attention.Projections(weights, biases, a["out_proj_weight"], a["out_proj_bias"])
    causal = a.get("is_causal", False) and mask is None
    if mask is not None and not isinstance(mask, Data) and mask.dtype == bool:
        mask = ~mask  # here True leaves out
    if padding is not None:
        if isinstance(mask, Data):
            c.refuse("adds a padding mask to a mask that depends on the input", "add them yourself")
        mask = attention.with_padding(mask, padding, heads)
    found, attended = attention.multi_head(
        c,
        query,
        a["key"],
        a["value"],
        heads,
        given,
        mask,
        causal,
        a.get("average_attn_weights", True),
    )
    return (found, attended) if a.get("need_weights", True) else (found,)


# --- interpolation -------------------------------------------------------------------------------


def _interpolate(
    c: Call,
    x: Data,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Data:
    if antialias:
        c.refuse("interpolates with antialias=True", "pass antialias=False")
    given = c.shape(c.batch_first(x))[1:]
    factors = None
    if scale_factor is not None:
        factors = np.broadcast_to(np.asarray(scale_factor, np.float64), len(given)).tolist()
        target = [int(np.floor(m * f)) for m, f in zip(given, factors, strict=True)]
    else:
        target = np.broadcast_to(np.asarray(size, np.int64), len(given)).tolist()
    scale = None if recompute_scale_factor else factors
    if mode in ("nearest", "nearest-exact"):
        how = ("asymmetric", "floor") if mode == "nearest" else ("half_pixel", "round_prefer_ceil")
        return spatial.resize(c, x, target, "nearest", *how, scale)
    if mode == "area":
        return spatial.adaptive_pool(c, x, tuple(target), kind="AvgPool")
    coordinates = "align_corners" if align_corners else "half_pixel"
    kind = "cubic" if mode == "bicubic" else "linear"
    return spatial.resize(c, x, target, kind, coordinates, scale=scale)


def _upsample(mode: str) -> Handler:
    """Return a handler of ATen's interpolation, which has factors for each axis or for all."""

    def handler(c: Call, x: Data, output_size: Any, **how: Any) -> Data:
        one = [how.pop(n) for n in ("scales_d", "scales_h", "scales_w", "scales") if n in how]
        factors = how.pop("scale_factors", None) or one
        if factors and None not in factors:
            return _interpolate(c, x, scale_factor=factors, mode=mode, **how)
        return _interpolate(c, x, output_size, mode=mode, **how)

    return handler


# --- what remains --------------------------------------------------------------------------------


def _keep(c: Call, x: Any, *_: Any, **__: Any) -> Any:  # noqa: ARG001
    return x


def _dropout(c: Call, x: Data, p: float = 0.5, training: bool = True) -> Data:
    if training and p:
        c.refuse("drops values at random in eval mode too", "pass training=self.training")
    return x


def _first_spike(c: Call, x: Data, module: FirstSpike) -> Data:
    silent = bool(
        (module.threshold <= 0).all()
    )  # of the whole layer: refused, as the limit of any ReLU is
    return act.relu(c, x, array(module.threshold if silent else module.positive), module.steps)


def _cross_map_norm(c: Call, x: Data, module: nn.CrossMapLRN2d) -> Data:
    return normalization.cross_map_norm(c, x, module.size, module.alpha, module.beta, module.k)


# Modules that are one operator.
MODULES: dict[Any, Handler] = {FirstSpike: _first_spike, nn.CrossMapLRN2d: _cross_map_norm}


def _by_names(rows: dict[str, Any]) -> dict[str, Any]:
    """Return a table with a row for each name; "#" stands for 1, 2 and 3."""
    return {
        name.replace("#", digit): value
        for names, value in rows.items()
        for name in names.split()
        for digit in ("123" if "#" in name else "1")
    }


# Operators that no layer computes, which may be parts of activations.
_COMPARISONS = {
    "gt greater": np.greater,
    "ge greater_equal": np.greater_equal,
    "lt less": np.less,
    "le less_equal": np.less_equal,
    "eq": np.equal,
    "ne not_equal": np.not_equal,
    "sign sgn": np.sign,
    "logical_not bitwise_not invert": np.logical_not,
    "logical_and bitwise_and and": np.logical_and,
    "logical_or bitwise_or or": np.logical_or,
}
ELEMENTWISE: dict[str, Any] = _by_names(_COMPARISONS)
_PLAIN = """sigmoid logsigmoid tanh hardsigmoid hardswish silu mish selu softsign exp log sqrt square reciprocal abs erf
sin cos"""
# The last ones are casts of the results of comparisons; those of the input itself are not recorded.
_SAME = """clone contiguous detach data alias identity positive requires_grad real resolve_conj resolve_neg lift_fresh
lift_fresh_copy share_memory pin_memory float double half bfloat16 to to_copy type type_as"""
_DROPOUTS = (
    """dropout dropout#d alpha_dropout feature_alpha_dropout feature_dropout native_dropout"""
)
_BATCH_NORMS = """batch_norm native_batch_norm_legit native_batch_norm_legit_functional
native_batch_norm_legit_no_training"""
_MULTI_HEAD = """key value embed_dim num_heads in_proj_weight in_proj_bias bias_k bias_v add_zero_attn dropout_p
out_proj_weight out_proj_bias training key_padding_mask need_weights attn_mask use_separate_proj_weight q_proj_weight
k_proj_weight v_proj_weight static_k static_v average_attn_weights is_causal"""
_MAX_POOL = "kernel_size:kernel stride padding dilation ceil_mode return_indices"
_AVG_POOL = "kernel_size:kernel stride padding ceil_mode count_include_pad divisor_override"
_CONV_TRANSPOSE = "weight bias stride padding output_padding groups dilation"
_SDPA = "key:k value:v attn_mask:mask dropout_p is_causal:causal scale enable_gqa"
_GROUP_NORM = "num_groups:groups weight bias eps cudnn_enabled group:groups"
_FOLD = "output_size:size kernel_size:kernel dilation padding stride"
_ROWS: dict[str, Handler] = {
    _SAME: _keep,
    _DROPOUTS: _row(_dropout, "p training inplace"),
    # functions of one value
    **{name: _function(name) for name in _PLAIN.split()},
    "relu": _row(act.relu, "inplace"),
    "relu6": _row(act.relu, "inplace", upper=6.0),
    "hardtanh": _row(act.clip, "min_val:low max_val:high inplace", low=-1.0, high=1.0),
    "clamp clip clamp_min": _clamp,
    "clamp_max": _row(_clamp, "max"),
    "leaky_relu": _row(act.prelu, "negative_slope:slope inplace", slope=0.01),
    "prelu": _row(act.prelu, "weight:slope"),
    "rrelu rrelu_with_noise_functional": _row(_rrelu, "lower upper training inplace"),
    "elu": _row(_elu, "alpha inplace"),
    "celu": _function("celu", "alpha inplace"),
    "gelu": _gelu,
    "softplus": _function("softplus", "beta:alpha threshold:beta"),
    "softshrink": _function("softshrink", "lambd:alpha"),
    "hardshrink": _function("hardshrink", "lambd:alpha"),
    "tanhshrink": _tanhshrink,
    "threshold": _row(act.threshold, "threshold:at value inplace"),
    "glu": _row(act.glu, "dim:axis", axis=-1),
    "absolute": _function("abs"),
    "log_sigmoid": _function("logsigmoid"),
    "rsqrt": _row(act.activation, function="pow", alpha=-0.5),
    "exp2": _then("exp", math.log(2)),
    "expm1": _then("exp", offset=-1.0),
    "log2": _then("log", after=1 / math.log(2)),
    "log10": _then("log", after=1 / math.log(10)),
    "log1p": _then("log", shift=1.0),
    "softmax": _along(act.softmax),
    "log_softmax": _along(act.log_softmax),
    "softmin": _along(act.softmin),
    # sums and products
    "add radd": _add,
    "sub subtract": _subtract,
    "rsub": _reversed(arithmetic.subtract),
    "mul multiply rmul": arithmetic.multiply,
    "div divide true_divide": _divide,
    "rdiv rtruediv": _reversed(arithmetic.divide),
    "pow": arithmetic.power,
    "rpow": _reversed(arithmetic.power),
    "maximum": arithmetic.maximum,
    "minimum": arithmetic.minimum,
    "matmul mm bmm": arithmetic.matmul,
    "rmatmul": _reversed(arithmetic.matmul),
    "neg negative": negative,
    "addcmul": _addcmul,
    "addmm baddbmm": _addmm,
    "lerp": _lerp,
    "einsum": _einsum,
    "where": _row(arithmetic.where, "input:a other:b"),
    "masked_fill": lambda c, x, mask, value: arithmetic.where(c, mask, value, x),
    "cumsum": _row(arithmetic.cumsum, "dim:axis dtype"),
    "cosine_similarity": _cosine_similarity,
    "pairwise_distance": _pairwise_distance,
    "bilinear": _bilinear,
    "tensordot": _row(_tensordot, "b dims out"),
    # convolutions, linear layers, pools and interpolation
    "linear": _linear,
    "conv#d": _row(spatial.conv, "weight bias stride padding dilation groups"),
    "conv_transpose#d": _row(spatial.conv_transpose, _CONV_TRANSPOSE),
    "convolution": _convolution,
    "fold col2im": _row(spatial.fold, _FOLD),
    "max_pool#d max_pool#d_with_indices": _row(spatial.pool, _MAX_POOL, kind="MaxPool"),
    "avg_pool#d": _row(spatial.pool, _AVG_POOL, kind="AvgPool"),
    "adaptive_avg_pool#d": _row(spatial.adaptive_pool, "output_size:size", kind="AvgPool"),
    "adaptive_max_pool#d adaptive_max_pool#d_with_indices": _row(
        spatial.adaptive_pool, "output_size:size return_indices", kind="MaxPool"
    ),
    "lp_pool#d": _row(spatial.lp_pool, "norm_type:p kernel_size:kernel stride ceil_mode"),
    "interpolate upsample": _interpolate,
    "upsample_nearest#d": _upsample("nearest"),
    "upsample_nearest_exact#d": _upsample("nearest-exact"),
    "upsample_linear1d": _upsample("linear"),
    "upsample_bilinear2d": _upsample("bilinear"),
    "upsample_bicubic2d": _upsample("bicubic"),
    "upsample_trilinear3d": _upsample("trilinear"),
    # reductions
    "mean": _reduced("mean"),
    "sum": _reduced("sum"),
    "prod": _reduced("prod"),
    "amax": _reduced("max"),
    "amin": _reduced("min"),
    "logsumexp": _reduced("log_sum_exp"),
    "max": _greatest("max"),
    "min": _greatest("min"),
    "var": _row(_spread, "dim unbiased keepdim", how="var"),
    "std": _row(_spread, "dim unbiased keepdim", how="std"),
    "var_mean": _row(_both_moments, "dim unbiased keepdim", how="var"),
    "std_mean": _row(_both_moments, "dim unbiased keepdim", how="std"),
    "norm vector_norm linalg_norm linalg_vector_norm": _row(_norm, "p dim keepdim out dtype ord:p"),
    # normalization and attention
    _BATCH_NORMS: _row(
        _batch_norm, "running_mean running_var weight bias training momentum eps cudnn_enabled"
    ),
    "instance_norm": _row(
        _instance_norm, "running_mean running_var weight bias use_input_stats momentum eps"
    ),
    "group_norm native_group_norm": _row(normalization.group_norm, _GROUP_NORM),
    "layer_norm native_layer_norm": _last(normalization.layer_norm),
    "rms_norm": _last(normalization.rms_norm),
    "local_response_norm": normalization.local_response_norm,
    "normalize": _row(normalization.l2_normalize, "p dim:axes eps out", axes=1),
    "scaled_dot_product_attention": _row(_scaled_dot_product, _SDPA),
    "multi_head_attention_forward": _row(_multi_head_attention, _MULTI_HEAD),
}
OPERATORS: dict[str, Handler] = {
    **JOINS,
    **{name: _each(name, function) for name, function in ELEMENTWISE.items()},
    **_by_names(_ROWS),
}
# Rows whose arguments ATen has in another order than PyTorch's functions.
_OTHER_ORDER = frozenset(
    _by_names(
        {
            f"{_BATCH_NORMS} instance_norm native_group_norm elu convolution rrelu_with_noise_functional": 0,
            **{names: 0 for names in _ROWS if names.startswith("upsample_")},
        }
    )
)
