"""Weights and delays, as `Network.connect` is given them: by synapse, or as the core draws them."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikelet import _core
from spikelet._util.checks import named, representable, require
from spikelet.network.base import NetworkBase
from spikelet.network.distance import at_distance
from spikelet.network.synapse_lists import NewSynapses
from spikelet.rules import Distribution, as_spec
from spikelet.spatial import ByDistance


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
