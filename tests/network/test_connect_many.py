"""Many projections between two populations: a spike visits only those with its synapses, and changes nothing by that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import STRONG, Floats, make, spawn
from tests.network.test_connect import FLEETING, Case

import spikelet as sl

DRIVE = 5 * STRONG["LIF"]  # one event makes a spike
MANY = 40
FULL = 25  # of two sources each
STEPS = 12_000  # more than the sums of closed rows are kept for
RULES: dict[str, Any] = {
    "closed rows": sl.STDP(w_max=1e-3),
    "axonal": sl.STDP(w_max=1e-3, axonal_fraction=0.5, coincidence="ignore"),
    "centered": sl.STDP(w_max=1e-3, pairing="nearest_pre_centered"),
    "power law": sl.STDP(w_max=1e-3, dependence="power_law", mu_plus=0.4),
    "triplets": sl.TripletSTDP(w_max=1e-3),
    "reward": sl.RewardSTDP(w_max=1e-3, b=-1e-3),
    "short-term": sl.TsodyksMarkram(),
    "matrix": sl.TripletSTDP(w_max=1e-3, axonal_fraction=0.25),  # with full rows
}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("longest", [1, 4, 1500])
def test_every_event_of_many_projections_arrives(longest: int, threads: int) -> None:
    case = Case(n_pre=60, n_post=120, steps=2000, spikes=400, seed=longest)
    for k in range(MANY):  # some of one delay, some of a few, and one that most sources have
        size, only = (300, 1 + k % longest) if k == 7 else (12, 1 + k % longest)
        case.add(size, only if k % 2 else longest, shortest=only if k % 2 else 1)
    case.check(threads=threads)


def test_many_projections_of_16_bits() -> None:
    """They add what floats do, whose sums are exact, too."""
    case = Case(n_pre=60, n_post=120, steps=300, spikes=200)
    for k in range(MANY):
        case.add(12, 1 + k % 5)
    found = []
    for options in ({}, {"weight_dtype": sl.Int16(8.0)}):
        net = make()
        source = net.population(60, sl.SpikeSource(case.stamps * 0.1, case.ids, snap=True))
        pre, post = net.population(60, sl.LIF()), net.population(120, sl.LIF(**FLEETING))
        net.connect(source, pre, sl.OneToOne(), weight=DRIVE, delay=0.1)
        for i, j, weight, delay in case.lists:
            net.connect(pre, post, (i, j), weight=weight, delay=delay * 0.1, **options)
        found.append(net.record(post, "I_syn_ex"))
        net.run(30.0)
    assert np.count_nonzero(found[0].values) > 100
    np.testing.assert_array_equal(found[0].values, found[1].values)


class Split:
    """Plastic synapses from sources that are silent for long, onto targets whose spikes they do not change.

    apart: one in so many elements of both populations has synapses; projections are then made by target.
    """

    def __init__(self, *, full: bool = False, apart: int = 1) -> None:
        self.apart = apart
        rng = np.random.default_rng(5)
        pairs = np.arange(50 * 30) if full else rng.choice(50 * 30, 400, replace=False)
        if apart > 1:
            pairs = pairs[np.argsort(pairs % 30, kind="stable")]
        self.pre, self.post = np.divmod(pairs, 30)
        self.weight = rng.uniform(1e-4, 9e-4, len(pairs))
        self.times = np.sort(rng.integers(0, STEPS, 150)) * 0.1
        self.ids = rng.integers(0, 50, 150)
        self.drive = np.sort(rng.integers(0, STEPS, 300)) * 0.1

    def build(
        self, rule: Any, parts: int, *, threads: int = 1, spread: bool = False
    ) -> tuple[sl.Network, list[sl.Projection]]:
        """Return the network, and its plastic projections, which have the synapses in turn."""
        net = make(threads=threads)
        n_pre, n_post = 50 * self.apart, 30 * self.apart
        pre = net.population(n_pre, sl.SpikeSource(self.times, self.apart * self.ids, snap=True))
        post = net.population(n_post, sl.LIF())
        each = np.random.default_rng(1).integers(0, 30, len(self.drive))
        drive = net.population(n_post, sl.SpikeSource(self.drive, self.apart * each, snap=True))
        net.connect(drive, post, sl.OneToOne(), weight=DRIVE, delay=0.1)
        projections = []
        for which in np.array_split(np.arange(len(self.pre)), parts):
            delay = 0.3 + 0.1 * (which % 7) if spread else 0.8
            projections.append(
                net.connect(
                    pre,
                    post,
                    (self.apart * self.pre[which], self.apart * self.post[which]),
                    weight=self.weight[which],
                    delay=delay,
                    plasticity=rule,
                )
            )
        return net, projections

    def weights(self, net: sl.Network, projections: list[sl.Projection]) -> Floats:
        """Run, with pauses, and return all weights at three times."""
        found = []
        for steps in (4001, 5000, STEPS - 9001):
            net.run(steps * 0.1)
            found.append(self.table(projections))
        return np.array(found)

    def table(self, projections: list[sl.Projection]) -> Floats:
        """Return the weight of each synapse, by source and target."""
        weights = np.zeros((50, 30))
        for p in projections:
            weights[p.pre_ids // self.apart, p.post_ids // self.apart] = p.weights
        return weights


@pytest.mark.parametrize("spread", [False, True])
@pytest.mark.parametrize("apart", [1, 40])
@pytest.mark.parametrize("name", RULES)
def test_plastic_synapses_do_not_depend_on_their_projection(
    name: str, apart: int, spread: bool
) -> None:
    split, rule = Split(full=name == "matrix", apart=apart), RULES[name]
    parts = FULL if name == "matrix" else MANY
    net, one = split.build(rule, 1, spread=spread)
    assert ("dense block" in repr(one[0])) == (name == "matrix" and not spread and apart == 1)
    whole = split.weights(net, one)
    many = split.weights(*split.build(rule, parts, spread=spread))
    assert (many == whole).all()
    assert np.count_nonzero(whole[-1] != whole[0]) > 50 or isinstance(rule, sl.TsodyksMarkram)


@pytest.mark.parametrize("apart", [1, 40])
@pytest.mark.parametrize("name", RULES)
def test_many_plastic_projections_keep_bits(name: str, apart: int, tmp_path: Path) -> None:
    """For any number of threads, any way to cut a run, and after save and load."""
    split, rule = Split(full=name == "matrix", apart=apart), RULES[name]
    parts = FULL if name == "matrix" else MANY
    net, projections = split.build(rule, parts)
    expected = split.weights(net, projections)
    threads = split.weights(*split.build(rule, parts, threads=3))
    assert (threads == expected).all()
    cut, _ = split.build(rule, parts)
    for k in range(STEPS // 400):
        cut.run(40.0)
        if k in (3, 17):
            cut.save(tmp_path / "cut.npz")
            cut = sl.Network.load(tmp_path / "cut.npz", threads=1 + k % 2)
    loaded = list(cut.projections)[1:]
    assert (split.table(loaded) == expected[-1]).all()
    for ours, theirs in zip(loaded, projections, strict=True):
        for trace, values in theirs.traces.items():
            assert np.array_equal(ours.traces[trace], values)


MEMORY = """
import resource, spikelet as sl
net = sl.Network(threads=1)
cells = net.population(2000, sl.LIF(I_e=400.0))
net.run(0.1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for i in range(1000):
    ends, rule = {ends}
    net.connect(*ends, rule, weight=1.0, delay={delay}, plasticity={plasticity})
net.run(30.0)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000)
"""


@pytest.mark.parametrize("delay", ["1.5", "sl.Uniform(0.1, 3.0)"])
@pytest.mark.parametrize(
    "plasticity",
    ["None", "sl.STDP(w_max=10.0)", "sl.TsodyksMarkram()", "sl.RewardSTDP(w_max=10.0)"],
)
@pytest.mark.parametrize(
    "ends",
    [
        "(cells, cells[i : i + 1]), sl.FixedIndegree(10)",
        "(cells[i : i + 1], cells), sl.FixedOutdegree(10)",
    ],
)
def test_projections_of_single_neurons_take_memory_for_their_synapses(
    ends: str, plasticity: str, delay: str
) -> None:
    """Not for all neurons of the populations, nor for tables that their rules share."""
    kilobytes = float(spawn(MEMORY.format(ends=ends, plasticity=plasticity, delay=delay)))
    assert kilobytes < 60
