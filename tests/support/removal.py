"""Networks whose plastic weights do not act on their spikes, so that each synapse can be compared with itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.conftest import Ints, make

import spikelet as sl

_TEXT = "dx/dt = -x/tau\ndy/dt = -y/tau\ndz/dt = -z/tau"

FORMS = (
    "history",
    "queued",
    "closed",
    "axonal",
    "pre-centered",
    "reward",
    "short-term",
    "varied",
    "text",
    "triplet",
)
"""What forms of storage and of state are there."""


def _rule(form: str, tau: Any, *, learns: bool, w_max: float, z: float) -> Any:
    a = 1e-9 if learns else 0.0
    bounds: dict[str, Any] = {"w_min": 0.0, "w_max": w_max}
    both: dict[str, Any] = {"A_plus": a, "A_minus": 1.1 * a, **bounds}
    return {
        "history": lambda: sl.STDP(**both, pairing="nearest_restricted"),
        "queued": lambda: sl.STDP(**both),
        "closed": lambda: sl.STDP(**both),
        "matrix": lambda: sl.STDP(**both),
        "axonal": lambda: sl.STDP(**both, axonal_fraction=0.5),
        "pre-centered": lambda: sl.STDP(
            **both, pairing="nearest_pre_centered", axonal_fraction=0.3
        ),
        "triplet": lambda: sl.TripletSTDP(**both, A_plus_triplet=a, A_minus_triplet=a),
        "reward": lambda: sl.RewardSTDP(**both),
        "short-term": sl.TsodyksMarkram,
        "varied": lambda: sl.TsodyksMarkram(tau_rec=tau),
        "text": sl.SynapseEquations(
            _TEXT,
            on_pre="w = clip(w - a*y + a*z, 0, m); x += 1; z = z + w/m",
            on_post="w = clip(w + a*x, 0, m); y += 1",
            parameters={"tau": (20.0, "ms"), "a": a, "m": w_max},
            initial={"z": z},
        ),
    }[form]()


def weights_of(form: str) -> float:
    """Return the weight that synapses begin with."""
    del form
    return 5e-7


def random_synapses(
    rng: np.random.Generator, n_pre: int, n_post: int, count: int, *, quiet: bool = False
) -> tuple[Ints, Ints, Any]:
    """Return sources, targets and delays in canonical order; some pairs have several."""
    pre, post = rng.integers(0, n_pre, count), rng.integers(0, n_post, count)
    if quiet:
        pre[-2:], post[-2:] = n_pre - 1, n_post - 1
    order = np.lexsort((post, pre))
    return pre[order], post[order], rng.integers(1, 60, count) * 0.1


def forced(
    form: str,
    dtype: str,
    pre: Any,
    post: Any,
    delay: Any,
    *,
    silent: Any = None,
    quiet: float = 0.0,
    tau: Any = 200.0,
) -> tuple[sl.Network, Any]:
    """Return a network of 12 sources and 9 targets that spike as they are told, and their plastic projection.

    Parameters
    ----------
    form : str
        One of FORMS, or "matrix".
    dtype : str
        Precision.
    pre, post, delay : array
        The synapses.
    silent : array, optional
        Which of them have no weight; the others then act on the targets, and none learns.
    tau : array
        Of each synapse, where they vary.
    quiet : float
        Until this time [ms], the last source and the last target do not spike.
    """
    net = make(dtype=dtype)
    rng = np.random.default_rng(11)

    def spikes(n: int) -> Any:
        times, ids = np.sort(rng.integers(1, 1200, 20 * n)) * 0.1, rng.integers(0, n, 20 * n)
        there = (times > quiet) | (ids < n - 1)
        return net.population(n, sl.SpikeSource(times[there], ids[there], snap=True))

    a, b, drive = spikes(12), net.population(9, sl.LIFDelta(t_ref=0.5)), spikes(9)
    net.connect(drive, b, sl.OneToOne(), weight=3.0 if silent is not None else 100.0, delay=0.1)
    if form in ("closed", "triplet"):
        delay = np.full(len(pre), 1.7)
    weight = np.full(len(pre), weights_of(form))
    if silent is not None:
        weight = np.where(silent, 0.0, 1e6 * weight)
    w_max = 1e-6 if silent is None else 1.0
    rule = _rule(form, tau, learns=silent is None, w_max=w_max, z=0.0 if quiet else 0.1)
    ends: Any = (pre, post)
    if form == "matrix":
        ends, delay, weight = sl.AllToAll(), 1.7, weights_of(form)
    p = net.connect(a, b, ends, weight=weight, delay=delay, plasticity=rule)
    return net, p


class Pair:
    """A network, and one that had only those of its synapses that stay.

    Parameters
    ----------
    form, dtype : str
        As in `forced`.
    rng : Generator
        For the synapses.
    silent : bool
        As in `forced`: those that go have no weight.
    """

    def __init__(
        self, form: str, dtype: str, rng: np.random.Generator, *, silent: bool = False
    ) -> None:
        pre, post, delay = random_synapses(rng, 12, 9, 150)
        goes = rng.random(150) < 0.5
        weightless = goes if silent else None
        tau = np.linspace(100.0, 500.0, 150)
        self.net, self.p = forced(form, dtype, pre, post, delay, silent=weightless, tau=tau)
        few = (x[~goes] for x in (pre, post, delay))
        weightless = goes[~goes] if silent else None
        self.other, self.q = forced(form, dtype, *few, silent=weightless, tau=tau[~goes])
        self.goes = goes
        self.potentials = [net.record(net.populations[1], "V_m") for net in (self.net, self.other)]

    def run(self, duration: float) -> None:
        """Run both networks."""
        self.net.run(duration)
        self.other.run(duration)

    def remove_some(self, rng: np.random.Generator) -> None:
        """Remove half of the synapses that go."""
        which = self.goes & (rng.random(len(self.goes)) < 0.5)
        self.p.remove(np.flatnonzero(which) if rng.random() < 0.5 else which)
        self.goes = self.goes[~which]

    def compare(self) -> None:
        """Compare what the synapses that stay remember."""
        np.testing.assert_array_equal(self.p.weights[~self.goes], self.q.weights)
        for name, values in self.p.traces.items():
            np.testing.assert_array_equal(values[~self.goes], self.q.traces[name], err_msg=name)
