"""How `Network.regulate` hands a regulation to the core."""

from __future__ import annotations

from typing import Any

from spikelet._util.checks import fail, interval
from spikelet.network.contents import NetworkContents
from spikelet.network.projection import Projection
from spikelet.regulation import Regulation

__all__ = ["regulate"]


def regulate(net: NetworkContents, projection: Any, how: Any) -> None:
    """Check and add a regulation; see `Network.regulate`."""
    if not isinstance(projection, Projection):
        fail("regulate", "projection", projection, "must be a Projection", error=TypeError)
    if projection.network is not net:
        fail("regulate", "projection", projection, "must belong to this network")
    if not isinstance(how, Regulation):
        allowed = "must be WeightNormalisation or SynapticScaling"
        fail("regulate", "how", how, allowed, error=TypeError)
    if projection.plasticity is None:
        fail("regulate", "projection", projection, "must have plasticity")
    every = interval(f"regulate {type(how).__name__}", how.every, net.dt)
    net.engine.sim.regulate(projection.index, every, how.to_core())
    net.contents.regulations.append((projection, how))
