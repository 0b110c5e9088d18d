"""Constants that scale and shift."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.operator_calls import X, call, samples, values

from spikelet.conversion.operators.activation import affine, negative


@pytest.mark.parametrize(
    ("shape", "kept"),
    [((), (4,)), ((4, 1, 1), (4,)), ((1,), (4,)), ((5,), (1, 1, 5)), ((6, 1), (1, 6, 1)), ((4, 6, 5), (4, 6, 5))],
)  # fmt: skip
def test_constants_are_as_small_as_they_can_be(shape: tuple[int, ...], kept: Any) -> None:
    c, x = call(4, 6, 5), samples(4, 6, 5)
    scale = np.random.default_rng(1).normal(size=shape)
    made = affine(c, X, scale, 2 * scale)
    layer: Any = c.builder.graph("here", [made.source])[made.source].layer
    assert layer.scale.shape == kept
    np.testing.assert_allclose(values(c, made, x), x * scale + 2 * scale, rtol=1e-12)


def test_equal_numbers_are_one() -> None:
    c = call(4, 6, 5)
    made = affine(c, X, np.full((4, 6, 5), 3.0))
    layer: Any = c.builder.graph("here", [made.source])[made.source].layer
    np.testing.assert_array_equal(layer.scale, [3.0] * 4)
    assert layer.shift is None


def test_a_sample_grows_to_its_constants() -> None:
    c, x = call(4, 1), samples(4, 1)
    scale = np.arange(6.0).reshape(2, 1, 3)
    np.testing.assert_allclose(values(c, affine(c, X, scale), x), x[:, None] * scale)


def test_the_sign() -> None:
    c, x = call(3), samples(3)
    np.testing.assert_array_equal(values(c, negative(c, X), x), -x)
    with pytest.raises(
        ValueError, match=r"^layer 'op' \(Op\): .*scale must not contain NaN at index 1"
    ):
        affine(c, X, np.array([1.0, np.nan, 2.0]))
