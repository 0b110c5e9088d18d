"""Steps of the equations against closed forms."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from spikelet.io.nir.equations import crossing, step_of

ONE = np.ones(1)


@pytest.mark.parametrize(
    ("mem", "syn"),
    [(20e-3, 5e-3), (5e-3, 20e-3), (5e-3, 5e-3), (5e-3, 5e-3 * (1 + 1e-9)), (1e-6, 1e-1), (1e-1, 1e-6), (2.0, 3.0)],
)  # fmt: skip
def test_the_exact_step_is_the_exponential_of_the_equations(mem: float, syn: float) -> None:
    dt, r, leak, w = 1e-3, 1.7, -0.3, 2.5
    a = np.zeros((4, 4))  # of (v, i, x, 1)
    a[0] = np.array([-1, r, 0, leak]) / mem
    a[1] = np.array([0, -1, w, 0]) / syn
    with mpmath.workdps(50):  # expm of scipy has an error of its own where the matrix is stiff
        flow = np.array(mpmath.expm(mpmath.matrix((a * dt).tolist())).tolist(), dtype=float)
    decay, reached = step_of(dt, mem * ONE, "exact")
    syn_decay, syn_reached = step_of(dt, syn * ONE, "exact")
    across = crossing(dt, mem * ONE, syn * ONE)
    got: Any = [
        [decay[0], r * across[0], r * w * (reached - across)[0], leak * reached[0]],
        [0, syn_decay[0], w * syn_reached[0], 0],
    ]
    np.testing.assert_allclose(got, flow[:2], rtol=1e-11, atol=1e-14)


def test_euler_is_a_line() -> None:
    decay, reached = step_of(0.1, np.array([0.4, 0.1, 0.05]), "euler")
    np.testing.assert_allclose(decay, [0.75, 0.0, -1.0])
    np.testing.assert_allclose(reached, [0.25, 1.0, 2.0])
