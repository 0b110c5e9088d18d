"""Signals that reach a rule from text within a run: at given times, or after spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, interval, number, numbers, require
from spikelet.network.base import NetworkBase
from spikelet.network.population import Population


def steps_and_values(
    where: str, network: NetworkBase, times: Any, values: Any, name: str, now: str
) -> list[tuple[int, float]]:
    """Return times to come, in steps, each with a value.

    Parameters
    ----------
    where : str
        Object that messages name.
    network : NetworkBase
        Network whose grid and present time count.
    times : array-like, [n]
        Times [ms], on the grid, ascending, after the present.
    values : array-like, [n], or float
        Values, or one for all times.
    name : str
        What messages call the values.
    now : str
        What to do for the present, in messages.

    Raises
    ------
    ValueError, TypeError
        If a time or a value is wrong.
    """
    at = np.atleast_1d(numbers(where, "times", times, "ms"))
    each = np.atleast_1d(numbers(where, name, values))
    if each.shape != at.shape and each.size != 1:
        shapes = at.shape, each.shape
        fail(where, f"times and {name}", shapes, "must have the same length", got="shapes")
    require(where, "times", at, "finite")
    require(where, name, each, "finite")
    dt = network.dt
    steps: npt.NDArray[np.int64] = np.rint(at / dt).astype(np.int64)
    off = np.abs(steps * dt - at) > 1e-6 * dt
    if off.any():
        fail(where, "times", float(at[off][0]), f"must lie on the grid of dt = {dt:g} ms")
    past = steps <= network.engine.step
    if past.any():
        fail(where, "times", float(at[past][0]), f"must be after the present ({now} for now)")
    if (np.diff(steps) < 0).any():
        fail(where, "times", times, "must ascend")
    return list(zip(steps.tolist(), np.broadcast_to(each, at.shape).tolist(), strict=True))


def schedule_signals(
    where: str, network: NetworkBase, projection: int, value: Any, times: Any
) -> None:
    """Give signals at times to come; see `Projection.signal`."""
    now = "leave out times="
    for step, each in steps_and_values(where, network, times, value, "value", now):
        network.engine.sim.add_signal(projection, step, each)


def follow_spikes(
    where: str, network: NetworkBase, projection: int, value: Any, spikes: Any, delay: Any
) -> None:
    """Give a signal after each spike; see `Projection.signal`."""
    if not isinstance(spikes, Population):
        fail(where, "spikes", spikes, "must be a Population", error=TypeError)
    if spikes.network is not network or len(spikes.parts) != 1:
        rule = "must be one population of this network; call signal for each part of a union"
        fail(where, "spikes", spikes, rule)
    ids = np.asarray(spikes.ids)
    if not len(ids) or (np.diff(ids) != 1).any():
        rule = "must be a population or a slice of one, as population[:10], with ids in a row"
        fail(where, "spikes", spikes, rule)
    given = number(where, "value", value)
    require(where, "value", given, "finite")
    steps = interval(where, delay, network.dt, "delay")
    engine = network.engine
    since = engine.step if engine.step > 0 else -1
    engine.sim.follow(projection, spikes.index, int(ids[0]), len(ids), float(given), steps, since)
