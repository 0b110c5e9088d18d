"""Plasticity rules by their definitions: one synapse, event by event, sums over explicit spikes.

Nothing here keeps a trace: each change sums exponentials over the past spikes that its rule pairs. Times are steps.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.linalg import expm


@dataclass
class History:
    """Return the weight after each event, and the weights sent, one per spike of the source."""

    start: float
    times: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)

    def at(self, now: int) -> float:
        """Return the weight that a reading at `now` gives."""
        k = bisect_right(self.times, now)
        return self.weights[k - 1] if k else self.start


@dataclass
class Events:
    """The spikes of both sides at the synapse, in the order in which they act."""

    pre: Sequence[int]
    post: Sequence[int]
    delay: int
    rule: Any
    dt: float

    def __iter__(self) -> Any:
        axonal = round(self.rule.axonal_fraction * self.delay)
        tie = self.rule.coincidence == "potentiate"
        # At equal times: the source first where ties potentiate, else the target.
        ours = [(int(s) + axonal, not tie, True) for s in self.pre]
        theirs = [(int(t) + self.delay - axonal, tie, False) for t in self.post]
        return iter([(time, is_pre) for time, _, is_pre in sorted(ours + theirs)])

    def k(self, tau: float, now: int, past: Iterable[int]) -> float:
        """Sum the exponentials of what is past."""
        return math.fsum(math.exp(-(now - p) * self.dt / tau) for p in past)


def answered(rule: Any, pre: int, posts: Sequence[int]) -> bool:
    """Whether one of the ascending posts came after a pre; one at the same time did where ties potentiate."""
    tie = rule.coincidence == "potentiate"
    return bool(posts) and (posts[-1] >= pre if tie else posts[-1] > pre)


def pairs_up(rule: Any, pres: list[int], posts: list[int]) -> list[int]:
    """Return the pres that a post pairs with; those at its time are among pres only where ties potentiate."""
    if rule.pairing == "all_to_all":
        return pres
    if rule.pairing == "nearest_symmetric":
        return pres[-1:]
    if rule.pairing == "nearest_pre_centered":
        return [p for p in pres if not answered(rule, p, posts)]
    assert rule.pairing == "nearest_restricted"
    return [p for p in pres[-1:] if not answered(rule, p, posts)]


def pairs_down(rule: Any, earlier: list[int], pres: list[int], posts: list[int]) -> list[int]:
    """Return the posts that a pre pairs with, of those strictly before it.

    Those at its time are among `posts` only where ties are ignored. There, one of them answers the pre before.
    """
    if rule.pairing == "all_to_all":
        return earlier
    if rule.pairing == "nearest_restricted" and pres and not answered(rule, pres[-1], posts):
        return []
    return earlier[-1:]


def pair_change(rule: Any, w: float, up: float, down: float) -> float:
    """Change a weight by a sum of potentiating or depressing pairs."""
    if rule.dependence == "power_law":
        w += rule.A_plus * w**rule.mu_plus * up - rule.A_minus * w * down  # one of the two is 0
        return float(max(w, rule.w_min))
    mu_plus, mu_minus = {
        "additive": (0.0, 0.0),
        "multiplicative": (1.0, 1.0),
        "power": (rule.mu_plus, rule.mu_minus),
    }[rule.dependence]
    span = rule.w_max - rule.w_min
    for change, mu in ((rule.A_plus * up, mu_plus), (-rule.A_minus * down, mu_minus)):
        if change:  # one of the two is 0
            room = rule.w_max - w if change > 0 else w - rule.w_min
            w += change * (room / span) ** mu
    return float(min(max(w, rule.w_min), rule.w_max))


def simulate(
    rule: Any,
    w: float,
    pre: Sequence[int],
    post: Sequence[int],
    delay: int,
    *,
    since: int = -1,
    dt: float = 0.1,
) -> History:
    """Return what a synapse does whose rule changes the weight at spikes; `w` is what it is at `since`."""
    change = CHANGES[type(rule).__name__]
    events = Events(pre, post, delay, rule, dt)
    history = History(w)
    pres: list[int] = []
    posts: list[int] = []
    for time, is_pre in events:
        if time > since:
            w = change(events, w, time, is_pre, pres, posts)
        (pres if is_pre else posts).append(time)
        history.times.append(time)
        history.weights.append(w)
        if is_pre:
            history.sent.append(w)
    return history


def _stdp(e: Events, w: float, now: int, is_pre: bool, pres: list[int], posts: list[int]) -> float:
    if is_pre:
        earlier = [x for x in posts if x < now]
        past = pairs_down(e.rule, earlier, pres, posts)
        return pair_change(e.rule, w, 0.0, e.k(e.rule.tau_minus, now, past))
    return pair_change(e.rule, w, e.k(e.rule.tau_plus, now, pairs_up(e.rule, pres, posts)), 0.0)


def _triplet(
    e: Events, w: float, now: int, is_pre: bool, pres: list[int], posts: list[int]
) -> float:
    rule = e.rule
    if is_pre:
        r2 = e.k(rule.tau_plus_triplet, now, pres)
        down = e.k(rule.tau_minus, now, [x for x in posts if x < now])
        w -= down * (rule.A_minus + rule.A_minus_triplet * r2)
    else:
        o2 = e.k(rule.tau_minus_triplet, now, posts)
        w += e.k(rule.tau_plus, now, pres) * (rule.A_plus + rule.A_plus_triplet * o2)
    return float(min(max(w, rule.w_min), rule.w_max))


def _inhibitory(
    e: Events, w: float, now: int, is_pre: bool, pres: list[int], posts: list[int]
) -> float:
    rule, size = e.rule, abs(w)
    past = [x for x in posts if x < now] if is_pre else pres
    size = min(size + rule.eta * e.k(rule.tau, now, past), rule.w_max)
    if is_pre:
        size = max(size - rule.alpha * rule.eta, 0.0)
    return math.copysign(size, w)  # that of -0.0 too


def _diehl_cook(
    e: Events, w: float, now: int, is_pre: bool, pres: list[int], posts: list[int]
) -> float:
    rule = e.rule
    if is_pre:
        w -= rule.eta_pre * e.k(rule.tau_post_1, now, [x for x in posts if x < now][-1:])
    else:
        post_2 = e.k(rule.tau_post_2, now, posts[-1:])
        w += rule.eta_post * e.k(rule.tau_pre, now, pres[-1:]) * post_2
    return float(min(max(w, rule.w_min), rule.w_max))


CHANGES = {
    "STDP": _stdp,
    "TripletSTDP": _triplet,
    "InhibitorySTDP": _inhibitory,
    "DiehlCookSTDP": _diehl_cook,
}
"""How each rule changes the weight at a spike: (events, weight, time, is_pre, earlier pres, earlier posts) -> weight."""


def reward(
    rule: Any,
    w: float,
    pre: Sequence[int],
    post: Sequence[int],
    delay: int,
    levels: Sequence[tuple[int, float]],
    now: int,
    dt: float = 0.1,
) -> tuple[float, list[float]]:
    """Return the weight at `now` and the weights sent, without bounds; `levels` are set at their times."""
    events = Events(pre, post, delay, rule, dt)
    tau_n = math.inf if rule.tau_n is None else rule.tau_n
    both = 1.0 / (1.0 / rule.tau_c + 1.0 / tau_n)
    pres: list[int] = []
    posts: list[int] = []
    sent = []
    c = n = 0.0
    at = 0
    stops = [(time, "pre" if is_pre else "post", 0.0) for time, is_pre in events if time <= now]
    stops += [(time, "level", value) for time, value in levels if time <= now]
    for time, kind, value in [*sorted(stops, key=lambda stop: stop[0]), (now, "read", 0.0)]:
        h = (time - at) * dt
        w += c * n * both * -math.expm1(-h / both)
        w -= c * rule.b * rule.tau_c * -math.expm1(-h / rule.tau_c)
        c *= math.exp(-h / rule.tau_c)
        n *= math.exp(-h / tau_n)
        at = time
        if kind == "pre":
            c -= rule.A_minus * events.k(rule.tau_minus, time, [x for x in posts if x < time])
            pres.append(time)
            sent.append(w)
        elif kind == "post":
            c += rule.A_plus * events.k(rule.tau_plus, time, pres)
            posts.append(time)
        elif kind == "level":
            n = value
    return w, sent


def level(rule: Any, levels: Sequence[tuple[int, float]], now: int, dt: float = 0.1) -> float:
    """Return the level of the reward at `now`."""
    past = [(time, value) for time, value in levels if time <= now]
    if not past:
        return 0.0
    time, value = past[-1]
    return value if rule.tau_n is None else value * math.exp(-(now - time) * dt / rule.tau_n)


def synaptic_flows(tau_psc: float, tau_rec: float, gaps: Sequence[float]) -> dict[float, Any]:
    """Return what recovered, active and inactive resources become in each gap: equal gaps are computed once."""
    a, r = 1.0 / tau_psc, 1.0 / tau_rec
    distinct = np.unique(gaps)
    flow = np.array([[0.0, 0.0, r], [0.0, -a, 0.0], [0.0, a, -r]])
    return dict(zip(distinct.tolist(), expm(distinct[:, None, None] * flow), strict=True))


def depression_and_facilitation(rule: Any, pre: Sequence[int], dt: float = 0.1) -> list[float]:
    """Return the factors of the base weight with which the spikes of a source are sent."""
    factors: list[float] = []
    state = np.array([1.0, 0.0, 0.0])  # recovered, active, inactive
    u = rule.U if rule.tau_psc is None else 0.0
    gaps = [(int(now) - int(pre[k - 1])) * dt if k else 0.0 for k, now in enumerate(pre)]
    flows = {} if rule.tau_psc is None else synaptic_flows(rule.tau_psc, rule.tau_rec, gaps)
    for k, h in enumerate(gaps):
        kept = math.exp(-h / rule.tau_fac) if rule.tau_fac > 0.0 else 0.0
        if rule.tau_psc is None:
            if k:
                state[0] = 1.0 + (state[0] - state[0] * u - 1.0) * math.exp(-h / rule.tau_rec)
                u = rule.U + u * (1.0 - rule.U) * kept
            factors.append(float(u * state[0]))
        else:
            state = flows[h] @ state
            u = u * kept if k else 0.0
            u += rule.U * (1.0 - u)
            released = u * state[0]
            state += [-released, released, 0.0]
            factors.append(float(released))
    return factors
