"""Operators that their own framework evaluates."""

from __future__ import annotations

import numpy as np
from tests.support.operator_calls import X, call, kinds, samples, values

from spikelet.conversion.building import Layout
from spikelet.conversion.operators.foreign import foreign


def test_a_function_of_samples() -> None:
    c, x = call(3, 4), samples(3, 4)
    made = foreign(c, [X, X], lambda a, b: np.sort(a, -1) + b, (3, 4), Layout(1))
    assert (made.axis, made.merged, c.tensor(made)) == (1, "", (3, 2, 4))
    assert kinds(c, made) == ["Foreign"]
    np.testing.assert_allclose(values(c, made, x), np.sort(x, -1) + x)
