"""Connection rules, distributions, and the forms in which static synapses are stored."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

import spikelet as sl

from .cases import DTYPES, Case, active

RULES = (
    sl.AllToAll,
    sl.OneToOne,
    lambda **options: sl.FixedProbability(0.15, **options),
    lambda **options: sl.FixedIndegree(7, **options),
    lambda **options: sl.FixedOutdegree(5, **options),
    lambda **options: sl.FixedTotalNumber(700, **options),
)
NAMES = (
    "AllToAll",
    "OneToOne",
    "FixedProbability",
    "FixedIndegree",
    "FixedOutdegree",
    "FixedTotal",
)
LIMITS = (None, "clip", "redraw")
DISTRIBUTIONS: dict[str, Any] = {
    "Normal": lambda m, **limits: sl.Normal(m, abs(m) / 2, **limits),
    "LogNormal": lambda m, **limits: sl.LogNormal(np.log(abs(m)), 0.5, **limits),
    "Uniform": lambda m, **limits: sl.Uniform(m - abs(m) / 2, m + abs(m) / 2, **limits),
    "Exponential": lambda m, **limits: sl.Exponential(abs(m), **limits),
}
N = 90


def cases() -> Iterator[Case]:
    """Yield the cases."""
    options = itertools.product((True, False), (True, False))
    for k, (self_connections, multapses) in enumerate(options):
        for name, rule in zip(NAMES, RULES, strict=True):
            made = rule(self_connections=self_connections, multapses=multapses)
            what = f"{'' if self_connections else ' no self'}{'' if multapses else ' no multapses'}"
            for dtype in DTYPES:
                yield Case(
                    f"connections {name}{what} {dtype}",
                    lambda t, r=made, d=dtype, k=k: _rule(t, r, d, k),
                )
    for name, limit, dtype in itertools.product(DISTRIBUTIONS, LIMITS, DTYPES):
        yield Case(
            f"connections {name} {limit or 'unlimited'} {dtype}",
            lambda t, n=name, limit=limit, d=dtype: _distribution(t, n, limit, d),
        )
    for dtype in DTYPES:
        for name, make in STORES.items():
            yield Case(f"stores {name} {dtype}", lambda t, m=make, d=dtype: _store(t, m, d))
        yield Case(f"connections matrices and lists {dtype}", lambda t, d=dtype: _given(t, d))
        yield Case(f"connections receptors {dtype}", lambda t, d=dtype: _receptors(t, d))
        yield Case(f"connections made later {dtype}", lambda t, d=dtype: _later(t, d))
        yield Case(f"connections weights set {dtype}", lambda t, d=dtype: _set(t, d))


def synapses(p: Any) -> Iterator[Any]:
    """Yield all that a projection says of its synapses."""
    yield from (len(p), p.weights, p.delays, p.pre_ids, p.post_ids)


def _network(threads: int, dtype: str, n: int = N, **neuron: Any) -> Any:
    net = sl.Network(seed=21, threads=threads, dtype=dtype)
    cells = net.population(n, sl.LIF(**{"I_e": 600.0, "t_ref": 1.0, **neuron}))
    cells.V_m = sl.Uniform(-70.0, -55.5)
    return net, cells


def _rule(threads: int, rule: Any, dtype: str, k: int) -> Iterator[Any]:
    net, cells = _network(threads, dtype)
    sources = net.population(N, sl.PoissonSource(60.0))
    weight = (30.0, sl.Normal(20.0, 5.0), sl.Uniform(-40.0, 60.0), -3.0)[k]
    delay = (0.8, sl.Uniform(0.2, 3.0), 0.1, sl.Exponential(1.0, clip=(0.1, 20.0)))[k]
    within = net.connect(cells, cells, rule, weight=weight, delay=delay)
    between = net.connect(sources, cells, rule, weight=weight, delay=delay)
    if k % 2:  # synapses that are read before they are laid out, and after
        yield from synapses(within)
    if k < 2:  # among parts of populations
        net.connect(cells[3:60], cells[20:77], rule, weight=5.0, delay=0.5)
    spikes = net.record(cells, "spikes")
    net.run(25.0)
    for p in (within, between, *net.projections[2:]):
        yield from synapses(p)
    matrix = between.to_scipy()
    yield from (matrix.data, matrix.indices, matrix.indptr)
    yield from (active(spikes.times), spikes.ids, np.asarray(cells.V_m))


def _distribution(threads: int, name: str, limit: str | None, dtype: str) -> Iterator[Any]:
    net, cells = _network(threads, dtype)

    def draw(mean: float) -> Any:
        return DISTRIBUTIONS[name](
            mean, **({limit: (mean - abs(mean) / 3, mean + abs(mean) / 3)} if limit else {})
        )

    delay = draw(2.0) if limit else DISTRIBUTIONS[name](2.0, clip=(0.1, 50.0))
    p = net.connect(cells, cells, sl.FixedIndegree(15), weight=draw(25.0), delay=delay)
    lists = np.repeat(np.arange(N), 3), np.tile(np.arange(45), 6)
    q = net.connect(cells, cells, lists, weight=draw(40.0), delay=delay)
    cells.V_m = draw(-60.0) if name in ("Normal", "Uniform") else sl.Uniform(-70.0, -55.5)
    cells[:30].I_syn_ex = draw(10.0)
    yield from (np.asarray(cells.V_m), np.asarray(cells.I_syn_ex))
    spikes = net.record(cells, "spikes")
    net.run(25.0)
    for projection in (p, q):
        yield from synapses(projection)
    yield from (active(spikes.times), spikes.ids)


# Static synapses are stored by source: as lines of cache, as lines of one weight, or packed where
# segments (the synapses of a source with one delay) are short; sources in an array where most have a
# row, else in a set of bits.


def _lines(net: Any, cells: Any) -> None:
    net.connect(cells, cells, sl.FixedProbability(0.6), weight=sl.Normal(3.0, 1.0), delay=1.2)


def _one_weight(net: Any, cells: Any) -> None:
    net.connect(cells[:250], cells, sl.FixedProbability(0.6), weight=4.0, delay=0.9)
    net.connect(cells[250:], cells, sl.FixedProbability(0.6), weight=-9.0, delay=1.5)


def _one_weight_two_projections(net: Any, cells: Any) -> None:
    other = net.population(40, sl.LIF(I_e=500.0))
    net.connect(cells, cells, sl.AllToAll(), weight=1.5, delay=0.9)
    net.connect(cells, other, sl.AllToAll(), weight=2.5, delay=0.9)
    net.connect(other, cells, sl.FixedOutdegree(50), weight=-7.0, delay=2.0)


def _packed(net: Any, cells: Any) -> None:
    delay = sl.Uniform(0.1, 9.0)
    net.connect(cells, cells, sl.FixedOutdegree(60), weight=sl.Normal(10.0, 8.0), delay=delay)


def _packed_one_weight(net: Any, cells: Any) -> None:
    net.connect(cells, cells, sl.FixedOutdegree(5), weight=30.0, delay=sl.Uniform(0.1, 9.0))


def _long_delays(net: Any, cells: Any) -> None:
    delay = sl.Uniform(0.1, 38.0)
    net.connect(cells, cells, sl.FixedProbability(0.3), weight=sl.Uniform(-9, 9), delay=delay)


def _few_sources(net: Any, cells: Any) -> None:
    many = net.population(6000, sl.PoissonSource(50.0))
    chosen = np.repeat(np.arange(37, 6000, 90), 40)
    targets = np.arange(len(chosen)) * 7 % len(cells)
    net.connect(many, cells, (chosen, targets), weight=200.0, delay=0.7)
    net.connect(cells, cells, sl.FixedProbability(0.1), weight=-6.0, delay=1.1)


def _small_populations(net: Any, cells: Any) -> None:
    small = [net.population(n, sl.LIFDelta(I_e=600.0)) for n in (1, 3, 17, 64, 65)]
    for a, b in itertools.product(small, small):
        net.connect(a, b, sl.AllToAll(), weight=0.3, delay=0.4)
    for a in small:
        net.connect(a, cells, sl.AllToAll(), weight=20.0, delay=sl.Uniform(0.3, 2.0))
        net.record(a, "spikes")


def _shortest_delay(net: Any, cells: Any) -> None:
    net.connect(cells, cells, sl.FixedProbability(0.2), weight=sl.Normal(8.0, 3.0), delay=0.1)
    net.connect(cells, cells, sl.FixedProbability(0.2), weight=sl.Normal(-8.0, 3.0), delay=3.2)


STORES = {
    "lines": _lines,
    "one weight": _one_weight,
    "one weight of two projections": _one_weight_two_projections,
    "packed": _packed,
    "packed one weight": _packed_one_weight,
    "long delays": _long_delays,
    "few sources": _few_sources,
    "small populations": _small_populations,
    "shortest delay": _shortest_delay,
}


def _store(threads: int, make: Any, dtype: str) -> Iterator[Any]:
    net, cells = _network(threads, dtype, 500)
    make(net, cells)
    spikes = net.record(cells, "spikes")
    net.run(40.0)
    yield from (active(spikes.times, 200), spikes.ids, np.asarray(cells.V_m))
    yield from (np.asarray(cells.I_syn_ex), np.asarray(cells.I_syn_in))
    for recorder in net.recorders[:-1]:
        yield from (active(recorder.times, 1), recorder.ids)
    for p in net.projections:
        yield from synapses(p)


def _given(threads: int, dtype: str) -> Iterator[Any]:
    """Connect by matrices of several formats and by lists in any order, pairs that occur twice among them."""
    rng = np.random.default_rng(13)
    net, cells = _network(threads, dtype)
    matrix = sparse.random(N, N, 0.1, format="csr", random_state=3)
    matrix.data = matrix.data * 80 - 20
    net.connect(cells, cells, matrix, delay=0.6)
    net.connect(cells, cells, matrix.tocoo(), delay=rng.uniform(0.1, 4.0, matrix.nnz))
    net.connect(cells[:40], cells[30:], sparse.csc_array(matrix[:40, 30:]), delay=1.0)
    pairs = rng.integers(0, N, (2, 900))
    pairs[:, 700:] = pairs[:, :200]
    weight, delay = rng.normal(5, 20, 900), rng.uniform(0.1, 6.0, 900)
    net.connect(cells, cells, tuple(pairs), weight=weight, delay=delay)
    net.connect(cells, cells, tuple(pairs), weight=3.0, delay=sl.Uniform(0.1, 2.0))
    grid = rng.normal(2, 10, (N, N))
    net.connect(cells, cells, sl.AllToAll(), weight=grid, delay=np.abs(grid) / 9 + 0.1)
    net.connect(cells, cells, sl.OneToOne(), weight=np.arange(N) - 45.0, delay=1.0)
    spikes = net.record(cells, "spikes")
    net.run(25.0)
    for p in net.projections:
        yield from synapses(p)
    yield from (active(spikes.times), spikes.ids)


def _receptors(threads: int, dtype: str) -> Iterator[Any]:
    for kind in (sl.LIF, sl.LIFAlpha, sl.LIFCond, sl.LIFDelta):
        net = sl.Network(seed=22, threads=threads, dtype=dtype)
        cells = net.population(N, kind(t_ref=1.0))
        sources = net.population(N, sl.PoissonSource(80.0))
        scale = {"LIFCond": 0.1, "LIFDelta": 0.02}.get(kind.__name__, 1.0)
        for receptor, weight in (
            ("excitatory", sl.Uniform(10.0 * scale, 60.0 * scale)),
            ("inhibitory", sl.Uniform(2.0 * scale, 5.0 * scale)),
            (None, sl.Uniform(-10.0 * scale, 40.0 * scale)),
        ):
            net.connect(
                sources, cells, sl.FixedProbability(0.3), weight=weight, delay=0.7,
                receptor=receptor,
            )  # fmt: skip
        v = net.record(cells, "V_m", every=0.5)
        net.run(20.0)
        yield active(v.values)
        yield from (np.asarray(getattr(cells, name)) for name in cells.model.states)


def _later(threads: int, dtype: str) -> Iterator[Any]:
    """Connect between runs: what is in flight must not take the new synapses."""
    net, cells = _network(threads, dtype)
    net.connect(cells, cells, sl.FixedProbability(0.2), weight=15.0, delay=sl.Uniform(0.5, 6.0))
    spikes = net.record(cells, "spikes")
    net.run(10.3)
    net.connect(cells, cells, sl.FixedProbability(0.2), weight=-20.0, delay=5.0)
    more = net.population(33, sl.LIFAlpha())
    late = net.record(more, "spikes")
    net.run(4.1)
    net.connect(cells, more, sl.FixedIndegree(20), weight=300.0, delay=sl.Uniform(0.5, 6.0))
    net.run(12.0)
    for recorder in (spikes, late):
        yield from (active(recorder.times), recorder.ids)
    for p in net.projections:
        yield from synapses(p)


def _set(threads: int, dtype: str) -> Iterator[Any]:
    """Assign weights of static projections between runs, also where they were one value."""
    net, cells = _network(threads, dtype)
    p = net.connect(cells, cells, sl.FixedProbability(0.3), weight=5.0, delay=1.0)
    q = net.connect(cells, cells, sl.FixedTotalNumber(500), weight=sl.Normal(9, 3), delay=2.0)
    spikes = net.record(cells, "spikes")
    net.run(8.0)
    p.weights = np.linspace(-10.0, 30.0, len(p))
    net.run(8.0)
    q.weights = q.weights[::-1] * 2
    net.run(8.0)
    yield from (active(spikes.times), spikes.ids, p.weights, q.weights)
