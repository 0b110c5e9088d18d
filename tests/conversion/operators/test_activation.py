"""Functions of one value, bounds, gates."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.operator_calls import X, call, kinds, samples, values

from spikelet.conversion.operators import activation


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, None, ["ReLU"]), (0.0, 0.7, ["ReLU"]), (-0.4, 0.7, ["Affine", "ReLU", "Affine"]),
        (0.2, np.inf, ["Affine", "ReLU", "Affine"]), (None, 0.3, ["Affine", "ReLU", "Affine"]),
        (-20.0, 0.4, ["Activation"]), (-2.5, None, ["Activation"]),  # guards, not activations
    ],
)  # fmt: skip
def test_bounds_are_a_relu_between_shifts_or_a_clip(
    low: float | None, high: float | None, expected: list[str]
) -> None:
    c, x = call(3, 8), samples(3, 8)
    made = activation.clip(c, X, low, high)
    np.testing.assert_allclose(values(c, made, x), np.clip(x, low, high), atol=1e-12)
    assert kinds(c, made) == expected


def test_no_bounds_are_no_layer() -> None:
    c = call(3)
    assert activation.clip(c, X) == activation.clip(c, X, -np.inf, np.inf) == X
    with pytest.raises(ValueError, match="the lower bound must lie below the upper one"):
        activation.clip(c, X, 1.0, 1.0)


def test_slopes_of_channels() -> None:
    c, x = call(3, 4), samples(3, 4)
    slopes = np.array([0.1, 0.2, -0.3])
    wanted = np.where(x > 0, x, x * slopes[:, None])
    np.testing.assert_allclose(values(c, activation.prelu(c, X, slopes[:, None]), x), wanted)
    with pytest.raises(
        ValueError, match=r"has slopes of shape \(2,\) for samples of shape \(3, 4\)"
    ):
        activation.prelu(c, X, slopes[:2])
    with pytest.raises(ValueError, match="has a slope that depends on the input"):
        activation.prelu(c, X, X)


def test_gates_and_softmax() -> None:
    c, x = call(6, 4), samples(6, 4)
    wanted = x[:, :3] / (1 + np.exp(-x[:, 3:]))
    np.testing.assert_allclose(values(c, activation.glu(c, X, 1), x), wanted, rtol=1e-10)
    for function, sign in ((activation.softmax, 1), (activation.softmin, -1)):
        c = call(6, 4)
        e = np.exp(sign * x)
        np.testing.assert_allclose(
            values(c, function(c, X, -1), x), e / e.sum(-1, keepdims=True), rtol=1e-10
        )
    c = call(6, 4)
    log = x - np.log(np.exp(x).sum(1, keepdims=True))
    np.testing.assert_allclose(values(c, activation.log_softmax(c, X, 1), x), log, rtol=1e-10)
    with pytest.raises(ValueError, match="which is the batch"):
        activation.softmax(c, X, 0)


def test_a_continuous_threshold_clips_and_others_jump() -> None:
    for value in (0.2, 0.0):
        c, x = call(4), samples(4)
        made = values(c, activation.threshold(c, X, 0.2, value), x)
        np.testing.assert_allclose(made, np.where(x > 0.2, x, value))


def test_unknown_functions_are_named() -> None:
    with pytest.raises(ValueError, match=r"^layer 'op' \(Op\): Activation: function must be"):
        activation.activation(call(4), X, "step")
