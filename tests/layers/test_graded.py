"""Graded units against PyTorch, and over several steps against their definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.layer_checks import Make, parameters_are_refused
from tests.support.layer_runs import STEPS, check_ann, check_steps, evaluate, model, tensor, trains

from spikelet import layers as L
from spikelet.layers.graded import FUNCTIONS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 4, 6)) * 3
IMAGE = (6, 5, 4)

TORCH: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "abs": torch.abs,
    "celu": F.celu,
    "clip": lambda v: v,
    "cos": torch.cos,
    "elu": F.elu,
    "erf": torch.erf,
    "exp": torch.exp,
    "floor": torch.floor,
    "gelu": F.gelu,
    "gelu_tanh": lambda v: F.gelu(v, approximate="tanh"),
    "hardshrink": F.hardshrink,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "leaky_relu": F.leaky_relu,
    "log": torch.log,
    "logsigmoid": F.logsigmoid,
    "mish": F.mish,
    "pow": lambda v: v**2,
    "reciprocal": torch.reciprocal,
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "sin": torch.sin,
    "softplus": F.softplus,
    "softshrink": F.softshrink,
    "softsign": F.softsign,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "tanh": torch.tanh,
    "threshold": lambda v: F.threshold(v, 1.0, 0.0),
}


def test_all_functions_are_compared() -> None:
    assert TORCH.keys() == FUNCTIONS.keys()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_those_of_pytorch(name: str) -> None:
    x = X.copy()
    if name in ("log", "sqrt", "reciprocal"):
        x = np.abs(x) + 0.1
    if name == "floor":  # single precision must not round to another integer
        x = np.round(x * 8) / 8
    wanted = TORCH[name](tensor(x))
    check_ann([L.Activation(name)], [x], wanted, 1e-11)
    np.testing.assert_allclose(L.Activation(name).of(x), wanted, rtol=1e-11, atol=1e-11)
    single = L.Activation(name).of(x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(
        single, wanted, rtol=1e-5, atol=1e-5 * max(1, float(wanted.abs().max()))
    )


def test_parameters_of_functions() -> None:
    slopes = RNG.uniform(0.1, 0.5, 5)
    cases: list[tuple[Any, Any]] = [
        (L.Activation("leaky_relu", slopes), F.prelu(tensor(X), tensor(slopes))),
        (L.Activation("celu", 1.7), F.celu(tensor(X), 1.7)),
        (L.Activation("elu", 0.3), F.elu(tensor(X), 0.3)),
        (L.Activation("clip", -1, 2), tensor(X).clamp(-1, 2)),
        (L.Activation("softplus", 2.0, 3.0), F.softplus(tensor(X), 2, 3)),
        (L.Activation("pow", 3), tensor(X) ** 3),
        (L.Activation("silu", 1.7), tensor(X) * torch.sigmoid(1.7 * tensor(X))),
        (L.Activation("hardsigmoid", 0.2, 0.5), (0.2 * tensor(X) + 0.5).clamp(0, 1)),
        (L.Activation("threshold", 0.5, -3), F.threshold(tensor(X), 0.5, -3)),
    ]
    for layer, wanted in cases:
        check_ann([layer], [X], wanted)
        np.testing.assert_allclose(layer.of(X), wanted, atol=1e-12)


def test_far_from_zero_functions_neither_overflow_nor_lose_their_sign() -> None:
    far = np.array([[-800.0, -40.0, 40.0, 800.0]])
    for name in ("sigmoid", "silu", "gelu", "mish", "softplus", "elu", "tanh", "logsigmoid"):
        found, wanted = L.Activation(name).of(far), TORCH[name](tensor(far)).numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-15, err_msg=name)
    assert -1e-300 < L.Activation("gelu").of(np.array([-38.0]))[0] < 0


PAIRS: dict[Any, Any] = {
    L.Multiply: torch.mul,
    L.Divide: torch.div,
    L.Maximum: torch.maximum,
    L.Minimum: torch.minimum,
    L.Add: torch.add,
}


@pytest.mark.parametrize("kind", PAIRS)
def test_two_inputs_broadcast(kind: Any) -> None:
    function, layer = PAIRS[kind], kind()
    gate, plane = RNG.uniform(0.5, 2, (3, 5, 1, 1)), RNG.uniform(0.5, 2, (3, 4, 6))
    check_ann([("o", layer, ("a", "b"))], [X, gate], function(tensor(X), tensor(gate)))
    check_ann([("o", layer, ("b", "a"))], [gate, X], function(tensor(X), tensor(gate)))
    wanted = function(tensor(X), tensor(plane)[:, None])
    check_ann([("o", layer, ("a", "b"))], [X, plane], wanted)
    x = np.abs(X) + 1
    check_ann([("o", layer, ("input", "input"))], [x], function(tensor(x), tensor(x)))
    moved = [
        ("p", L.Permute((2, 0, 1)), "a"),
        ("q", L.Slice((0,), (1,)), "b"),
        ("o", layer, ("p", "q")),
    ]
    other = RNG.uniform(0.5, 2, (3, 6, 5, 4))
    wanted = function(tensor(X).permute(0, 3, 1, 2), tensor(other)[:, :1])
    check_ann(moved, [X, other], wanted)


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("shape", [(5, 4, 6), (4, 1), (5, 1, 1), ()])
def test_one_input_may_be_a_constant(kind: Any, shape: tuple[int, ...]) -> None:
    value, x = RNG.uniform(0.5, 2, shape), np.abs(X) + 1
    for order, wanted in (
        (("input", "k"), PAIRS[kind](tensor(x), tensor(value))),
        (("k", "input"), PAIRS[kind](tensor(value), tensor(x))),
    ):
        check_ann([("k", L.Constant(value), ()), ("o", kind(), order)], [x], wanted)


def test_matrix_products() -> None:
    a, b = RNG.normal(size=(2, 3, 4, 5)), RNG.normal(size=(2, 3, 5, 19))
    mul = [("o", L.MatMul(), ("a", "b"))]
    check_ann(mul, [a, b], a @ b)
    check_ann(mul, [a, b[:, 0]], a @ b[:, :1])
    turned = [("t", L.Permute((0, 2, 1)), "b"), ("o", L.MatMul(), ("a", "t"))]
    check_ann(turned, [a, np.ascontiguousarray(b.swapaxes(2, 3))], a @ b)
    constant = [("k", L.Constant(b[0]), ()), ("o", L.MatMul(), ("input", "k"))]
    check_ann(constant, [a], a @ b[0])


@pytest.mark.parametrize("dimensions", [2, 3, 4])
def test_norms_and_softmax(dimensions: int) -> None:
    x = RNG.normal(size=(2, 6, 5, 4, 3)[: dimensions + 1])
    last, plane = x.shape[-1:], x.shape[2:]
    w, b = RNG.normal(size=last), RNG.normal(size=last)
    wanted = F.layer_norm(tensor(x), last, tensor(w), tensor(b))
    check_ann([L.LayerNorm(1, w, b)], [x], wanted)
    wanted = F.layer_norm(tensor(x), plane, eps=0.1)
    check_ann([L.LayerNorm(tuple(range(1, dimensions)), eps=0.1)], [x], wanted)
    w = RNG.normal(size=6)
    wanted = F.layer_norm(tensor(x).movedim(1, -1), (6,), tensor(w)).movedim(-1, 1)
    check_ann([L.LayerNorm((0,), w)], [x], wanted)
    ends = F.layer_norm(tensor(x).movedim(1, -1), (*last, 6)).movedim(-1, 1)
    check_ann([L.LayerNorm((0, -1))], [x], ends)
    check_ann([L.RMSNorm(1, eps=1e-6)], [x], F.rms_norm(tensor(x), last, eps=1e-6))
    wanted = F.group_norm(tensor(x), 3, tensor(w), tensor(w))
    check_ann([L.GroupNorm(3, w, w)], [x], wanted)
    check_ann([L.GroupNorm(6)], [x], F.instance_norm(tensor(x)))
    for size in (3, 4):
        wanted = F.local_response_norm(tensor(x), size, 0.1, 0.7, 2.0)
        check_ann([L.LocalResponseNorm(size, 0.1, 0.7, 2.0)], [x], wanted)
    for axis in range(dimensions):
        check_ann([L.Softmax(axis)], [x], F.softmax(tensor(x), axis + 1))
        check_ann([L.LogSoftmax(axis - dimensions)], [x], F.log_softmax(tensor(x), axis + 1))


REDUCED: dict[Any, Callable[..., Any]] = {
    "mean": np.mean,
    "sum": np.sum,
    "max": np.max,
    "min": np.min,
    "prod": np.prod,
    "l1": lambda a, axis, keepdims: np.abs(a).sum(axis, keepdims=keepdims),
    "l2": lambda a, axis, keepdims: np.sqrt((a * a).sum(axis, keepdims=keepdims)),
}


@pytest.mark.parametrize("name", REDUCED)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axes", [(0,), (2,), (0, 2), (1, 2), (0, 1, 2), None])
def test_reductions(name: Any, axes: Any, keepdims: bool) -> None:
    x = RNG.uniform(0.5, 1.5, (2, 3, 4, 5)) * RNG.choice([-1, 1], (2, 3, 4, 5))
    over = tuple(a + 1 for a in (axes or range(3)))
    wanted = REDUCED[name](x, axis=over, keepdims=keepdims)
    check_ann([L.Reduce(name, axes, keepdims)], [x], wanted, 1e-11)


def test_a_reduction_over_no_axis_is_a_function_of_each_value() -> None:
    check_ann([L.Reduce("l2", ())], [X], np.abs(X))
    check_ann([L.Reduce("sum", ())], [X], X)


def pair_of(layer: Any, second: Any) -> list[Any]:
    return [("s", second, "input"), ("o", layer, ("input", "s"))]


W = RNG.normal(size=(5, 4))
LINEAR: dict[str, list[Any]] = {
    "mean": [L.Reduce("mean", (1, 2))],
    "sum": [L.Reduce("sum", (0, 2))],
    "constant factor": [("k", L.Constant(W), ()), ("o", L.Multiply(), ("input", "k"))],
    "constant divisor": [("k", L.Constant(1 + W**2), ()), ("o", L.Divide(), ("input", "k"))],
    "constant matrix": [("k", L.Constant(W.T), ()), ("o", L.MatMul(), ("input", "k"))],
}
GRADED: dict[str, list[Any]] = {
    "silu": [L.Activation("silu")],
    "prelu": [L.Activation("leaky_relu", RNG.normal(size=6))],
    "squeeze and excite": [
        ("s", L.Reduce("mean", (1, 2), True), "input"),
        ("g", L.Activation("sigmoid"), "s"),
        ("o", L.Multiply(), ("input", "g")),
    ],
    "square": [("o", L.Multiply(), ("input", "input"))],
    "greater": pair_of(L.Maximum(), L.Slice((0,), (1,))),
    "quotient": pair_of(L.Divide(), L.Affine(0.1, 3.0)),
    "products": pair_of(L.MatMul(), L.Permute((0, 2, 1))),
    "softmax": [L.Softmax(1)],
    "log softmax": [L.LogSoftmax()],
    "layer norm": [L.LayerNorm(2, RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4)), 1e-2)],
    "rms norm": [L.RMSNorm(1, eps=1e-2)],
    "group norm": [L.GroupNorm(2, eps=1e-2)],
    "local response": [L.LocalResponseNorm(3, 0.5)],
    "greatest": [L.Reduce("max", (0,))],
    "norm": [L.Reduce("l2", (1,), True)],
    "chain": [L.Activation("silu"), L.LayerNorm(1, eps=1e-1), L.Activation("tanh")],
}


@pytest.mark.parametrize("name", LINEAR)
def test_what_is_linear_acts_on_each_step(name: str) -> None:
    check_steps(LINEAR[name], IMAGE)


@pytest.mark.parametrize("name", GRADED)
def test_a_unit_sends_what_keeps_its_mean_right(name: str) -> None:
    check_steps(GRADED[name], IMAGE, graded=True)


def test_results_do_not_depend_on_threads() -> None:
    x = trains(IMAGE)["spikes"].repeat(3, 1)
    layers = [*GRADED["chain"], L.Conv2d(RNG.normal(size=(16, 6, 3, 3)), None, 1, 1), L.IF(1.0)]
    one, three = (model(layers, dtype="float32", threads=n).run(x, record=True) for n in (1, 3))
    np.testing.assert_array_equal(one.output, three.output)
    np.testing.assert_array_equal(one.spikes, three.spikes)
    assert np.count_nonzero(one.spikes) > 0


def test_operations_are_counted_once_for_each_step_that_works() -> None:
    x = trains(IMAGE)["spikes"]
    size, constant = int(np.prod(IMAGE)), x[0].astype(float)

    def products(
        layers: list[Any], x: Any, steps: int | None = None, **options: Any
    ) -> dict[str, float]:
        found = model(layers).run(x, steps, **options).operations
        return {name: o.products for name, o in found.items() if o.products}

    unit = [("a", L.Activation("silu"), "input")]
    assert products(unit, x) == {"a": size}  # only the mean is computed
    assert products(unit, x, record="a.value") == {"a": STEPS * size}
    assert products(unit, constant, STEPS) == {"a": size}
    pixels = IMAGE[1] * IMAGE[2]
    behind = [*unit, ("c", L.Conv2d(np.ones((2, 6, 1, 1))), "a"), ("n", L.IF(1.0), "c")]
    assert products(behind, x)["a"] == STEPS * size
    attention = [("t", L.Permute((0, 2, 1)), "input"), ("m", L.MatMul(), ("input", "t"))]
    assert products(attention, x) == {"m": 6 * 5 * 4 * 5}
    norm = [("n", L.LayerNorm(1, np.ones(4)), "input")]
    assert products(norm, x) == {"n": 2 * size}
    dense = model(unit).run(x).operations["a"].dense
    assert dense == STEPS * size
    assert pixels == 20


REFUSED: list[tuple[Make, dict[str, Any], type[Exception], tuple[str, ...]]] = [
    (L.Activation, {"function": "relu2"}, ValueError, ("function", '"gelu"', "relu2")),
    (
        L.Activation,
        {"function": "tanh", "alpha": 1.0},
        ValueError,
        ("alpha", '"tanh" has no alpha'),
    ),
    (L.Activation, {"function": "elu", "alpha": np.inf}, ValueError, ("alpha", "finite")),
    (L.Activation, {"function": "celu", "alpha": 0.0}, ValueError, ("alpha", "> 0")),
    (L.Activation, {"function": "clip", "alpha": 2.0, "beta": 1.0}, ValueError, ("lower", "upper")),
    (
        L.Activation,
        {"function": "leaky_relu", "alpha": [[1.0]]},
        ValueError,
        ("alpha", "one dimension"),
    ),
    (L.Activation, {"function": "leaky_relu", "alpha": "x"}, TypeError, ("alpha",)),
    (L.Softmax, {"axis": 1.5}, TypeError, ("axis", "1.5")),
    (L.LayerNorm, {"axes": ()}, ValueError, ("axes", "at least one")),
    (L.LayerNorm, {"eps": -1.0}, ValueError, ("eps", ">= 0")),
    (L.LayerNorm, {"weight": []}, ValueError, ("weight", "not be empty")),
    (L.GroupNorm, {"groups": 0}, ValueError, ("groups", ">= 1")),
    (L.LocalResponseNorm, {"size": 0}, ValueError, ("size", ">= 1")),
    (L.Reduce, {"function": "median"}, ValueError, ("function", '"l2"')),
    (L.Reduce, {"function": "max", "axes": (0.5,)}, TypeError, ("axes", "0.5")),
]


test_parameters_that_make_no_sense_are_refused = parameters_are_refused(REFUSED)


REFUSED_SHAPES: list[tuple[Any, list[tuple[int, ...]], str]] = [
    (L.Activation("leaky_relu", [1.0, 2.0]), [(3, 4)], "alpha must be one number or 3 numbers"),
    (L.Multiply(), [(3, 4), (3,)], "input shapes must be equal, or 1 where they differ"),
    (L.Multiply(), [(3, 4)], "inputs must be 2, got 1"),
    (L.MatMul(), [(3, 4), (3, 4)], r"input shapes must be \(..., n, k\) and \(..., k, m\)"),
    (L.MatMul(), [(4,), (4, 3)], r"input shapes must be \(..., n, k\)"),
    (L.Softmax(2), [(3, 4)], r"axis must lie in -2 \.\. 1 for a sample of 2 axes, got 2"),
    (L.LayerNorm(3), [(3, 4)], "axes must be at most the 2 of a sample"),
    (L.LayerNorm((0, -2)), [(3, 4)], "axes must name different axes"),
    (L.LayerNorm(1, np.ones(3)), [(3, 4)], r"weight must have the shape \(4,\) of the axes"),
    (L.GroupNorm(2), [(3, 4)], "groups must divide the 3 channels"),
    (L.GroupNorm(3, np.ones(2)), [(3, 4)], "weight must have one value for each of 3 channels"),
    (L.Reduce("max", (2,)), [(3, 4)], "axes must lie in"),
]


@pytest.mark.parametrize(("layer", "shapes", "message"), REFUSED_SHAPES)
def test_shapes_that_do_not_fit_are_refused(layer: Any, shapes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{type(layer).__name__} 'here': {message}"):
        layer.output_shape(shapes, "here")


def test_values_outside_a_domain_are_infinite_or_nan() -> None:
    found = evaluate([L.Activation("log")], np.array([[0.0, 1.0]]))
    assert found.tolist() == [[-np.inf, 0.0]]
