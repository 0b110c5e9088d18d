"""How `Network.connect` turns what it is given into the core's arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.checks import fail, ids, named, representable
from spikelet.rules import AllToAll, Distribution, OneToOne, Rule, as_spec

if TYPE_CHECKING:
    from spikelet.network.network import Network
    from spikelet.network.population import Population
    from spikelet.plasticity import Plasticity

MAX_DELAY = 65535  # steps
RECEPTORS = {
    None: _core.Receptor.by_sign,
    "excitatory": _core.Receptor.excitatory,
    "ex": _core.Receptor.excitatory,
    "inhibitory": _core.Receptor.inhibitory,
    "in": _core.Receptor.inhibitory,
}


def connect(
    net: Network,
    where: str,
    pre: Population,
    post: Population,
    rule: Any,
    weight: Any,
    delay: Any,
    unit: str,
    receptor: _core.Receptor,
    plasticity: Plasticity | None,
) -> int:
    """Check what there is to connect, and give it to the core; return the number of the projection."""
    ends = (receptor, None if plasticity is None else plasticity.to_core())
    if isinstance(rule, Rule):
        grid = (len(pre), len(post)) if isinstance(rule, AllToAll) else None
        weights = as_spec(where, "weight", 1.0 if weight is None else weight, unit, grid)
        delays = delay_spec(where, delay, net.dt, grid)
        if isinstance(rule, OneToOne) and len(pre) != len(post):
            sizes = len(pre), len(post)
            fail(where, "OneToOne", sizes, "needs populations of the same size; sizes")
        with named(where):
            return net._sim.connect(
                pre.index, post.index, pre.size, post.size, pre._ids, post._ids,
                rule.to_core(), to_core(weights), to_core(delays), *ends,
            )  # fmt: skip
    pre_ids, post_ids, weight = lists(where, pre, post, rule, weight)
    n, stream = len(pre_ids), 2 * len(net.projections)
    weights = values(where, "weight", as_spec(where, "weight", weight, unit), n, net.seed, stream)
    delays = values(where, "delay", delay_spec(where, delay, net.dt), n, net.seed, stream + 1)
    steps = to_steps(where, delays, net.dt)
    representable(where, "weight", weights, net.dtype)
    with named(where):
        return net._sim.connect_lists(
            pre.index, post.index, pre.size, pre_ids, post_ids, weights.astype(net.dtype), steps,
            *ends, None,
        )  # fmt: skip


def to_core(spec: Any) -> _core.ValueSpec:
    """Return the core's description of a distribution or of numbers."""
    return spec.to_core() if isinstance(spec, Distribution) else _core.ValueSpec(spec)


def delay_spec(where: str, delay: Any, dt: float, grid: tuple[int, int] | None = None) -> Any:
    """Return a distribution as it is, and delays [ms] that were checked."""
    spec = as_spec(where, "delay", delay, "ms", grid)
    if not isinstance(spec, Distribution):
        to_steps(where, spec, dt)
    return spec


def to_steps(where: str, delays: npt.NDArray[np.float64], dt: float) -> npt.NDArray[np.uint16]:
    """Return delays in steps."""
    steps = np.floor(delays / dt + 0.5)
    bad = (delays < dt * (1 - 1e-6)) | (steps > MAX_DELAY)
    if bad.any():
        rule = f"must lie between dt = {dt:g} ms and {MAX_DELAY} steps"
        fail(where, "delay", float(delays[bad][0]), rule)
    return steps.astype(np.uint16)


def values(
    where: str, argument: str, spec: Any, n: int, seed: int, stream: int
) -> npt.NDArray[np.float64]:
    """Return one value for all synapses of explicit lists, or one for each."""
    if isinstance(spec, Distribution):
        with named(where):
            return _core.draw_values(spec.to_core(), seed, stream, n)
    if len(spec) not in (1, n):
        fail(
            where,
            argument,
            len(spec),
            f"must be one value or one for each of the {n} synapses; number",
        )
    return np.asarray(spec)


def lists(
    where: str, pre: Population, post: Population, rule: Any, weight: Any
) -> tuple[Any, Any, Any]:
    """Return sources, targets and weights of a sparse matrix or of explicit ids."""
    if hasattr(rule, "tocoo"):
        if weight is not None:
            fail(
                where,
                "weight",
                weight,
                "must not be given with a matrix, whose data are the weights",
            )
        if rule.shape != (len(pre), len(post)):
            fail(
                where,
                "matrix",
                rule.shape,
                f"must have the shape {(len(pre), len(post))}; its shape",
            )
        matrix = rule.tocoo()
        pre_ids, post_ids, weight = (
            matrix.row.astype(np.uint32),
            matrix.col.astype(np.uint32),
            matrix.data,
        )
    elif isinstance(rule, tuple) and len(rule) == 2:
        pre_ids = ids(where, "pre_ids", rule[0], len(pre))
        post_ids = ids(where, "post_ids", rule[1], len(post))
        if len(pre_ids) != len(post_ids):
            fail(
                where,
                "pre_ids and post_ids",
                (len(pre_ids), len(post_ids)),
                "must be equally long; lengths",
            )
        weight = 1.0 if weight is None else weight
    else:
        msg = f"{where}: rule must be a connection rule, a sparse matrix or (pre_ids, post_ids), got {rule!r}"
        raise TypeError(msg)
    return pre.ids[pre_ids], post.ids[post_ids], weight
