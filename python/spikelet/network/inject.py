"""How `Network.inject` turns an input into the core's arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, fits, interval
from spikelet.network.contents import NetworkContents
from spikelet.network.population import Population, check_own
from spikelet.neurons import NeuronModel
from spikelet.sources import CurrentInput, NoiseInput, PoissonInput

__all__ = ["inject", "inject_from"]


def inject(net: NetworkContents, target: Population, what: Any) -> None:
    """Check an input and add it from now on; see `Network.inject`."""
    check_own(net, "inject", target)
    if not isinstance(target.model, NeuronModel):
        fail("inject", "target", target, "must be neurons")
    if isinstance(what, PoissonInput):  # now the unit of a quantity is known
        what = PoissonInput(what.rate, what.weight_in(target.model.weight_unit))
    inject_from(net, target, what, net.engine.step)


def inject_from(net: NetworkContents, target: Population, what: Any, start: int) -> None:
    """Add an input whose time counts from a given step."""
    where, n, sim = f"inject {target.name}", len(target), net.engine.sim

    def spread(argument: str, value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        value = fits(where, argument, value, n)
        if target.whole:
            return value
        whole = np.zeros(target.size)
        whole[target.ids] = value
        return whole

    if isinstance(what, PoissonInput):
        model = target.model
        assert isinstance(model, NeuronModel)
        weight = spread("weight", what.weight)
        rate = fits(where, "rate", what.rate, n)
        rate = spread("rate", what.rate) if np.ndim(what.rate) else rate
        for channel in range(model.channels):
            part = (
                weight
                if model.channels == 1
                else np.where((weight < 0) == bool(channel), weight, 0.0)
            )
            if part.any() or (channel == 0 and not weight.any()):
                sim.inject_poisson(target.index, rate, part, channel)
    elif isinstance(what, CurrentInput):
        values = what.values
        if values.ndim == 2 and values.shape[1] != n:
            fail(where, "values", values.shape, f"must be [steps] or [steps, {n}]", got="shape")
        if not target.whole:
            whole = np.zeros((len(values), target.size))
            whole[:, target.ids] = values if values.ndim == 2 else values[:, None]
            values = whole
        columns = 1 if values.ndim == 1 else target.size
        sim.inject_current(target.index, values.astype(net.dtype).reshape(-1), columns, start)
    elif isinstance(what, NoiseInput):
        every = interval(where, what.every, net.dt)
        mean, std = spread("mean", what.mean), spread("std", what.std)
        sim.inject_noise(target.index, mean, std, every, start)
    else:
        allowed = "must be PoissonInput, CurrentInput or NoiseInput"
        fail(where, "what", what, allowed, error=TypeError)
    net.inputs.append((target, what, start))
