"""Weights and delays, as `Network.connect` is given them: by synapse, or as the core draws them."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.checks import fail, named, representable, require
from spikelet.network.base import NetworkBase
from spikelet.network.distance import at_distance
from spikelet.network.synapse_lists import NewSynapses
from spikelet.rules import Distribution, as_spec
from spikelet.spatial import ByDistance

_MAX_DELAY = 65535  # steps
_CHUNK = 1 << 16


def synapse_values(
    net: NetworkBase, synapses: NewSynapses, argument: str, value: Any, unit: str, stream: int
) -> Any:
    """Return one number for all synapses, or one for each; or a distribution, if the core draws the synapses.

    Parameters
    ----------
    net : NetworkBase
        The network.
    synapses : NewSynapses
        The synapses that get the values.
    argument : str
        "weight" or "delay".
    value : float, array-like, Distribution or ByDistance
        The argument as given.
    unit : str
        Its unit.
    stream : int
        Number of the random stream.
    """
    where, n = synapses.where, synapses.size
    if isinstance(value, ByDistance):
        (block,) = synapses.blocks
        assert block.ids is not None
        return at_distance(where, argument, value, block.pre, block.post, block.ids)
    plain = type(value) is np.ndarray and (value.dtype, value.ndim) == (net.dtype, 1)
    if plain and argument == "weight" and n is not None:  # a long list is not copied
        spec: Any = value
        require(where, argument, spec, "finite")
    else:
        spec = as_spec(where, argument, value, unit, synapses.matrix)
    if isinstance(spec, Distribution):
        if n is None:
            return spec
        with named(where):
            spec = _core.draw_values(spec.to_core(), net.seed, stream, n)
    elif spec.ndim == 1 and n is not None and len(spec) not in (1, n):
        rule = f"must be one value or one for each of the {n} synapses"
        msg = f"{where}: {argument} {rule}, got {len(spec)} values"
        raise ValueError(msg)
    elif spec.ndim == 1 and synapses.order is not None and len(spec) > 1:
        spec = spec[synapses.order]
    if argument == "weight":
        representable(where, argument, spec, net.dtype)
    if spec.ndim == 2:
        for item in synapses.items():
            spec = spec[item]
        spec = spec.reshape(-1)
    return spec


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
