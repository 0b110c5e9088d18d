"""Sums and products of tensors and constants, in which samples stay apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.operator_calls import X, call, kinds, samples, values

from spikelet.conversion.building import Data
from spikelet.conversion.operators import arithmetic, movement
from spikelet.conversion.passes import run_passes
from spikelet.conversion.recognition import recognize


@pytest.mark.parametrize(
    ("name", "function"),
    [("add", np.add), ("subtract", np.subtract), ("multiply", np.multiply), ("divide", np.divide),
     ("maximum", np.maximum), ("minimum", np.minimum)],
)  # fmt: skip
def test_two_operands_in_each_role(name: str, function: Any) -> None:
    c, x = call(3, 4), samples(3, 4) + 3
    operator = getattr(arithmetic, name)
    constant = np.arange(1.0, 5)
    wide = movement.reshape(c, X, (2, 1, 12))
    pairs = {
        "data": (X, movement.permute(c, movement.permute(c, X, (0, 2, 1)), (0, 2, 1))),
        "right": (X, constant),
        "left": (np.full((1, 3, 1), 2.0), X),
        "wide": (movement.reshape(c, X, (2, 12, 1)), wide),
    }
    flat = x.reshape(2, 12)
    wanted = {
        "data": (x, x),
        "right": (x, constant),
        "left": (2.0, x),
        "wide": (flat[:, :, None], flat[:, None]),
    }
    for role, (a, b) in pairs.items():
        found = values(c, operator(c, a, b), x)
        np.testing.assert_allclose(found, function(*wanted[role]), rtol=1e-12, err_msg=role)


def test_an_infinite_limit_is_none() -> None:
    c, x = call(3), samples(3)
    found = arithmetic.minimum(c, arithmetic.maximum(c, X, np.full(3, -np.inf)), np.inf)
    np.testing.assert_array_equal(values(c, found, x), x)
    assert "ReLU" not in kinds(c, found)


def test_a_product_with_itself_is_a_square() -> None:
    c = call(3)
    assert kinds(c, arithmetic.multiply(c, X, X)) == ["Activation"]


def test_powers() -> None:
    x = np.abs(samples(3)) + 0.5
    for exponent in (2, 0.5, -1, 3, 1.7):
        c = call(3)
        np.testing.assert_allclose(values(c, arithmetic.power(c, X, exponent), x), x**exponent)
    c = call(3)
    np.testing.assert_allclose(values(c, arithmetic.power(c, 3.0, X), x), 3.0**x)
    assert arithmetic.power(c, X, 1) == X
    for base, exponent in ((X, X), (X, np.arange(3)), (-1.0, X)):
        with pytest.raises(
            ValueError, match=r"^layer 'op' \(Op\): (raises|takes several constants)"
        ):
            arithmetic.power(c, base, exponent)


def test_sums_of_many() -> None:
    c, x = call(3, 4), samples(3, 4)
    made = arithmetic.total(c, [X, np.ones(4), arithmetic.negative(c, X), X, 2.0])
    np.testing.assert_allclose(values(c, made, x), x + 3)


@pytest.mark.parametrize("how", ["right", "left", "many", "subtracted"])
def test_masks_that_are_added(how: str) -> None:
    """As triangles of -inf are to the scores of attention."""
    c, x = call(3, 3), samples(3, 3)
    mask = np.triu(np.full((3, 3), -np.inf), 1)
    made = {
        "right": lambda: arithmetic.add(c, X, mask),
        "left": lambda: arithmetic.add(c, mask, X),
        "many": lambda: arithmetic.total(c, [mask, X, 0.0]),
        "subtracted": lambda: arithmetic.subtract(c, X, -mask),
    }[how]()
    found = values(c, made, x)
    kept = np.tri(3, dtype=bool)
    np.testing.assert_allclose(found[:, kept], x[:, kept])
    assert (found[:, ~kept] < -1e8).all()
    for wrong in (np.inf, np.nan):
        with pytest.raises(ValueError, match=r"shift must (be finite|not contain NaN)"):
            arithmetic.add(c, X, wrong)


def test_a_merged_batch_meets_an_ordinary_one() -> None:
    """As windows do that share a mask."""
    c, x = call(3, 4), samples(3, 4)
    merged = movement.reshape(c, X, (6, 4))
    mask = np.tile(np.arange(12.0).reshape(3, 4), (2, 1))
    made = arithmetic.add(c, merged, mask)
    np.testing.assert_allclose(values(c, made, x), x + mask[:3])
    with pytest.raises(ValueError, match="with different values for each sample"):
        arithmetic.add(c, merged, np.arange(24.0).reshape(6, 4))


def test_a_choice_by_a_constant() -> None:
    c, x = call(3, 4), samples(3, 4)
    mask = samples(3, 4)[0] > 0
    np.testing.assert_allclose(
        values(c, arithmetic.where(c, mask, X, 7.0), x), np.where(mask, x, 7)
    )
    low = values(c, arithmetic.where(c, mask, -np.inf, X), x)
    assert (low[:, mask] == movement.LOWEST).all()
    chosen = arithmetic.where(c, arithmetic.elementwise(c, np.less, X, 2.0, kind="less"), X, 2.0)
    assert kinds(c, chosen) == ["Elementwise"] * 2
    graph = run_passes("test", c.builder.graph("here", [chosen.source]), recognize)
    assert "ReLU" in {type(node.layer).__name__ for node in graph}


@pytest.mark.parametrize(
    ("a", "b"),
    [("x", (6, 2)), ((5, 3), "x"), ("x", (4, 6, 2)), ((4, 5, 3), "x"), ("x", "xT"), ("x", (6,))],
)
def test_products_of_matrices(a: Any, b: Any) -> None:
    c, x = call(4, 3, 6), samples(4, 3, 6)
    rng = np.random.default_rng(2)

    def operand(given: Any) -> tuple[Any, Any]:
        if given == "x":
            return X, x
        if given == "xT":
            return movement.permute(c, X, (0, 1, 3, 2)), x.swapaxes(2, 3)
        constant = rng.normal(size=given)
        return constant, constant

    (one, p), (other, q) = operand(a), operand(b)
    np.testing.assert_allclose(values(c, arithmetic.matmul(c, one, other), x), p @ q, rtol=1e-10)


def test_products_do_not_mix_samples() -> None:
    c = call(6)
    with pytest.raises(ValueError, match="which is the batch"):
        arithmetic.matmul(c, X, Data("input", axis=1))
    with pytest.raises(ValueError, match="along different dimensions"):
        arithmetic.add(call(2), X, Data("input", axis=1))


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bij,bkj->bik", None), ("bij,bij->b", None), ("bij,bik->bkj", None), ("bij->bji", None), ("bij->bj", None),
        ("bij,jk->bik", (6, 2)), ("bij,ijk->bk", (4, 6, 2)), ("bij,ij->bij", (4, 6)), ("bij,ikj->bik", (4, 3, 6)),
        ("bij,bik", None),
    ],
)  # fmt: skip
def test_einsum(equation: str, shapes: Any) -> None:
    c, x = call(4, 6), samples(4, 6)
    count = equation.partition("->")[0].count(",") + 1
    constant = [] if shapes is None else [samples(*shapes)[0]]
    operands: list[Any] = [X, *constant] if constant else [X] * count
    arrays = [x, *constant] if constant else [x] * count
    if equation == "bij,bik":
        with pytest.raises(ValueError, match="samples"):
            arithmetic.einsum(c, equation, operands)
        return
    found = values(c, arithmetic.einsum(c, equation, operands), x)
    wanted = np.einsum(equation, *arrays)
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=1e-10)


@pytest.mark.parametrize("equation", ["ki,bji->bjk", "bji,ki->bjk"])
def test_a_weight_on_either_side_is_linear(equation: str) -> None:
    c, x = call(4, 6), samples(4, 6)
    weight = samples(3, 6)[0]
    operands: list[Any] = [weight, X] if equation.startswith("k") else [X, weight]
    made = arithmetic.einsum(c, equation, operands)
    assert "MatMul" not in kinds(c, made)
    np.testing.assert_allclose(values(c, made, x), x @ weight.T, rtol=1e-10)


def test_running_sums() -> None:
    c, x = call(4, 6), samples(4, 6)
    for axis in (1, -1):
        np.testing.assert_allclose(
            values(c, arithmetic.cumsum(c, X, axis), x), x.cumsum(axis), rtol=1e-10
        )
