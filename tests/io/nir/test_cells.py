from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from spikelet.io.nir.cells import Cell, Delayed, coefficients, delay_steps
from spikelet.io.nir.flat import FlatNode, flatten

nir = pytest.importorskip("nir")

F64 = np.dtype(np.float64)


def flat(node: Any) -> FlatNode:
    return flatten(nir.NIRGraph({"x": node}, [], type_check=False), "g").nodes["x"]


def cuba(tau_mem: Any, tau_syn: Any, r: Any = 1.0, v_leak: Any = 0.0, w_in: Any = 1.0) -> FlatNode:
    shape = np.broadcast_shapes(np.shape(tau_mem), np.shape(tau_syn), (1,))
    full = [np.broadcast_to(a, shape).astype(float) for a in (tau_syn, tau_mem, r, v_leak, w_in)]
    return flat(nir.CubaLI(*full))


@pytest.mark.parametrize(
    ("mem", "syn"),
    [(20e-3, 5e-3), (5e-3, 20e-3), (5e-3, 5e-3), (5e-3, 5e-3 * (1 + 1e-9)), (1e-6, 1e-1), (1e-1, 1e-6), (2.0, 3.0)],
)  # fmt: skip
def test_the_exact_step_is_the_exponential_of_the_equations(mem: float, syn: float) -> None:
    dt, r, leak, w = 1e-3, 1.7, -0.3, 2.5
    c = coefficients("w", cuba(mem, syn, r, leak, w), dt, "exact")
    a = np.zeros((4, 4))  # of (v, i, x, 1)
    a[0] = np.array([-1, r, 0, leak]) / mem
    a[1] = np.array([0, -1, w, 0]) / syn
    with mpmath.workdps(50):  # expm of scipy has an error of its own where the matrix is stiff
        flow = np.array(mpmath.expm(mpmath.matrix((a * dt).tolist())).tolist(), dtype=float)
    assert c.pull is not None
    assert c.syn_decay is not None
    assert c.syn_gain is not None
    got = [[c.leak[0], c.pull[0], c.gain[0], c.drive[0]], [0, c.syn_decay[0], c.syn_gain[0], 0]]
    np.testing.assert_allclose(got, flow[:2], rtol=1e-11, atol=1e-14)


def test_a_lif_is_exact_to_1e_12_over_a_thousand_steps() -> None:
    tau, r, leak, dt = 2.5e-3, 1.3, 0.02, 1e-4
    ones = np.ones(1)
    node = flat(nir.LIF(tau * ones, r * ones, leak * ones, 1e9 * ones))
    step = coefficients("w", node, dt, "exact")
    cell = Cell(step, 1, F64, height=1.0, subtract=False, threads=1)
    x = 0.7
    v = np.empty((1000, 1))
    cell.run(np.full((1000, 1), x), v)
    t = dt * np.arange(1, 1001)
    closed = (leak + r * x) * -np.expm1(-t / tau)
    np.testing.assert_allclose(v[:, 0], closed, rtol=0, atol=1e-12)


def test_an_integrator_is_exact_in_both_modes() -> None:
    node = flat(nir.I(np.array([3.0])))
    for mode in ("exact", "euler"):
        c = coefficients("w", node, 0.5, mode)  # type: ignore[arg-type]
        assert (c.leak[0], c.gain[0], c.drive[0]) == (1.0, 1.5, 0.0)


def test_euler_is_that_of_snntorch() -> None:
    """Synaptic: ``syn = alpha syn + x; mem = beta mem + syn``, for the tau, r and w_in that its export writes."""
    dt, alpha, beta = 1e-4, 0.6, 0.8
    syn, mem = dt / (1 - alpha), dt / (1 - beta)
    c = coefficients("w", cuba(mem, syn, r=mem / dt, w_in=syn / dt), dt, "euler")
    assert c.pull is not None
    got = [c.leak[0], c.pull[0], c.gain[0], c.drive[0]]
    np.testing.assert_allclose(got, [beta, alpha, 1.0, 0.0], rtol=1e-14)


def test_a_step_too_long_for_euler_is_warned_of() -> None:
    with pytest.warns(
        UserWarning, match=r"^w: node 'x' \(CubaLI\): dt = 0.9 is not below 2 tau_syn"
    ):
        c = coefficients("w", cuba(1.0, 0.4), 0.9, "euler")
    assert c.syn_decay is not None
    assert c.syn_decay[0] == pytest.approx(-1.25)
    coefficients("w", cuba(1.0, 0.4), 0.9, "exact")


@pytest.mark.parametrize("subtract", [False, True])
def test_spikes_need_more_than_the_threshold_and_reset_in_their_step(subtract: bool) -> None:
    node = flat(nir.IF(np.ones(2), np.ones(2), np.array([-0.25, 0.25])))
    cell = Cell(
        coefficients("w", node, 1.0, "exact"), 1, F64, height=2.0, subtract=subtract, threads=1
    )
    v = np.empty((3, 2))
    out = cell.run(np.array([[1.0, 1.5], [0.5, 0.0], [0.0, 0.0]]), v)
    np.testing.assert_array_equal(out, [[0, 2], [2, 0], [0, 0]])
    low = [0.5, 0.5] if subtract else [-0.25, 0.25]
    np.testing.assert_array_equal(v, [[1.0, low[1]], [low[0], low[1]], [low[0], low[1]]])


def test_delays_are_rounded_to_steps() -> None:
    node = flat(nir.Delay(np.array([0.0, 0.14, 0.16, 0.25, 0.35])))
    np.testing.assert_array_equal(delay_steps("w", node, 0.1), [0, 1, 2, 2, 3])
    with pytest.raises(ValueError, match="delay must be at most"):
        delay_steps("w", node, 1e-12)


def test_delayed_values_come_in_pieces_and_step_by_step_alike() -> None:
    steps = np.array([1, 4, 2])
    x = np.arange(60.0).reshape(10, 2, 3)
    whole = Delayed(steps, 2, F64)
    y = whole.run(x)
    for k, d in enumerate(steps):
        np.testing.assert_array_equal(y[d:, :, k], x[:-d, :, k])
        assert not y[:d, :, k].any()
    pieces, single = Delayed(steps, 2, F64), Delayed(steps, 2, F64)
    np.testing.assert_array_equal(np.concatenate([pieces.run(x[:3]), pieces.run(x[3:])]), y)
    for t in range(10):
        np.testing.assert_array_equal(single.output(), y[t])
        single.push(x[t])
    np.testing.assert_array_equal(single.past, whole.past)
    np.testing.assert_array_equal(pieces.past, whole.past)
