"""Sources and targets that spike when a test says, with one projection of a plasticity rule between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.conftest import Ints, to_steps
from tests.support.plasticity_reference import simulate

import spikelet as sl

PAIRINGS = ("all_to_all", "nearest_symmetric", "nearest_pre_centered", "nearest_restricted")
DEPENDENCES = ("additive", "multiplicative", "power", "power_law")
COINCIDENCES = ("potentiate", "ignore")
LAYOUTS = ("dense", "one delay", "many delays")
FRACTIONS = (0.0, 0.4, 1.0)
STEPS = 200
COND = sl.LIFCond(tau_syn_ex=1e-4, tau_syn_in=1e-4, t_ref=0.0)
# What arrives is gone after a step and does next to nothing to V_m.
TARGET = sl.LIF(tau_syn_ex=1e-4, tau_syn_in=1e-4, t_ref=0.0)
WIDE: dict[str, float] = {"w_min": -1e3, "w_max": 1e3}


def force(net: sl.Network, posts: list[Ints], steps: int, model: Any = TARGET) -> Any:
    """Add a target for each list of stamps, which spikes at just those (after 0)."""
    current = np.zeros((steps, len(posts)))
    for column, stamps in enumerate(posts):
        current[stamps - 1, column] = 1e6
    target = net.population(len(posts), model)
    net.inject(target, sl.CurrentInput(current))
    return target


def trains(rng: np.random.Generator, n: int, steps: int, most: int, *, low: int = 0) -> list[Ints]:
    """Draw ascending stamps; those of sources (low = 0) may be 0 and may come twice."""
    drawn = [rng.integers(low, steps + 1, rng.integers(0, most + 1)) for _ in range(n)]
    return [np.sort(t) if low == 0 else np.unique(t) for t in drawn]


def emit(net: sl.Network, pres: list[Ints]) -> Any:
    """Add sources with the given stamps."""
    stamps = np.concatenate([np.zeros(0, dtype=np.int64), *pres])
    ids = np.repeat(np.arange(len(pres)), [len(p) for p in pres])
    order = np.argsort(stamps, kind="stable")
    model = sl.SpikeSource(stamps[order] * net.dt, ids[order], snap=True)
    return net.population(len(pres), model)


class Bench:
    """Sources and targets that spike at given stamps, and the projection of one layout between them."""

    def __init__(
        self,
        net: sl.Network,
        rng: np.random.Generator,
        layout: str,
        rule: Any,
        weight: tuple[float, float],
        *,
        model: Any = TARGET,
        delay: int = 0,
        text: Any = None,  # the same rule, which runs in its place
    ) -> None:
        n, m = (4, 40) if layout == "dense" else (30, 20)
        self.net, self.rule = net, rule
        self.pres = trains(rng, n, STEPS, 16)
        self.posts = trains(rng, m, STEPS, 16, low=1)
        if isinstance(rule, sl.InhibitorySTDP):  # a spike at 0 may be part of the first weights
            self.pres = [np.maximum(stamps, 1) for stamps in self.pres]
        self.pres[0], self.posts[0] = self.pres[0][:0], self.posts[0][:0]  # silent ones
        connection: Any = {"dense": sl.AllToAll(), "one delay": sl.FixedProbability(0.1)}.get(
            layout
        )
        steps: Any = delay or int(rng.integers(1, 40))
        if connection is None:
            pairs = rng.integers(0, n, 60), rng.integers(0, m, 60)
            connection = tuple(np.concatenate([x, x[:9]]) for x in pairs)  # with multapses
            steps = rng.integers(1, 40, 69)
        source = emit(net, self.pres)
        self.target = force(net, self.posts, STEPS, model)
        self.p = net.connect(
            source, self.target, connection, weight=sl.Uniform(*weight), delay=steps * 0.1,
            plasticity=rule if text is None else text,
        )  # fmt: skip
        names = ("g_ex", "g_in") if model is COND else ("I_syn_ex", "I_syn_in")
        self.arrived = [net.record(self.target, name) for name in names]
        self.start = self.p.weights
        self.pre, self.post = self.p.pre_ids, self.p.post_ids
        self.delay = to_steps(self.p.delays)
        assert len(self.p) > 20

    def __len__(self) -> int:
        return len(self.start)

    def simulate(self) -> list[Any]:
        """Return the history of each synapse."""
        table = zip(self.start, self.pre, self.post, self.delay, strict=True)
        return [
            simulate(self.rule, float(w), self.pres[i], self.posts[j], int(d))
            for w, i, j, d in table
        ]

    def check_sent(self, sent: list[Any], rtol: float = 1e-12) -> None:
        """Compare what arrived at the targets, [a list a synapse], after a run of all steps."""
        table = np.zeros((STEPS + 1, len(self.posts)))
        for k, values in enumerate(sent):
            at = (self.pres[self.pre[k]] + self.delay[k])[: len(values)]
            near = at <= STEPS
            np.add.at(table[:, self.post[k]], at[near], np.asarray(values)[near])
        arrived = sum(np.asarray(r.values) for r in self.arrived)
        assert np.count_nonzero(table) > 20
        np.testing.assert_allclose(arrived, table[1:], rtol=rtol, atol=1e-14)

    def check(self, cuts: list[int]) -> None:
        """Run on to each cut; compare the weights there, and in the end what was recorded and sent."""
        histories = self.simulate()
        recorded = self.net.record(self.p, "weights", every=2.3)
        for now in cuts:
            self.net.run(now * 0.1 - self.net.t)
            np.testing.assert_allclose(self.p.weights, [h.at(now) for h in histories], rtol=1e-12)
        self.check_sent([h.sent for h in histories])
        times = to_steps(recorded.times)
        assert len(times) >= STEPS // 23
        table = [[h.at(t) for h in histories] for t in times.tolist()]
        np.testing.assert_allclose(recorded.values, table, rtol=1e-12)
        assert np.abs(self.p.weights - self.start).max() > 0.1 * np.abs(self.start).max()


def draw_stdp(rng: np.random.Generator, dependence: str, **kwargs: Any) -> tuple[Any, Any]:
    """Draw an STDP and the range of the first weights; bounds are met."""
    bounds: Any = {"w_min": 0.25, "w_max": 2.0}
    if dependence == "power":
        bounds |= {"mu_plus": rng.uniform(0.3, 1.7), "mu_minus": rng.uniform(0.3, 1.7)}
    elif dependence == "power_law":
        bounds = {"w_min": float(rng.choice([0.0, 0.3])), "mu_plus": rng.uniform(0.2, 0.9)}
    tau_plus, tau_minus = rng.uniform(4.0, 30.0, 2)
    a_plus, a_minus = rng.uniform(0.02, 0.3, 2)
    rule = sl.STDP(
        tau_plus=tau_plus, tau_minus=tau_minus, A_plus=a_plus, A_minus=a_minus,
        dependence=dependence, **bounds, **kwargs,
    )  # type: ignore[arg-type]  # bounds and options of one dict  # fmt: skip
    return rule, (0.4, 1.9)


def draw(rng: np.random.Generator, name: str, **kwargs: Any) -> tuple[Any, Any]:
    """Draw a rule of spikes by its name and the range of the first weights."""
    if name in DEPENDENCES:
        return draw_stdp(rng, name, **kwargs)
    tau = rng.uniform(4.0, 30.0, 4)
    a = rng.uniform(0.01, 0.2, 4)
    if name == "triplet":
        return sl.TripletSTDP(
            tau_plus=tau[0], tau_minus=tau[1], tau_plus_triplet=4 * tau[2],
            tau_minus_triplet=4 * tau[3], A_plus=a[0], A_minus=a[1], A_plus_triplet=a[2] / 4,
            A_minus_triplet=a[3] / 4, w_min=0.25, w_max=2.0, **kwargs,
        ), (0.4, 1.9)  # fmt: skip
    if name == "inhibitory":
        low = float(rng.choice([-0.9, 0.1]))
        rule = sl.InhibitorySTDP(
            tau=tau[0], eta=a[0], alpha=rng.uniform(0.5, 4.0), w_max=1.0, **kwargs
        )
        return rule, (low, low + 0.8)
    return sl.DiehlCookSTDP(
        tau_pre=tau[0], tau_post_1=tau[1], tau_post_2=tau[2], eta_pre=a[0], eta_post=a[1],
        w_min=0.25, w_max=2.0, **kwargs,
    ), (0.4, 1.9)  # fmt: skip
