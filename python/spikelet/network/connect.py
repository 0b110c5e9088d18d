"""How `Network.connect` turns its arguments into the core's."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikelet._util.checks import fail, named
from spikelet.network.contents import NetworkContents
from spikelet.network.delays import delay_steps
from spikelet.network.population import Population, check_own
from spikelet.network.projection import Projection
from spikelet.network.receptors import check_weights, receptor_number, receptor_unit, require_sign
from spikelet.network.synapse_lists import find_each, find_over_all
from spikelet.network.synapse_rule import SynapseRule, core_of
from spikelet.network.synapse_values import synapse_values
from spikelet.network.weight_bits import largest_of
from spikelet.neurons import NeuronModel
from spikelet.plasticity import Plasticity
from spikelet.rules import AllToAll, Distribution, FixedProbability, OneToOne, Rule
from spikelet.spatial import ByDistance, DistanceDependent


def check_call(net: NetworkContents, pre: Any, post: Any, receptor: Any, plasticity: Any) -> str:
    """Check the ends of a projection, its receptor and its kind of plasticity; return what errors call it."""
    check_own(net, "connect", pre, "pre")
    check_own(net, "connect", post, "post")
    where = f"connect {pre.name} -> {post.name}"
    if not isinstance(post.model, NeuronModel):
        fail(where, "post", post, "must be neurons, not a spike source")
    if plasticity is not None and not isinstance(plasticity, Plasticity):
        allowed = "must be a rule such as sl.STDP(...)" + _called(plasticity)
        fail(where, "plasticity", plasticity, allowed, error=TypeError)
    receptor_number(where, post.model, receptor)
    if isinstance(plasticity, SynapseRule):
        plasticity.require_states(where, post.model.states)
    if isinstance(plasticity, SynapseRule) and net.ranks.size > 1:
        fail(where, "plasticity", plasticity, "must be a built-in rule where ranks share a network")
    if plasticity is not None:
        least = np.array(getattr(plasticity, "w_min", 0.0))
        require_sign(where, post.model, receptor, least, "w_min")
    return where


def _called(plasticity: Any) -> str:
    """Return a hint if the class of a rule is given in place of a rule."""
    if isinstance(plasticity, type) and issubclass(plasticity, Plasticity):
        return f"; did you mean sl.{plasticity.__name__}()?"
    return ""


def connect(
    net: NetworkContents,
    pre: Population,
    post: Population,
    rule: Any,
    weight: Any,
    delay: Any,
    receptor: str | None,
    plasticity: Plasticity | None,
    weight_dtype: Any = "float",
) -> Projection:
    """Check and add a projection; see `Network.connect`."""
    check_own(net, "connect", pre, "pre")
    check_own(net, "connect", post, "post")
    where, union = f"connect {pre.name} -> {post.name}", len(pre.parts) * len(post.parts) > 1
    for a in pre.parts:
        for b in post.parts:
            check_call(net, a, b, receptor, plasticity)
    int16 = largest_of(where, weight_dtype, plasticity)
    if isinstance(rule, OneToOne) and len(pre) != len(post):
        sizes = len(pre), len(post)
        fail(where, "OneToOne", sizes, "needs populations of the same size", got="sizes")
    if hasattr(rule, "tocoo"):
        if weight is not None:
            fail(
                where,
                "weight",
                weight,
                "must not be given with a matrix, whose data are the weights",
            )
        rule = rule.tocoo()
        weight = rule.data
    weight = 1.0 if weight is None else weight
    by_distance = isinstance(weight, ByDistance) or isinstance(delay, ByDistance)
    # The core draws pairs of parts one by one: a rule that draws each pair of elements by itself needs no lists.
    by_core = isinstance(rule, (AllToAll, FixedProbability) if union else Rule) and not by_distance
    if union:
        _check_union(where, rule, plasticity, by_distance=by_distance)
        numbers = not isinstance(weight, Distribution) and not isinstance(delay, Distribution)
        by_core = by_core and numbers and np.ndim(weight) == np.ndim(delay) == 0
    elif plasticity is not None and plasticity.varied:
        by_core = False
    bounds = None  # the core checks them, but not those of all blocks before it adds the first
    if union:
        bounds = (-np.inf, np.inf) if plasticity is None else plasticity.bounds
    number = len(net.contents.projections)
    ends = pre, post, rule, number, plasticity
    if union and not (by_core or by_distance or isinstance(rule, DistanceDependent)):
        found = [find_over_all(net, *ends)]
    else:
        found = find_each(net, *ends, by_core=by_core)
    ready = []  # all of them before the first is added
    for synapses in found:
        units = {_unit(block.post, receptor) for block in synapses.blocks}
        unit, stream = units.pop() if len(units) == 1 else "", 2 * synapses.number
        weights = synapse_values(net, synapses, "weight", weight, unit, stream)
        delays = synapse_values(net, synapses, "delay", delay, "ms", stream + 1)
        if not isinstance(delays, Distribution):
            drawn = isinstance(delay, Distribution)
            steps = delay_steps(synapses.where, delays, net.dt, drawn=drawn)
            delays = delays if by_core else steps
        for block in synapses.blocks:
            check_weights(block.where, block.post.model, receptor, block.own(weights), bounds)
        with named(synapses.where):
            core_rules = [core_of(synapses.plasticity, block.post) for block in synapses.blocks]
        ready.append((synapses, weights, delays, core_rules))
    made = []
    for synapses, weights, delays, core_rules in ready:
        for block, core_rule in zip(synapses.blocks, core_rules, strict=True):
            model = block.post.model
            assert isinstance(model, NeuronModel)
            number = receptor_number(where, model, receptor)
            index = block.add_to(net, rule, weights, delays, number, core_rule, int16)
            made.append(Projection(net, index, block.pre, block.post, synapses.plasticity, number))
            net.contents.projections.append(made[-1])
    return Projection.joined(pre, post, made) if union else made[0]


def _check_union(
    where: str, rule: Any, plasticity: Plasticity | None, *, by_distance: bool
) -> None:
    """Refuse what does not depend on two elements alone, or has an order that a union has not."""
    if plasticity is not None and plasticity.varied:
        must = "must be single numbers for a union; connect its parts one by one"
        fail(where, f"{type(plasticity).__name__}.{plasticity.varied[0]}", plasticity, must)
    if isinstance(rule, DistanceDependent) and (rule.indegree, rule.outdegree) != (None, None):
        degrees = rule.indegree, rule.outdegree
        must = "must be None for a union; connect its parts one by one"
        fail(where, "DistanceDependent.indegree and outdegree", degrees, must)
    if by_distance and not isinstance(rule, (AllToAll, FixedProbability, DistanceDependent)):
        must = "must be AllToAll, FixedProbability or DistanceDependent where values depend on distance in a union"
        fail(where, "rule", rule, must)


def _unit(post: Population, receptor: str | None) -> str:
    model = post.model
    assert isinstance(model, NeuronModel)
    return receptor_unit(model, receptor_number("connect", model, receptor))
