"""How `Network.regulate` hands a regulation to the core, and what a checkpoint keeps of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikelet._util.checks import fail, integer
from spikelet.network.contents import NetworkContents
from spikelet.network.projection import Projection
from spikelet.network.regulator import Regulator, interval_steps, warn_of
from spikelet.regulation import Regulation


def regulate(net: NetworkContents, projection: Any, how: Any) -> Regulator:
    """Check and add a regulation; see `Network.regulate`."""
    if not isinstance(projection, Projection):
        fail("regulate", "projection", projection, "must be a Projection", error=TypeError)
    if projection.blocks != (projection,):
        rule = "must be one projection; regulate each of projection.blocks"
        fail("regulate", "projection", projection, rule, error=TypeError)
    if projection.network is not net:
        fail("regulate", "projection", projection, "must belong to this network")
    projection.require_there()
    if not isinstance(how, Regulation):
        allowed = "must be WeightNormalization or SynapticScaling"
        fail("regulate", "how", how, allowed, error=TypeError)
    if projection.plasticity is None:
        fail("regulate", "projection", projection, "must have plasticity")
    warn_of(projection, how)
    net.engine.sim.regulate(projection.index, interval_steps(how, net), how.to_core())
    regulator = Regulator(net, projection, how)
    net.engine.regulations.append(regulator)
    return regulator


def counted_so_far(net: NetworkContents, k: int) -> tuple[int, Any]:
    """Return the step at which the interval of a regulation began, and each target's spikes since; collective."""
    post = net.regulations[k].projection.post.index
    begin, spikes = net.engine.sim.interval(k)
    own = slice(*net.engine.sim.own(post))
    return begin, net.engine.gathered("spikes", post, spikes[own])


def go_on_counting(net: NetworkContents, k: int, begin: Any, spikes: Any) -> None:
    """Set the interval of a stored regulation.

    Parameters
    ----------
    net : NetworkContents
        The network, whose clock is set.
    k : int
        Number of the regulation.
    begin : int
        Step at which its interval began.
    spikes : array, [n], or None
        Spikes of each target since then.
    """
    where, now = f"stored network: regulation {k}", net.engine.step
    n = net.contents.populations[net.regulations[k].projection.post.index].size
    begin = integer(where, "begin", begin, 0, now)
    if spikes is None or spikes.shape != (n,) or spikes.dtype != np.uint32:
        fail(where, "spikes", spikes, f"must be {n} numbers of type uint32")
    net.engine.sim.set_interval(k, begin, spikes)
