"""Functions of Python as layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.layer_checks import Make, parameters_are_refused
from tests.support.layer_runs import check_ann, model

from spikelet import layers as L

X = np.random.default_rng(0).normal(size=(5, 3, 4))


def test_a_function_of_several_arrays() -> None:
    layers = [("f", L.Foreign(lambda a, b: np.cumsum(a, 1) @ b, (3, 2)), ("a", "b"))]
    other = np.random.default_rng(1).normal(size=(5, 4, 2))
    check_ann(layers, [X, other], np.cumsum(X, 2) @ other)


def test_it_takes_the_mean_over_the_steps_and_is_constant() -> None:
    layers = [("f", L.Foreign(np.square, (3, 4)), ("input",)), ("g", L.Activation("exp"), "f")]
    x = (np.random.default_rng(1).random((9, 5, 3, 4)) < 0.5).astype(np.int8)
    made = model(layers, threads=3)
    found = made.run(x, delay=2, record=["f.value", "g.value"])
    wanted = x[2:].mean(0) ** 2
    for step in found["f.value"]:
        np.testing.assert_allclose(step, wanted, atol=1e-12)
    np.testing.assert_allclose(found.output, np.exp(wanted), atol=1e-12)
    assert found.operations["f"].products == 0


def test_single_precision_and_reordered_values() -> None:
    seen = []

    def function(a: Any) -> Any:
        seen.append(a.shape)
        return a[0] - a[1]

    layers = [L.Permute((1, 0)), ("f", L.Foreign(function, [3]), ("permute0",))]
    found = model(layers, dtype="float32").run(X, 1).output
    np.testing.assert_allclose(found, X[:, :, 0] - X[:, :, 1], atol=1e-6)
    assert seen == [(4, 3)] * 5


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda a: a[:1], ValueError, "must return 12 values, got 4"),
        (lambda a: "no", TypeError, "must return an array of numbers"),
        (lambda a: 1 / 0, ZeroDivisionError, "division by zero"),
    ],
    ids=["too few", "no numbers", "fails"],
)
@pytest.mark.parametrize("threads", [1, 3])
def test_errors_of_the_function_reach_the_caller(
    function: Any, error: Any, message: str, threads: int
) -> None:
    made = model([("f", L.Foreign(function, (3, 4)), ("input",))], threads=threads)
    for _ in range(2):  # the engine may be used again
        with pytest.raises(error, match=message):
            made.run(X, 1)


REFUSED: list[tuple[Make, dict[str, Any], type[Exception], tuple[str, ...]]] = [
    (L.Foreign, {"function": 3, "shape": (1,)}, TypeError, ("function", "callable", "3")),
    (L.Foreign, {"function": abs, "shape": ()}, ValueError, ("shape", "at least one axis")),
    (L.Foreign, {"function": abs, "shape": (0,)}, ValueError, ("shape", ">= 1")),
]


test_parameters_that_make_no_sense_are_refused = parameters_are_refused(REFUSED)


def test_it_cannot_be_saved(tmp_path: Any) -> None:
    made = model([("f", L.Foreign(np.square, (3, 4)), ("input",))])
    with pytest.raises(ValueError, match="'f'"):
        made.save(tmp_path / "m.spk")
    assert list(tmp_path.iterdir()) == []
