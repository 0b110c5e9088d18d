"""Reductions along axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.operator_calls import X, call, kinds, samples, values

from spikelet.conversion.operators import movement, normalization

HOWS: dict[str, Any] = {
    "mean": np.mean,
    "sum": np.sum,
    "max": np.max,
    "min": np.min,
    "l1": lambda x, axis, keepdims: np.abs(x).sum(axis, keepdims=keepdims),
    "l2": lambda x, axis, keepdims: np.sqrt((x**2).sum(axis, keepdims=keepdims)),
    "sum_square": lambda x, axis, keepdims: (x**2).sum(axis, keepdims=keepdims),
    "log_sum_exp": lambda x, axis, keepdims: np.log(np.exp(x).sum(axis, keepdims=keepdims)),
    "var": lambda x, axis, keepdims: x.var(axis, ddof=1, keepdims=keepdims),
    "std": lambda x, axis, keepdims: x.std(axis, ddof=1, keepdims=keepdims),
}


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("axes", [(1,), (-1,), (2, 3), (1, 2, 3)])
def test_every_reduction_of_every_axis(how: str, axes: tuple[int, ...]) -> None:
    x = samples(3, 4, 5)
    for keepdims in (True, False):
        c = call(3, 4, 5)
        found = values(c, normalization.reduce(c, X, how, axes, keepdims), x)
        wanted = HOWS[how](x, axis=axes, keepdims=keepdims)
        np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=1e-10)


def test_positions_of_an_image_are_pooled() -> None:
    c = call(3, 4, 5)
    assert kinds(c, normalization.reduce(c, X, "mean", (2, 3))) == ["AdaptiveAvgPool2d", "Flatten"]
    c = call(3, 4)
    assert kinds(c, normalization.reduce(c, X, "max", (2,), keepdims=True)) == ["AdaptiveMaxPool1d"]


def test_the_batch_stays() -> None:
    c, x = call(3, 4), samples(3, 4)
    turned = movement.permute(c, X, (1, 0, 2))
    made = normalization.reduce(c, turned, "sum", 0)
    assert (made.axis, c.tensor(made)) == (0, (2, 4))
    np.testing.assert_allclose(values(c, made, x), x.sum(1), rtol=1e-10)
    whole = normalization.reduce(c, X, "sum")
    assert c.tensor(whole) == (2,)
    for axes in (0, (0, 1)):
        with pytest.raises(ValueError, match="which is the batch"):
            normalization.reduce(c, X, "mean", axes)


def test_what_is_no_reduction() -> None:
    with pytest.raises(ValueError, match="reduces by 'median'"):
        normalization.reduce(call(3), X, "median", 1)
    with pytest.raises(ValueError, match="a variance of one value"):
        normalization.reduce(call(3, 1), X, "var", 2)
