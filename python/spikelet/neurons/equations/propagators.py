"""Exact solutions of linear equations with constant coefficients over a step, for many neurons at once.

Arrays have one value for all neurons or one for each, along the first axis. Single decays and what feeds them use the
closed forms of the core's kernels (``cpp/src/core/neurons/propagators.hpp``), operation by operation and with the same
exponential function, so that their bits agree. Coupled variables take the matrix exponential.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_FAR_APART = (
    36.0  # the slower exponential then exceeds the faster one by more than a double resolves
)
_DEGREE = 17  # of the Taylor polynomial, for a norm of at most 1/2: its error is 1e-21


def _each(function: Callable[[float], float], instead: Callable[[Array], Array], x: Array) -> Array:
    """Apply a function of the C library: numpy's own versions differ in the last bit."""
    try:
        values = np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size)
    except OverflowError:
        return instead(x)
    return values.reshape(x.shape)


def _exp(x: Array) -> Array:
    return _each(math.exp, np.exp, x)


def _expm1(x: Array) -> Array:
    return _each(math.expm1, np.expm1, x)


def decay(h: float, tau: Array) -> Array:
    """Return what is left of a value after a time h.

    Parameters
    ----------
    h : float
        The time [ms].
    tau : array
        Time constants [ms]: infinite without a decay, negative where the value grows.
    """
    return _exp(-h / tau)


def constant_response(h: float, tau: Array, C: Array) -> Array:
    """Return x(h) of ``dx/dt = -x / tau + 1 / C`` from 0: the effect of a constant current.

    Parameters
    ----------
    h : float
        The time [ms].
    tau, C : array
        Time constant, and inverse of the factor of the current; both may be infinite.
    """
    slow = h < 1e-5 * np.abs(tau)  # where almost nothing leaks, the difference from 1 would cancel
    x = h / np.where(np.isinf(tau), 1.0, tau)
    gentle = np.where(np.isinf(tau), 1.0, -_expm1(-x) / x)
    with np.errstate(invalid="ignore"):  # of the case that is not taken
        return np.where(slow, h / C * gentle, tau / C * (1 - decay(h, tau)))


def exponential_response(h: float, tau: Array, C: Array, source: Array) -> Array:
    """Return x(h) of ``dx/dt = -x / tau + exp(-t / source) / C`` from 0: the effect of a decaying current.

    Parameters
    ----------
    h : float
        The time [ms].
    tau, C : array
        As in `constant_response`.
    source : array
        Time constant of the current [ms], which may equal tau or be infinite.
    """
    with np.errstate(all="ignore"):  # each case is computed everywhere and used where it is good
        product = source * tau
        normal = np.isfinite(product) & (np.abs(product) >= np.finfo(np.float64).tiny)
        time = np.where(normal, product / (tau - source), source / (1 - source / tau))
        rate = np.where(normal, (tau - source) / product, 1 / time)
        apart = h * rate > _FAR_APART
        near = time / C * _exp(-h / source) * _expm1(np.where(apart, 0.0, h * rate))
        result = np.where(apart, time / C * decay(h, tau), near)
        result = np.where(tau == source, h / C * decay(h, tau), result)
        result = np.where(np.isinf(tau), -source / C * _expm1(-h / source), result)
    constant = np.isinf(source)
    return np.where(constant, constant_response(h, tau, C), result) if constant.any() else result


def noise_variance(h: float, tau: Array) -> Array:
    """Return the variance after a time h from 0 of ``dx/dt = -x / tau + xi``, with white noise xi of density 1."""
    still = np.isinf(tau)
    finite = np.where(still, 1.0, tau)
    return np.where(still, h, -finite / 2 * _expm1(-2 * h / finite))


def transition(h: float, rates: Array, covariance: Array | None = None) -> tuple[Array, Array]:
    """Return the matrix exponential of ``rates * h``, and the covariance that noise has added by then.

    A Taylor polynomial over a fraction of the step, then doubling: ``Q(2s) = Q(s) + P(s) Q(s) P(s)^T``, a sum of positive
    matrices, which also stiff equations leave accurate (unlike Van Loan's block matrix, which holds exp(-A h)).

    Parameters
    ----------
    h : float
        The time [ms].
    rates : array, [n, m, m]
        The matrices A of ``dx/dt = A x``.
    covariance : array, [n, m, m], optional
        Covariance of the white noise per ms; by default zero.

    Returns
    -------
    propagator, covariance : array, [n, m, m]
    """
    norm = float(np.abs(rates).sum(axis=1).max(initial=0.0)) * h
    if not math.isfinite(norm):
        return np.full_like(rates, np.nan), np.full_like(rates, np.nan)
    doublings = max(0, math.ceil(math.log2(2 * norm))) if norm > 0 else 0
    step = h / 2.0**doublings
    scaled = rates * step
    identity = np.eye(rates.shape[1])
    propagator = identity + scaled / _DEGREE
    for k in range(_DEGREE - 1, 0, -1):
        propagator = identity + scaled @ propagator / k
    added = np.zeros_like(rates)
    if covariance is not None:
        term = covariance * step
        for k in range(1, _DEGREE + 1):
            added = added + term
            half = scaled @ term
            term = (half + half.swapaxes(1, 2)) / (k + 1)
    for _ in range(doublings):
        if covariance is not None:
            added = added + propagator @ added @ propagator.swapaxes(1, 2)
        propagator = propagator @ propagator
    return propagator, added


def factor(covariance: Array) -> Array:
    """Return lower triangular L with ``L L^T`` the covariance: Cholesky's, where some variances may be zero.

    Parameters
    ----------
    covariance : array, [n, m, m]
        Symmetric, positive semidefinite.
    """
    size = covariance.shape[1]
    lower = np.zeros_like(covariance)
    for j in range(size):
        rest = covariance[:, j, j] - (lower[:, j, :j] ** 2).sum(axis=1)
        # What is left of a variable that the ones before determine is rounding.
        pivot = np.sqrt(np.where(rest > 1e-14 * covariance[:, j, j], rest, 0.0))
        lower[:, j, j] = pivot
        for i in range(j + 1, size):
            left = covariance[:, i, j] - (lower[:, i, :j] * lower[:, j, :j]).sum(axis=1)
            lower[:, i, j] = np.divide(left, pivot, out=np.zeros_like(left), where=pivot > 0)
    return lower
