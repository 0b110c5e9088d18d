"""Neuron models, sources and inputs of `Network`."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import spikelet as sl

from .cases import DTYPES, Case, active

MODELS = (sl.LIF, sl.LIFAlpha, sl.LIFDelta, sl.LIFCond, sl.IF, sl.LIFOneCurrent)
# A weight that takes a resting neuron to its threshold within a few events, in its model's unit.
STRONG = {
    "LIF": 900.0,
    "LIFAlpha": 400.0,
    "LIFDelta": 8.0,
    "LIFCond": 60.0,
    "IF": 900.0,
    "LIFOneCurrent": 900.0,
}
N = 150  # neither a whole number of vectors nor of blocks


def cases() -> Iterator[Case]:
    """Yield the cases."""
    for model, reset, adaptive, dtype in itertools.product(
        MODELS, ("zero", "subtract"), (False, True), DTYPES
    ):
        yield _neuron_case(model, reset, adaptive, dtype)
    for dtype in DTYPES:
        yield Case(f"neurons equal time constants {dtype}", lambda t, d=dtype: _equal_taus(t, d))
        yield Case(f"neurons big populations {dtype}", lambda t, d=dtype: _big(t, d))
        for dt in (0.05, 1.0):
            yield Case(
                f"neurons dt {dt} {dtype}",
                lambda t, d=dtype, dt=dt: run(sl.LIF, "zero", True, d, t, dt=dt),
            )
        yield Case(f"inputs Poisson rates {dtype}", lambda t, d=dtype: _poisson_rates(t, d))
        yield Case(f"inputs currents and noise {dtype}", lambda t, d=dtype: _currents(t, d))
        yield Case(f"inputs parts {dtype}", lambda t, d=dtype: _parts(t, d))
        yield Case(f"inputs changes between runs {dtype}", lambda t, d=dtype: _changes(t, d))
        yield Case(f"inputs sources {dtype}", lambda t, d=dtype: _sources(t, d))
        yield Case(f"recorders in memory {dtype}", lambda t, d=dtype: _recorders(t, d, None))
        yield Case(f"recorders to a file {dtype}", lambda t, d=dtype: _recorded(t, d))


def _neuron_case(model: Any, reset: str, adaptive: bool, dtype: str) -> Case:
    name = f"neurons {model.__name__} {reset} {'adaptive' if adaptive else 'fixed'} {dtype}"
    return Case(name, lambda threads: run(model, reset, adaptive, dtype, threads))


def model_of(kind: Any, reset: str, adaptive: bool) -> Any:
    """Return a model: one with adaptation has a value of each parameter for each neuron."""
    rng = np.random.default_rng(5)
    given: dict[str, Any] = {"reset": reset, "t_ref": 0.0 if reset == "subtract" else 1.5}
    if not adaptive:
        return kind(I_e=150.0, **given)

    def spread(value: float) -> Any:
        return value * rng.uniform(0.8, 1.25, N)

    given.update(theta_plus=spread(1.5), tau_theta=spread(60.0), t_ref=np.arange(N) % 4 * 0.7)
    given.update(I_e=rng.uniform(0.0, 400.0, N), C_m=spread(250.0), V_th=-55 + rng.random(N))
    if hasattr(kind, "tau_syn_ex"):
        given.update(tau_syn_ex=spread(2.0), tau_syn_in=spread(3.0))
    if hasattr(kind, "tau_m"):
        given["tau_m"] = spread(12.0)
    return kind(**given)


def run(
    kind: Any,
    reset: str,
    adaptive: bool,
    dtype: str,
    threads: int,
    *,
    dt: float = 0.1,
    seed: int = 11,
    weight: float = 1.0,
) -> Iterator[Any]:
    """Run a population with every kind of input; yield its spikes and all of its states."""
    net = sl.Network(dt=dt, seed=seed, threads=threads, dtype=dtype)
    cells = net.population(N, model_of(kind, reset, adaptive))
    strong = STRONG[kind.__name__] * weight
    rng = np.random.default_rng(9)
    for name in cells.model.states:
        ranges = {"V_m": (-72.0, -56.0), "theta": (0.0, 2.0)}
        low, high = ranges.get(name, (0.0, strong / 10))
        sign = -1 if name.endswith("_in") and name[0] != "g" else 1
        getattr(cells, name)[:] = sign * rng.uniform(low, high, N)
    poisson = net.population(40, sl.PoissonSource(np.linspace(0.0, 400.0, 40)))
    raster = net.population(9, sl.RasterSource(rng.integers(0, 30, (60, 9)) == 0))
    net.connect(poisson, cells, sl.FixedProbability(0.2), weight=strong / 6, delay=1.0)
    net.connect(raster, cells, sl.FixedProbability(0.5), weight=-strong / 6, delay=2.0)
    lateral = sl.Uniform(-strong / 8, strong / 8)
    net.connect(cells, cells, sl.FixedIndegree(9), weight=lateral, delay=sl.Uniform(1.0, 4.0))
    net.inject(cells, sl.PoissonInput(rate=900.0, weight=strong / 12))
    net.inject(cells[::3], sl.PoissonInput(rate=400.0, weight=-strong / 12))
    net.inject(cells, sl.CurrentInput(200.0 * np.sin(np.arange(250) / 20)))
    net.inject(cells, sl.NoiseInput(mean=20.0, std=60.0, every=2 * dt))
    spikes = net.record(cells, "spikes")
    samples = [
        net.record(cells if name == "V_m" else cells[3:90:7], name, every=4 * dt)
        for name in cells.model.states
    ]
    net.run(300 * dt)
    yield from (active(spikes.times), spikes.ids, spikes.counts())
    yield from (recorder.values for recorder in samples)
    yield samples[0].times
    yield from (np.asarray(getattr(cells, name)) for name in cells.model.states)


def _equal_taus(threads: int, dtype: str) -> Iterator[Any]:
    """Run models at the limit where the membrane and the synapses have one time constant."""
    for kind, near in itertools.product((sl.LIF, sl.LIFAlpha), (0.0, 1e-9, 1e-4)):
        net = sl.Network(seed=3, threads=threads, dtype=dtype)
        model = kind(tau_m=5.0, tau_syn_ex=5.0 * (1 + near), tau_syn_in=5.0 * (1 - near), I_e=400.0)
        cells = net.population(20, model)
        net.inject(cells, sl.PoissonInput(rate=2000.0, weight=np.linspace(20.0, 80.0, 20)))
        net.inject(cells, sl.PoissonInput(rate=1000.0, weight=-30.0))
        v = net.record(cells, "V_m")
        spikes = net.record(cells, "spikes")
        net.run(25.0)
        yield from (v.values, active(spikes.times), spikes.ids)


def _big(threads: int, dtype: str) -> Iterator[Any]:
    """Run more neurons than a partition holds, and more than 16384 of one source's targets."""
    net = sl.Network(seed=4, threads=threads, dtype=dtype)
    big = net.population(70_001, sl.LIF(I_e=380.0))
    big.V_m = sl.Normal(-60.0, 5.0, clip=(-75.0, -55.1))
    small = net.population(20_003, sl.LIFDelta())
    source = net.population(2, sl.SpikeSource([0.2, 0.5, 0.5, 0.9], [0, 1, 1, 0]))
    net.connect(source, big, sl.AllToAll(), weight=150.0, delay=0.3)
    net.connect(big, small, sl.FixedTotalNumber(60_000), weight=sl.Normal(9.0, 2.0), delay=0.2)
    net.inject(big, sl.PoissonInput(rate=8000.0, weight=50.0))
    spikes = [net.record(p, "spikes") for p in (big, small)]
    net.run(3.0)
    for recorder in spikes:
        yield from (active(recorder.times, 100), recorder.ids)
    yield from (np.asarray(big.V_m), np.asarray(big.I_syn_ex), np.asarray(small.V_m))


def _poisson_rates(threads: int, dtype: str) -> Iterator[Any]:
    """Draw at rates from none to many events a step, one for all and one for each."""
    for rate in (0.0, 3.0, 900.0, 30_000.0, 400_000.0):
        net = sl.Network(seed=5, threads=threads, dtype=dtype)
        cells = net.population(70, sl.IF(V_th=1e9))
        alpha = net.population(70, sl.LIFAlpha(V_th=1e9))
        delta = net.population(70, sl.LIFDelta(V_th=1e9))
        net.inject(cells, sl.PoissonInput(rate=rate, weight=1.0))
        net.inject(cells, sl.PoissonInput(rate=rate, weight=-0.5))
        net.inject(alpha, sl.PoissonInput(rate=rate * np.linspace(0, 1, 70), weight=0.3))
        net.inject(delta[5:40], sl.PoissonInput(rate=rate, weight=np.linspace(-1, 1, 35)))
        source = net.population(70, sl.PoissonSource(rate))
        spikes = net.record(source, "spikes")
        net.run(10.0)
        yield from (spikes.times, spikes.ids)
        for population in (cells, alpha, delta):
            yield from (np.asarray(getattr(population, s)) for s in population.model.states)


def _currents(threads: int, dtype: str) -> Iterator[Any]:
    for kind in MODELS:
        net = sl.Network(seed=6, threads=threads, dtype=dtype)
        cells = net.population(70, kind(t_ref=0.5))
        values = np.random.default_rng(1).normal(300.0, 100.0, (90, 70))
        net.inject(cells, sl.CurrentInput(values))
        net.inject(cells[10:20], sl.CurrentInput(values[:50, 0]))
        net.inject(cells, sl.NoiseInput(mean=np.linspace(0, 300, 70), std=100.0))
        net.inject(cells[::2], sl.NoiseInput(std=np.linspace(0, 300, 35), every=0.7))
        v = net.record(cells, "V_m")
        net.run(4.3)
        net.inject(cells, sl.CurrentInput(values[:40]))
        net.run(7.7)
        yield active(v.values)


def _parts(threads: int, dtype: str) -> Iterator[Any]:
    """Drive parts in any order, near and far apart, that overlap, begin late and end early."""
    rng = np.random.default_rng(2)
    n = 20_000  # more than one slice
    for kind in MODELS:
        net = sl.Network(seed=9, threads=threads, dtype=dtype)
        cells = net.population(n, kind(V_th=1e3, E_L=np.linspace(-70.0, -60.0, n)))
        even = net.population(n, kind(V_th=1e3))
        some = rng.permutation(n)[:40]
        parts = [cells[some], cells[5:90], even[[9000, 3]], even[np.arange(n) % 640 == 7]]
        for part in parts:
            m = len(part)
            net.inject(part, sl.PoissonInput(rate=3e4, weight=2.0))
            net.inject(part, sl.PoissonInput(rate=np.linspace(0.0, 4e4, m), weight=-0.3))
            net.inject(part, sl.PoissonInput(rate=1e4, weight=rng.normal(0.0, 0.3, m)))
            net.inject(part, sl.NoiseInput(mean=rng.normal(0.0, 9.0, m), std=40.0, every=0.3))
        net.inject(cells, sl.PoissonInput(rate=2e4, weight=0.7))
        net.inject(cells[100:n], sl.CurrentInput(rng.normal(30.0, 9.0, 30)))
        recorders = [net.record(p, "V_m") for p in (cells[some], cells[:200], even[::64])]
        net.run(1.0)
        net.inject(parts[0], sl.CurrentInput(rng.normal(100.0, 9.0, (17, 40))))
        net.inject(even[[7, 3]], sl.NoiseInput(std=[20.0, 70.0]))
        net.run(4.0)
        for recorder in recorders:
            yield active(recorder.values)
        # Where nothing arrives, the sign of a synaptic state that has decayed to 0 does not matter.
        yield from (np.asarray(getattr(cells, s)) + 0.0 for s in cells.model.states)


def _changes(threads: int, dtype: str) -> Iterator[Any]:
    """Change parameters, rates and rasters between runs, of parts and of wholes."""
    net = sl.Network(seed=7, threads=threads, dtype=dtype)
    cells = net.population(45, sl.LIF(I_e=360.0))
    source = net.population(30, sl.PoissonSource(100.0))
    raster = net.population(5, sl.RasterSource(np.ones((20, 5), np.uint8)))
    net.connect(source, cells, sl.AllToAll(), weight=40.0, delay=0.5)
    net.connect(raster, cells, sl.FixedOutdegree(7), weight=300.0, delay=0.1)
    spikes = net.record(cells, "spikes")
    net.run(15.0)
    cells[:20].I_e = np.linspace(300.0, 600.0, 20)
    cells.set(tau_m=15.0, V_th=-54.0)
    source[10:].rate = 400.0
    raster.raster = np.tile(np.arange(5) % 3, (30, 1))
    cells.V_m[5:9] = -50.0
    cells.I_syn_in += -3.0
    net.run(15.0)
    cells.set(reset="subtract", t_ref=0.0)
    source.rate = 20.0
    net.run(15.0)
    yield from (active(spikes.times), spikes.ids, np.asarray(cells.V_m))


def _sources(threads: int, dtype: str) -> Iterator[Any]:
    rng = np.random.default_rng(8)
    net = sl.Network(seed=8, threads=threads, dtype=dtype)
    times = np.sort(rng.integers(0, 300, 200)) * 0.1
    given = net.population(90, sl.SpikeSource(times, rng.integers(0, 90, 200)))
    snapped = net.population(3, sl.SpikeSource(np.sort(rng.random(40) * 30), [1] * 40, snap=True))
    counts = net.population(70, sl.RasterSource(rng.integers(0, 4, (100, 70))))
    poisson = net.population(131, sl.PoissonSource(rng.random(131) * 2000))
    recorders = [net.record(p, "spikes") for p in (given, snapped, counts, poisson, poisson[7:99])]
    net.run(30.0)
    for recorder in recorders:
        yield from (active(recorder.times), recorder.ids)
    for statistic in (sl.statistics.rates, sl.statistics.cvs):
        yield statistic(recorders[3])
    yield sl.statistics.histogram(recorders[3])
    yield sl.statistics.synchrony(recorders[3])
    yield sl.statistics.correlations(recorders[3])


def _recorders(threads: int, dtype: str, path: Path | None) -> Iterator[Any]:
    """Record wholes and parts, read between runs, forget, and go on."""
    net = sl.Network(seed=12, threads=threads, dtype=dtype)
    cells = net.population(70, sl.LIF(I_e=500.0))
    rule = sl.STDP(A_plus=1.0, A_minus=1.2, w_max=60.0)
    net.inject(cells, sl.NoiseInput(std=300.0))
    p = net.connect(
        cells, cells, sl.FixedIndegree(6), weight=sl.Uniform(0, 40), delay=1.5, plasticity=rule
    )
    spikes = [net.record(part, "spikes", to=path) for part in (cells, cells[::3], cells[[7, 4]])]
    samples = [
        net.record(cells[5:], "V_m", every=0.7, to=path),
        net.record(cells[[9, 2]], "I_syn_ex", to=path),
        net.record(p, "weights", every=3.0, to=path),
    ]
    for duration in (0.1, 9.4, 12.0, 7.3):
        net.run(duration)
        for recorder in spikes:
            yield from (recorder.times, recorder.ids, recorder.counts(), recorder.rates())
        for recorder in samples:
            yield from (recorder.times, recorder.values)
    active(spikes[0].times)
    spikes[0].clear()
    samples[0].clear()
    net.run(8.0)
    yield from (active(spikes[0].times), spikes[0].ids, spikes[1].times, samples[0].values)


def _recorded(threads: int, dtype: str) -> Iterator[Any]:
    """Record to a file, and read that."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.rec"
        yield from _recorders(threads, dtype, path)
        for name in sl.recording_names(path):
            recording = sl.read_recording(path, name)
            yield from (name, recording.times)
            yield recording.ids if hasattr(recording, "ids") else recording.values
