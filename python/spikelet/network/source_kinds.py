"""How each kind of spike source becomes the core's arrays.

To add a kind, write its description, its function here, and a line in `_KINDS`. Populations, checkpoints and changes
between runs follow from the description's fields.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeGuard

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.checks import fail, fits
from spikelet.network.base import NetworkBase
from spikelet.sources import (
    InhomogeneousPoisson,
    PoissonSource,
    PulsePacket,
    RasterSource,
    SinusoidalPoisson,
    SpikeSource,
)
from spikelet.sources.poisson import check_events
from spikelet.sources.rates import ChangingRate
from spikelet.sources.window import window

Source = SpikeSource | RasterSource | PulsePacket | PoissonSource | ChangingRate


class _Call(NamedTuple):
    where: str
    network: NetworkBase
    n: int
    start: int
    """Step from which the source's own time counts."""
    population: int | None
    """Number of the population that gets new parameters; None adds one."""


class _Kind(NamedTuple):
    send: Callable[[_Call, Any], int]
    per_element: bool = False
    """Whether parameters are one number, or one for each element."""
    starts_when_set: bool = False


def is_source(model: Any) -> TypeGuard[Source]:
    """Return whether something describes a source."""
    return type(model) in _KINDS


def per_element(model: Source) -> bool:
    """Return whether parameters are one number, or one for each element; else they are of the whole population."""
    return _KINDS[type(model)].per_element


def starts_when_set(model: Any) -> TypeGuard[Source]:
    """Return whether spikes depend on the time at which the source was added or set."""
    return is_source(model) and _KINDS[type(model)].starts_when_set


def send_source(
    where: str, network: NetworkBase, n: int, model: Source, start: int, index: int | None = None
) -> int:
    """Add a population of sources to the core, or give one new parameters, and return its number.

    Parameters
    ----------
    where : str
        Names the call in errors.
    network : NetworkBase
        The network.
    n : int
        Number of elements.
    model : Source
        The description.
    start : int
        Step from which the source's time counts.
    index : int, optional
        Number of the population that gets new parameters.
    """
    return _KINDS[type(model)].send(_Call(where, network, n, start, index), model)


def _events(call: _Call, stamps: npt.NDArray[np.int64], ids: npt.NDArray[np.uint32]) -> int:
    sim = call.network.engine.sim
    if call.population is None:
        return sim.add_events(call.n, stamps, ids)
    sim.set_events(call.population, stamps, ids)
    return call.population


def _spikes(call: _Call, model: SpikeSource) -> int:
    stamps, ids = model.stamps(call.network.dt, call.n)
    if stamps.size and call.start > 0 and stamps[0] <= call.start:
        now = call.start * call.network.dt
        fail(
            "SpikeSource", "times", float(model.times[0]), f"must lie after the present, {now:g} ms"
        )
    return _events(call, stamps, ids)


def _raster(call: _Call, model: RasterSource) -> int:
    return _events(call, *model.stamps(call.start, call.n))


def _packets(call: _Call, model: PulsePacket) -> int:
    number = len(call.network.engine.raster_starts) if call.population is None else call.population
    stamps, ids = model.stamps(call.network.dt, call.n, call.network.seed, number, call.start)
    return _events(call, stamps, ids)


def _poisson(call: _Call, model: PoissonSource) -> int:
    rate = fits(call.where, "rate", np.asarray(model.rate), call.n)
    check_events(call.where, rate, call.network.dt, as_spikes=True)
    sim = call.network.engine.sim
    if model.start is not None or model.stop is not None:
        begin, end = window(call.where, model, call.network.dt)
        rows = [rate] if end is None else [rate, np.zeros_like(rate)]
        starts = np.array([begin, end][: len(rows)], dtype=np.int64)
        return _with_rates(call, _core.Rates(starts, np.concatenate(rows), len(rate)))
    if call.population is None:
        return sim.add_poisson(call.n, rate)
    sim.set_rates(call.population, rate)
    return call.population


def _changing(call: _Call, model: ChangingRate) -> int:
    dt = call.network.dt
    check_events(call.where, model.most(call.where, call.n), dt, as_spikes=True)
    return _with_rates(call, model.to_core(call.where, call.n, dt, call.start))


def _with_rates(call: _Call, rates: _core.Rates) -> int:
    sim = call.network.engine.sim
    index = sim.add_poisson(call.n, np.zeros(1)) if call.population is None else call.population
    sim.set_changing_rates(index, rates)
    return index


_KINDS: dict[type, _Kind] = {
    SpikeSource: _Kind(_spikes),
    RasterSource: _Kind(_raster, starts_when_set=True),
    PulsePacket: _Kind(_packets, starts_when_set=True),
    PoissonSource: _Kind(_poisson, per_element=True),
    SinusoidalPoisson: _Kind(_changing, per_element=True),
    InhomogeneousPoisson: _Kind(_changing, starts_when_set=True),
}
