"""Times on the network's grid."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import Float, fail

Snap = bool | Literal["up"]

_TICS = 1000  # of NEST in a millisecond

# Times that fit the cache with what is computed from them; new memory takes longer than the work.
_PIECE = 1 << 14

_SLACK = 1e-6  # share of a step by which a time may be off the grid: 0.3 - 0.1 is not 0.2


def to_ms(stamps: npt.NDArray[np.int64], dt: float) -> npt.NDArray[np.float64]:
    """Return the times of steps [ms]: the floats that a user writes, 3 * 0.4 is 1.2, if dt is a short fraction."""
    numerator, denominator = _fraction(float(dt))
    whole = stamps if numerator == 1.0 else stamps * numerator
    return np.asarray(whole / denominator, dtype=np.float64)


@lru_cache(maxsize=64)
def _fraction(dt: float) -> tuple[float, int]:
    """Return dt as a quotient: products of whole numbers are exact, so their quotients are the nearest floats."""
    inverse = round(1 / dt) if dt <= 1 else 0
    if inverse > 0 and abs(inverse * dt - 1) < 1e-12:
        return 1.0, inverse
    short = Fraction(dt).limit_denominator(10**6)
    exact = short.numerator / short.denominator == dt
    return (float(short.numerator), short.denominator) if exact else (dt, 1)


def slack(dt: float | None) -> float:
    """Return by how much the end of an interval may miss a time on the grid [ms]; without a grid 0."""
    return 0.0 if dt is None else _SLACK * dt


def rescaled(time: float, old: float, new: float) -> float:
    """Return a time [ms] on a grid of another step: the nearest float if it is a whole number of steps."""
    steps = time / old
    whole = abs(steps - round(steps)) < _SLACK
    return float(to_ms(np.array(round(steps)), new)) if whole else steps * new


def snap_rule(where: str, snap: Any) -> Snap:
    """Return what to do with times off the grid: False, True or "up"."""
    if not (isinstance(snap, (bool, np.bool_)) or snap == "up"):
        fail(where, "snap", snap, 'must be True, False or "up"')
    return "up" if snap == "up" else bool(snap)


def grid_steps(where: str, times: Float, dt: float, snap: Snap) -> npt.NDArray[np.int64]:
    """Return times [ms] in steps.

    Parameters
    ----------
    where : str
        Names the object in errors.
    times : array
        Times [ms], at least 0, ascending.
    dt : float
        Step [ms].
    snap : bool or "up"
        False: a time that is off the grid by more than 1e-6 dt is an error. True: round to the nearest step. "up": round
        to the nearest microsecond and then up to a step, as NEST does with ``allow_offgrid_times``.

    Raises
    ------
    ValueError
        If a time is off the grid, or too late to be counted.
    """
    if times.size and times.max() / dt > 2**53:
        fail(where, "times", float(times.max()), "must lie within 2^53 steps")
    found = np.empty(times.shape, np.int64)
    flat, stamps = times.reshape(-1), found.reshape(-1)
    for start in range(0, flat.size, _PIECE):
        piece = slice(start, start + _PIECE)
        stamps[piece] = _steps_of_piece(where, flat[piece], dt, snap)
    return found


def _steps_of_piece(where: str, times: Float, dt: float, snap: Snap) -> npt.NDArray[Any]:
    """Return times in whole steps, or fail at the first one off the grid."""
    if snap == "up":
        return _up(where, times, dt)
    steps = times / dt
    stamps = np.rint(steps)
    if not snap:
        off = np.abs(steps - stamps) > np.maximum(_SLACK, 1e-12 * steps)
        if off.any():
            rule = f'must lie on the grid of dt = {dt:g} ms (snap=True rounds to the nearest step, snap="up" as NEST)'
            fail(where, "times", float(times[off][0]), rule)
    return stamps


def _up(where: str, times: Float, dt: float) -> npt.NDArray[np.int64]:
    """Return times in steps as NEST rounds them: to tics, then up to a step."""
    per_step = round(dt * _TICS)
    if per_step < 1 or abs(per_step / _TICS - dt) > 1e-9 * dt:
        fail(where, "snap", "up", f"needs a dt in whole microseconds, not {dt:g} ms")
    tics = np.floor(times * _TICS + 0.5).astype(np.int64)
    return np.asarray(-(-tics // per_step), np.int64)
