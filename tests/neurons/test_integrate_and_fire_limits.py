"""One step of each model from closed forms in 60 digits, for time constants from far below dt to far above."""

from __future__ import annotations

import itertools
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest

import spikelet as sl

DT = 100.0  # tau_m must be at least 0.1 ms, DT / 1000
SCALES = (1e-6, 1e-4, 1e-3, 1 / 800, 1 / 709.0, 1 / 700, 0.01, 0.02, 0.1, 1.0, 3.0, 20.0, 200.0)
LONG = (1e3, 1e4, 0.99e5, 1.01e5, 1e6, 1e9)
NEAR = (0.0, 1e-15, 1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1)
MEMBRANE = [DT * s for s in (*SCALES, *LONG) if s >= 1e-3]
C = 250.0


def pairs() -> list[tuple[float, float]]:
    """Return (tau_m, tau_syn) over all orders of magnitude, and close to each other from both sides."""
    times = [DT * s for s in (*SCALES, *LONG)]
    found = list(itertools.product(MEMBRANE, times))
    for tau, off, sign in itertools.product((DT / 3, DT, 10.0 * DT, 300.0 * DT), NEAR, (-1.0, 1.0)):
        found.append((tau, tau * (1 + sign * off)))
    return found


def exact(formula: Any, *values: float) -> float:
    with localcontext() as context:
        context.prec = 80
        context.Emin, context.Emax = -999999, 999999
        return float(formula(*(Decimal(v) for v in values)))


def exp_response(h: Decimal, tau_m: Decimal, tau_s: Decimal) -> Decimal:
    """Return what an exponential current of 1 pA adds to C V in a step."""
    if tau_m == tau_s:
        return h * (-h / tau_m).exp()
    return tau_m * tau_s / (tau_m - tau_s) * ((-h / tau_m).exp() - (-h / tau_s).exp())


def alpha_response(h: Decimal, tau_m: Decimal, tau_s: Decimal) -> Decimal:
    """Return what an alpha current with a weight of 1 pA adds to C V in its first step."""
    peak = Decimal(1).exp() / tau_s
    if tau_m == tau_s:
        return peak * h * h / 2 * (-h / tau_m).exp()
    beta = tau_m * tau_s / (tau_m - tau_s)
    return peak * beta * (beta * ((-h / tau_m).exp() - (-h / tau_s).exp()) - h * (-h / tau_s).exp())


def one_step(model: Any, n: int, **states: float) -> Any:
    """Return the population after a step from rest with the given states."""
    net = sl.Network(dt=DT, dtype="float64", threads=1)
    cells = net.population(n, model)
    for name, value in states.items():
        getattr(cells, name)[:] = value
    net.run(DT)
    return cells


FREE: dict[str, Any] = {"E_L": 0.0, "V_th": 1e12, "V_reset": -1.0, "C_m": C}


def close(got: Any, want: list[float], rtol: float) -> None:
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-300)


@pytest.mark.parametrize("state", ["I_syn_ex", "I_syn_in"])
@pytest.mark.parametrize("model", [sl.LIF, sl.LIFAlpha])
def test_exponential_current(model: Any, state: str) -> None:
    tau_m, tau_syn = np.array(pairs()).T
    times = {"tau_m": tau_m, f"tau_syn_{state[-2:]}": tau_syn}
    cells = one_step(model(**FREE, **times), len(tau_m), **{state: 1e6})
    want = [1e6 / C * exact(exp_response, DT, m, s) for m, s in pairs()]
    # Either exponent is at most 36 where both count, and its rounding shows in the result.
    quick = np.minimum(tau_m, tau_syn) < DT / 36
    for some, rtol in ((quick, 3e-13), (~quick, 2e-14)):
        close(np.array(cells.V_m)[some], np.array(want)[some].tolist(), rtol)
    close(
        getattr(cells, state),
        [1e6 * exact(lambda h, s: (-h / s).exp(), DT, s) for s in tau_syn],
        3e-13,
    )


def test_alpha_current() -> None:
    tau_m, tau_syn = np.array(pairs()).T
    for side in ("ex", "in"):
        times = {"tau_m": tau_m, f"tau_syn_{side}": tau_syn}
        cells = one_step(sl.LIFAlpha(**FREE, **times), len(tau_m), **{f"dI_syn_{side}": 1e6})
        want = np.array([1e6 / C * exact(alpha_response, DT, m, s) for m, s in pairs()])
        # expm1(x) - x loses a factor of x, which is 1e-4 at least.
        x = np.abs(DT / tau_syn - DT / tau_m)
        got = np.array(cells.V_m)
        assert np.isfinite(got).all()
        want[want < 1e-290] = got[want < 1e-290]  # such factors are no normal numbers
        assert (np.abs(got[want < 1e-290]) < 1e-290).all()
        error = np.abs(got / np.where(want == 0, 1, want) - (want != 0))
        assert (
            error <= np.where(x < 1e-4, 5e-14, np.maximum(2e-15 / np.clip(x, 1e-4, 1.0), 3e-13))
        ).all()


@pytest.mark.parametrize("model", [sl.LIF, sl.LIFAlpha, sl.LIFDelta])
def test_constant_current(model: Any) -> None:
    tau_m = np.array([*MEMBRANE, 1e17, 1e19, 1e30])
    cells = one_step(model(**FREE, tau_m=tau_m, I_e=1e6), len(tau_m))
    want = [1e6 / C * exact(lambda h, t: t * (1 - (-h / t).exp()), DT, t) for t in tau_m]
    close(cells.V_m, want, 4e-11)
    few = tau_m < 1e3 * DT
    close(np.array(cells.V_m)[few], np.array(want)[few].tolist(), 2e-13)


def test_without_leak() -> None:
    times = np.array([DT * s for s in (*SCALES, *LONG)])
    free = FREE | {"tau_syn_ex": times}
    cells = one_step(sl.IF(**free), len(times), I_syn_ex=1e6)
    want = [1e6 / C * exact(lambda h, s: s * (1 - (-h / s).exp()), DT, s) for s in times]
    close(cells.V_m, want, 1e-15)
    leaky = one_step(sl.LIF(**free, tau_m=1e300), len(times), I_syn_ex=1e6)
    close(leaky.V_m, want, 2e-14)


def test_conductance() -> None:
    """V relaxes to Magnus' target, with the integrals of the conductance that decays exactly."""
    times = np.array([DT * s for s in (*SCALES, *LONG)])
    g_l, start, e_ex = 2.0, 0.5, 60.0  # so that no conductance moves more charge in a step than C
    model = sl.LIFCond(**FREE, g_L=g_l, E_ex=e_ex, E_in=-20.0, tau_syn_ex=times)
    cells = one_step(model, len(times), g_ex=start)

    def relaxed(h: Decimal, s: Decimal) -> Decimal:
        left = (-h / s).exp()
        mean = Decimal(start) * s / h * (1 - left)
        g = Decimal(g_l) + mean
        lag = 1 / (1 - left) - s / h - Decimal("0.5")  # of the leak
        pair = h / Decimal(C) * lag * Decimal(g_l) * mean
        return (mean - pair) * Decimal(e_ex) / g * (1 - (-g * h / Decimal(C)).exp())

    close(cells.V_m, [exact(relaxed, DT, s) for s in times], 2e-11)
    close(cells.g_ex, [start * exact(lambda h, s: (-h / s).exp(), DT, s) for s in times], 3e-13)


@pytest.mark.parametrize("scale", [1e-6, 1 / 800, 0.1, 1.0, 1e3, 1e9])
def test_threshold_decays(scale: float) -> None:
    model = sl.LIFDelta(theta_plus=1.0, tau_theta=DT * scale)
    cells = one_step(model, 1, theta=2.0)
    close(cells.theta, [2.0 * exact(lambda h, s: (-h / s).exp(), DT, DT * scale)], 3e-13)


@pytest.mark.parametrize("model", [sl.LIF, sl.LIFAlpha])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_synaptic_time_constant_far_below_dt(model: Any, dtype: Any) -> None:
    """The charge of an event goes to the membrane, whatever the time constant; it decays with tau_m alone."""
    dt = 0.1
    net = sl.Network(dt=dt, dtype=dtype, threads=1)
    tau_syn = dt * np.array([1e-6, 1e-4, 1 / 720, 1 / 710, 1 / 705])
    cells = net.population(5, model(**FREE, tau_m=20.0, tau_syn_ex=tau_syn))
    source = net.population(1, sl.SpikeSource([1.0], [0]))
    net.connect(source, cells, sl.AllToAll(), weight=1e7, delay=dt)
    net.run(2.0)
    charge = tau_syn if model is sl.LIF else tau_syn * np.e
    got = np.array(cells.V_m)
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, 1e7 * charge / C * np.exp(-0.9 / 20.0), rtol=1e-4)
