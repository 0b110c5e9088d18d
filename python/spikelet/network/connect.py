"""How `Network.connect` turns its arguments into the core's."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.advice import advise
from spikelet._util.checks import check_all, fail, named, representable, require
from spikelet.network.contents import NetworkContents
from spikelet.network.population import Population, check_own
from spikelet.network.projection import Projection
from spikelet.network.receptors import BY_SIGN, receptor_number, receptor_unit, require_sign
from spikelet.network.synapse_lists import Lists, as_lists, needs_lists, part_ids
from spikelet.network.value_matrix import ValueMatrix
from spikelet.network.weight_bits import largest_of
from spikelet.neurons import NeuronModel
from spikelet.plasticity import Plasticity
from spikelet.rules import AllToAll, Distribution, OneToOne, Rule, as_spec

__all__ = ["check_call", "check_lists", "connect", "delay_steps"]

_MAX_DELAY = 65535  # steps
_CHUNK = 1 << 16

# Receptor, plasticity, largest weight of 16 bits.
Ends = tuple[int, _core.Plasticity | None, float | None]


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
    weights: Any = "float",
) -> Projection:
    """Check and add a projection; see `Network.connect`."""
    where = check_call(net, pre, post, receptor, plasticity)
    int16, model = largest_of(where, weights, plasticity), post.model
    assert isinstance(model, NeuronModel)
    number = receptor_number(where, model, receptor)
    if isinstance(rule, OneToOne) and len(pre) != len(post):
        sizes = len(pre), len(post)
        fail(where, "OneToOne", sizes, "needs populations of the same size", got="sizes")
    lists = None
    if needs_lists(rule, weight, delay, plasticity):
        count = len(net.contents.projections)
        lists = as_lists(net, where, (pre, post), rule, weight, delay, plasticity, count)
        weight, delay, plasticity = lists.weight, lists.delay, lists.plasticity
    core_plasticity = None
    if plasticity is not None:
        with named(where):
            core_plasticity = plasticity.to_core()
    ends = (number, core_plasticity, int16)
    add: Any = _by_rule if lists is None else _by_lists
    how = rule if lists is None else lists
    matrix = ValueMatrix(pre, post, rule) if isinstance(rule, AllToAll) else None
    unit = receptor_unit(model, number)
    index: int = add(net, where, pre, post, how, weight, delay, unit, matrix, ends)
    projection = Projection(net, index, pre, post, plasticity, number)
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
    matrix: ValueMatrix | None,
    ends: Ends,
) -> int:
    """Let the core draw the synapses of a rule; return the index of the projection."""
    weights = _spec(where, "weight", 1.0 if weight is None else weight, unit, matrix)
    if not isinstance(weights, Distribution):
        representable(where, "weight", weights, net.dtype)
    delays = _delay_spec(where, delay, net.dt, matrix)
    _advise_sign(where, post.model, ends[0], weights)
    with named(where):
        return net.engine.sim.connect(
            pre.index, post.index, pre.size, post.size, part_ids(pre), part_ids(post),
            rule.to_core(), _core_spec(weights), _core_spec(delays), *ends,
        )  # fmt: skip


def _by_lists(
    net: NetworkContents,
    where: str,
    pre: Population,
    post: Population,
    lists: Lists,
    weight: Any,
    delay: Any,
    unit: str,
    matrix: ValueMatrix | None,
    ends: Ends,
) -> int:
    """Give the core the synapses of a matrix, of two arrays or of what was drawn; return the projection's index."""
    weights, steps = _listed_values(net, where, lists, weight, delay, unit, matrix)
    _advise_sign(where, post.model, ends[0], weights)
    with named(where):
        return net.engine.sim.connect_lists(
            pre.index, post.index, pre.size, lists.pre, lists.post,
            weights.astype(net.dtype, copy=False), steps, *ends[:2], None, ends[2],
        )  # fmt: skip


def check_lists(
    net: NetworkContents,
    where: str,
    post: Population,
    lists: Lists,
    receptor: str | None,
    plasticity: Plasticity | None,
) -> None:
    """Check values by synapse as `connect` will, before anything is added."""
    assert isinstance(post.model, NeuronModel)
    unit = receptor_unit(post.model, receptor_number(where, post.model, receptor))
    weights, _ = _listed_values(net, where, lists, lists.weight, lists.delay, unit, None)
    low, high = (-np.inf, np.inf) if plasticity is None else plasticity.bounds
    rule = f"must lie in [w_min, w_max] = [{low:g}, {high:g}]"
    check_all(where, "weight", weights, (weights >= low) & (weights <= high), rule)
    require_sign(where, post.model, receptor, weights)


def _listed_values(
    net: NetworkContents,
    where: str,
    lists: Lists,
    weight: Any,
    delay: Any,
    unit: str,
    matrix: ValueMatrix | None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint16]]:
    """Return the weights and the delays [steps] of lists: one for all synapses, or one for each."""
    n, stream = len(lists.pre), 2 * len(net.contents.projections)
    spec = _weight_spec(where, weight, unit, matrix, net.dtype)
    weights = _values(where, "weight", spec, n, net.seed, stream)
    spec = _spec(where, "delay", delay, "ms", matrix)
    delays = _values(where, "delay", spec, n, net.seed, stream + 1)
    steps = delay_steps(where, delays, net.dt, drawn=isinstance(delay, Distribution))
    representable(where, "weight", weights, net.dtype)
    return weights, steps


def _spec(where: str, argument: str, value: Any, unit: str, matrix: ValueMatrix | None) -> Any:
    """Return a distribution, or numbers as a flat array: one for all synapses, or one for each."""
    spec = as_spec(where, argument, value, unit, None if matrix is None else matrix.shape)
    if matrix is None or isinstance(spec, Distribution) or spec.ndim == 1:
        return spec
    return matrix.by_synapse(spec)


def _weight_spec(
    where: str, weight: Any, unit: str, matrix: ValueMatrix | None, dtype: np.dtype[Any]
) -> Any:
    """Return weights as `_spec` does, but a list in the network's precision as it is: a long one is not copied."""
    if type(weight) is np.ndarray and weight.dtype == dtype and weight.ndim == 1:
        require(where, "weight", weight, "finite")
        return weight
    return _spec(where, "weight", weight, unit, matrix)


def _advise_sign(where: str, model: Any, receptor: int, weights: Any) -> None:
    """Warn about currents that all have the sign that a receptor's name excludes."""
    if receptor == BY_SIGN or not model.by_sign or receptor_unit(model, receptor) != "pA":
        return
    if isinstance(weights, Distribution):
        with named(where):
            weights = _core.draw_values(weights.to_core(), 0, 0, 32)  # a sample
    values = np.asarray(weights)
    inhibitory = model.receptors[receptor] == "in"
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    worst, right = (high, low) if inhibitory else (low, high)
    if worst != 0 and right == 0:
        effect = "depolarises" if inhibitory else "hyperpolarises"
        name = "inhibitory" if inhibitory else "excitatory"
        problem = f'pA at receptor="{name}" {effect}, as the receptor of a current only sets its time constant'
        advise(where, "weight", worst, problem, f"did you mean {-worst:g} pA?")


def _core_spec(spec: Any) -> _core.ValueSpec:
    """Return the core's description of a distribution or of numbers."""
    return spec.to_core() if isinstance(spec, Distribution) else _core.ValueSpec(spec)


def _delay_spec(where: str, delay: Any, dt: float, matrix: ValueMatrix | None) -> Any:
    """Return a distribution as it is, or delays [ms] after a check of their range."""
    spec = _spec(where, "delay", delay, "ms", matrix)
    if not isinstance(spec, Distribution):
        delay_steps(where, spec, dt)
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
