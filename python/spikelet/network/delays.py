"""Delays in steps."""

from __future__ import annotations

import math
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail

_MAX_DELAY = 65535  # steps
_CHUNK = 1 << 16


def delay_steps(
    where: str, delays: npt.NDArray[np.float64], dt: float, *, drawn: bool = False
) -> npt.NDArray[np.uint16]:
    """Return delays in steps."""
    if len(delays) == 1:
        only = float(delays[0])
        if dt * (1 - 1e-6) <= only <= dt * _MAX_DELAY:
            return np.array([math.floor(only / dt + 0.5)], dtype=np.uint16)
    steps = np.empty(len(delays), np.uint16)
    for begin in range(0, len(delays), _CHUNK):  # what lies in between stays in the cache
        part = delays[begin : begin + _CHUNK]
        rounded = np.floor(part / dt + 0.5)
        bad = ~((part >= dt * (1 - 1e-6)) & (rounded <= _MAX_DELAY))
        if bad.any():
            _refuse_delay(where, float(part[bad][0]), dt, drawn=drawn)
        steps[begin : begin + _CHUNK] = rounded
    return steps


def _refuse_delay(where: str, delay: float, dt: float, *, drawn: bool) -> NoReturn:
    """Say which delay is out of range."""
    way_out = " (limit the distribution, with clip=(lo, hi) or redraw=(lo, hi))" if drawn else ""
    if 0 < delay < dt <= 1e3 * delay:
        way_out += f"; delays are in ms: did you mean {1e3 * delay:g}?"
    rule = f"must lie between dt = {dt:g} ms and {_MAX_DELAY} steps{way_out}"
    fail(where, "delay", delay, rule)
