"""Finds rules from text that the core has built in, whose stores are faster than programs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from spikelet.neurons.equations.calculus import affine_in
from spikelet.neurons.equations.expression import ONE, ZERO, Call, Expr, Number
from spikelet.neurons.equations.vocabulary import draws_numbers

_WEIGHT = "w"


class BuiltIn(NamedTuple):
    """A built-in rule, with expressions for its parameters."""

    name: str
    pairing: str
    amplitudes: dict[str, Expr]
    bounds: dict[str, Expr]
    decaying: dict[str, str]
    """Variables by the time constants that they decay with."""
    traces: dict[str, str]
    """Variables by the core's names of traces."""


class _Change(NamedTuple):
    """How a spike changes the weight: by ``trace*(by + slow_by*slow)``."""

    trace: str
    by: Expr
    slow: str | None
    slow_by: Expr
    bounds: dict[str, Expr]


def recognized(
    variables: Collection[str],
    rates: Mapping[tuple[str, str | None], Expr],
    pre: Mapping[str, Expr],
    post: Mapping[str, Expr],
) -> BuiltIn | None:
    """Return the built-in rule that does what a text says, if there is one: additive pairs or triplets.

    Parameters
    ----------
    variables : collection of str
        The weight and all variables.
    rates : mapping
        Of the equations between spikes: by (variable, what acts on it).
    pre, post : mapping of str to Expr
        What a spike of the source and of the target sets, by the values before it.
    """
    sources, targets = set(pre) - {_WEIGHT}, set(post) - {_WEIGHT}
    if set(rates) != {(v, v) for v in variables if v != _WEIGHT} or sources & targets:
        return None
    jumps = {_jump(pre[v], v) for v in sources} | {_jump(post[v], v) for v in targets}
    down, up = _change(pre, targets, sources), _change(post, sources, targets)
    if down is None or up is None or down.bounds != up.bounds or len(jumps) != 1:
        return None
    fast, slow = {up.trace, down.trace}, {down.slow, up.slow} - {None}
    if fast & slow or fast | slow | {_WEIGHT} != set(variables):
        return None
    pairing = jumps.pop()
    if pairing is None or (slow and pairing != "all_to_all"):
        return None
    decaying = {"tau_plus": up.trace, "tau_minus": down.trace}
    amplitudes = {"A_plus": up.by, "A_minus": -down.by}
    traces = {"Kplus": up.trace, "Kminus": down.trace}
    if not slow:
        return BuiltIn("STDP.additive", pairing, amplitudes, up.bounds, decaying, traces)
    decaying |= {"tau_plus_triplet": down.slow or up.trace, "tau_minus_triplet": up.slow or down.trace}  # fmt: skip
    amplitudes |= {"A_plus_triplet": up.slow_by, "A_minus_triplet": -down.slow_by}
    traces |= {k: v for k, v in (("Kplus_triplet", down.slow), ("Kminus_triplet", up.slow)) if v}
    return BuiltIn("TripletSTDP", pairing, amplitudes, up.bounds, decaying, traces)


def _jump(expr: Expr, variable: str) -> str | None:
    """Return which pairs count if a spike sets a trace to this."""
    parts = affine_in(expr, [variable])
    if parts is None or not isinstance(parts.rest, Number) or parts.rest.value != 1:
        return None
    if not parts.coefficients:
        return "nearest_symmetric"
    return "all_to_all" if parts.coefficients[variable] is ONE else None


def _change(
    assigned: Mapping[str, Expr], traces: Collection[str], slow: Collection[str]
) -> _Change | None:
    """Return how a weight changes by traces of the other side, and slow ones of the side that spikes."""
    expr, bounds = assigned.get(_WEIGHT), {}
    for op, name in (("min", "w_max"), ("max", "w_min")):
        if not isinstance(expr, Call) or expr.op != op:
            return None
        expr, bounds[name] = expr.args
    variables = {_WEIGHT, *traces, *slow}
    if expr is None or any(draws_numbers(x) or x.names & variables for x in bounds.values()):
        return None
    parts = affine_in(expr, [_WEIGHT, *traces])
    if parts is None or parts.rest is not ZERO or parts.coefficients.pop(_WEIGHT, None) is not ONE:
        return None
    if len(parts.coefficients) != 1:
        return None
    ((trace, factor),) = parts.coefficients.items()
    inner = affine_in(factor, slow)
    if inner is None or len(inner.coefficients) > 1 or draws_numbers(factor):
        return None
    found, by = next(iter(inner.coefficients.items()), (None, ZERO))
    return _Change(trace, inner.rest, found, by, bounds)
