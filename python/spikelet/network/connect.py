"""How `Network.connect` turns its arguments into the core's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.advice import advise
from spikelet._util.checks import choice, fail, ids, named, representable
from spikelet.network.contents import NetworkContents
from spikelet.network.population import Population, check_own
from spikelet.network.projection import BY_SIGN, Projection
from spikelet.neurons import NeuronModel
from spikelet.plasticity import Plasticity
from spikelet.rules import AllToAll, Distribution, OneToOne, Rule, as_spec

__all__ = ["RECEPTORS", "connect"]

_MAX_DELAY = 65535  # steps
RECEPTORS = {None: BY_SIGN, "excitatory": 0, "ex": 0, "inhibitory": 1, "in": 1}

Ends = tuple[int, _core.Plasticity | None]


def connect(
    net: NetworkContents,
    pre: Population,
    post: Population,
    rule: Any,
    weight: Any,
    delay: Any,
    receptor: str | None,
    plasticity: Plasticity | None,
) -> Projection:
    """Check and add a projection; see `Network.connect`."""
    check_own(net, "connect", pre)
    check_own(net, "connect", post)
    where = f"connect {pre.name} -> {post.name}"
    if not isinstance(post.model, NeuronModel):
        fail(where, "post", post, "must be neurons, not a spike source")
    if plasticity is not None and not isinstance(plasticity, Plasticity):
        allowed = "must be a rule such as sl.STDP(...)"
        fail(where, "plasticity", plasticity, allowed, error=TypeError)
    if receptor is not None:
        choice(where, "receptor", receptor, *filter(None, RECEPTORS))
    with named(where):
        ends = (RECEPTORS[receptor], None if plasticity is None else plasticity.to_core())
    add = _by_rule if isinstance(rule, Rule) else _by_lists
    index = add(net, where, pre, post, rule, weight, delay, post.model.weight_unit, ends)
    projection = Projection(net, index, pre, post, plasticity, RECEPTORS[receptor])
    net.contents.projections.append(projection)
    return projection


def _by_rule(
    net: NetworkContents,
    where: str,
    pre: Population,
    post: Population,
    rule: Rule,
    weight: Any,
    delay: Any,
    unit: str,
    ends: Ends,
) -> int:
    """Let the core draw the synapses of a rule; return the index of the projection."""
    grid = (len(pre), len(post)) if isinstance(rule, AllToAll) else None
    weights = as_spec(where, "weight", 1.0 if weight is None else weight, unit, grid)
    delays = _delay_spec(where, delay, net.dt, grid)
    if isinstance(rule, OneToOne) and len(pre) != len(post):
        sizes = len(pre), len(post)
        fail(where, "OneToOne", sizes, "needs populations of the same size", got="sizes")
    _advise_sign(where, post.model, ends[0], weights)
    with named(where):
        return net.engine.sim.connect(
            pre.index, post.index, pre.size, post.size, _part(pre), _part(post),
            rule.to_core(), _core_spec(weights), _core_spec(delays), *ends,
        )  # fmt: skip


def _by_lists(
    net: NetworkContents,
    where: str,
    pre: Population,
    post: Population,
    rule: Any,
    weight: Any,
    delay: Any,
    unit: str,
    ends: Ends,
) -> int:
    """Give the core the synapses of a matrix or of two arrays; return the index of the projection."""
    pre_ids, post_ids, weight = _lists(where, pre, post, rule, weight)
    n, stream = len(pre_ids), 2 * len(net.projections)
    weights = _values(where, "weight", as_spec(where, "weight", weight, unit), n, net.seed, stream)
    delays = _values(where, "delay", _delay_spec(where, delay, net.dt), n, net.seed, stream + 1)
    steps = _to_steps(where, delays, net.dt, drawn=isinstance(delay, Distribution))
    representable(where, "weight", weights, net.dtype)
    _advise_sign(where, post.model, ends[0], weights)
    with named(where):
        return net.engine.sim.connect_lists(
            pre.index, post.index, pre.size, pre_ids, post_ids, weights.astype(net.dtype), steps,
            *ends, None,
        )  # fmt: skip


def _advise_sign(where: str, model: Any, receptor: int, weights: Any) -> None:
    """Warn about currents that all have the sign that a receptor's name excludes."""
    if receptor == BY_SIGN or model.conductance or model.channels == 1:
        return
    if isinstance(weights, Distribution):
        with named(where):
            weights = _core.draw_values(weights.to_core(), 0, 0, 32)  # a sample
    values = np.asarray(weights)
    inhibitory = receptor == RECEPTORS["inhibitory"]
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    worst, right = (high, low) if inhibitory else (low, high)
    if worst != 0 and right == 0:
        effect = "depolarises" if inhibitory else "hyperpolarises"
        name = "inhibitory" if inhibitory else "excitatory"
        problem = f'pA at receptor="{name}" {effect}, as the receptor of a current only sets its time constant'
        advise(where, "weight", worst, problem, f"did you mean {-worst:g} pA?")


def _part(population: Population) -> npt.NDArray[np.uint32] | None:
    """Return the ids of a part of a population, or None for a whole one."""
    return None if population.whole else population.ids


def _core_spec(spec: Any) -> _core.ValueSpec:
    """Return the core's description of a distribution or of numbers."""
    return spec.to_core() if isinstance(spec, Distribution) else _core.ValueSpec(spec)


def _delay_spec(where: str, delay: Any, dt: float, grid: tuple[int, int] | None = None) -> Any:
    """Return a distribution as it is, or delays [ms] after a check of their range."""
    spec = as_spec(where, "delay", delay, "ms", grid)
    if not isinstance(spec, Distribution):
        _to_steps(where, spec, dt)
    return spec


def _to_steps(
    where: str, delays: npt.NDArray[np.float64], dt: float, *, drawn: bool = False
) -> npt.NDArray[np.uint16]:
    """Return delays in steps."""
    steps = np.floor(delays / dt + 0.5)
    bad = (delays < dt * (1 - 1e-6)) | (steps > _MAX_DELAY)
    if bad.any():
        way_out = (
            " (limit the distribution, with clip=(lo, hi) or redraw=(lo, hi))" if drawn else ""
        )
        rule = f"must lie between dt = {dt:g} ms and {_MAX_DELAY} steps{way_out}"
        fail(where, "delay", float(delays[bad][0]), rule)
    return steps.astype(np.uint16)


def _values(
    where: str, argument: str, spec: Any, n: int, seed: int, stream: int
) -> npt.NDArray[np.float64]:
    """Return one value for all synapses of explicit lists, or one for each."""
    if isinstance(spec, Distribution):
        with named(where):
            return _core.draw_values(spec.to_core(), seed, stream, n)
    if len(spec) not in (1, n):
        rule = f"must be one value or one for each of the {n} synapses"
        msg = f"{where}: {argument} {rule}, got {len(spec)} values"
        raise ValueError(msg)
    return np.asarray(spec)


def _lists(
    where: str, pre: Population, post: Population, rule: Any, weight: Any
) -> tuple[Any, Any, Any]:
    """Return sources, targets and weights of a sparse matrix or of explicit ids."""
    if hasattr(rule, "tocoo"):
        if weight is not None:
            not_with = "must not be given with a matrix, whose data are the weights"
            fail(where, "weight", weight, not_with)
        shape = len(pre), len(post)
        if rule.shape != shape:
            fail(where, "matrix", rule.shape, f"must have the shape {shape}", got="shape")
        matrix = rule.tocoo()
        sources, targets = matrix.row.astype(np.uint32), matrix.col.astype(np.uint32)
        return pre.ids[sources], post.ids[targets], matrix.data
    if not isinstance(rule, tuple) or len(rule) != 2:
        allowed = "must be a connection rule, a sparse matrix or (pre_ids, post_ids)"
        fail(where, "rule", rule, allowed, error=TypeError)
    sources = ids(where, "pre_ids", rule[0], len(pre))
    targets = ids(where, "post_ids", rule[1], len(post))
    if len(sources) != len(targets):
        lengths = len(sources), len(targets)
        fail(where, "pre_ids and post_ids", lengths, "must be equally long", got="lengths")
    return pre.ids[sources], post.ids[targets], 1.0 if weight is None else weight
