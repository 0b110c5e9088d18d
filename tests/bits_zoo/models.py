"""Encoders and decoders, and the ready-made networks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spikelet as sl

from .cases import DTYPES, Case, active

E = sl.encode
ENCODERS: dict[str, Any] = {
    "rate": lambda x, **o: E.rate(x, 37, seed=3, max_prob=0.7, **o),
    "poisson": lambda x, **o: E.poisson(x, 37, seed=3, max_rate=400.0, dt=0.5, **o),
    "latency linear": lambda x, **o: E.latency(x, 37, threshold=0.1, **o),
    "latency log": lambda x, **o: E.latency(x, 37, code="log", tau=7.0, threshold=0.1, **o),
    "phase": lambda x, **o: E.phase(x, 37, bits=6, **o),
    "burst": lambda x, **o: E.burst(x, 37, n_max=5, isi_min=2, isi_max=6, **o),
    "delta": lambda x, **o: E.delta(np.cumsum(x - 0.5, axis=0), threshold=0.3, **o),
    "population latency": lambda x, **o: E.population(x, 37, n=5, **o),
    "population rate": lambda x, **o: E.population(x, 37, n=5, code="rate", seed=3, **o),
}


def cases() -> Iterator[Case]:
    """Yield the cases."""
    for name, encoder in ENCODERS.items():
        yield Case(f"encode {name}", lambda t, e=encoder: encoded(e))
    yield Case("decode population vector", lambda t: _population_vector())
    for bound, levels in itertools.product(("soft", "multiplicative"), ((1.0,), (0.5, 1.0))):
        yield Case(
            f"models ConvSTDP {bound} {len(levels)} levels",
            lambda t, b=bound, v=levels: _conv_stdp(t, b, v),
        )
    for kind in (sl.models.DiehlCook, sl.models.WinnerTakeAll):
        yield Case(f"models {kind.__name__}", lambda t, k=kind: _learner(t, k))
    for dtype, drive in itertools.product(DTYPES, ("poisson", "dc")):
        yield Case(
            f"models microcircuit {drive} {dtype}",
            lambda t, d=dtype, drive=drive: _microcircuit(t, d, drive),
        )


def encoded(encoder: Any) -> Iterator[Any]:
    """Encode inputs of several shapes, as rasters and as events, and decode them."""
    rng = np.random.default_rng(1)
    for shape in ((1,), (70,), (3, 21, 5), (2000,)):
        x = rng.random(shape)
        x.flat[:: max(x.size // 5, 2)] = 0.0
        x.flat[-1] = 1.0
        raster, events = encoder(x), encoder(x, as_events=True)
        yield active(raster, 1 if x.size > 1 else 0)
        stamps = np.rint(events.times / getattr(events, "dt", 1)).astype(np.int64)  # steps in 0.3
        shown = events.raster()
        yield from (stamps, events.ids, events.steps, events.shape, shown)
        for spikes in (raster, events):
            yield from (sl.decode.count(spikes), sl.decode.first_spike(spikes, silent=-1.0))
            yield sl.decode.rate(spikes, 0.5)


def _population_vector() -> Iterator[Any]:
    x = np.random.default_rng(2).random((40, 3))
    centers, width = E.receptive_fields(9, beta=2.0)
    yield from (centers, width)
    for code in ("latency", "rate"):
        spikes = E.population(x, 50, n=9, code=code, beta=2.0, seed=1)
        yield active(sl.decode.population_vector(spikes, centers))


def bars(n: int, side: int, seed: int = 0) -> NDArray[Any]:
    """Return pictures of bars: some dark, some bright, at any place and in four directions."""
    draw = np.random.RandomState(seed)
    y, x = np.mgrid[:side, :side]
    images = np.zeros((n, side, side), np.float32)
    for k in range(n):
        for _ in range(2):
            angle, at = draw.randint(4) * np.pi / 4, draw.uniform(1, side - 2, 2)
            distance = np.abs((x - at[0]) * np.sin(angle) - (y - at[1]) * np.cos(angle))
            images[k] += draw.uniform(0.5, 1) * (distance < 0.8)
    return images.clip(0, 1)


def _conv_stdp(threads: int, bound: str, levels: tuple[float, ...]) -> Iterator[Any]:
    first = sl.models.Conv(
        maps=21, kernel=3, threshold=2.0, window=3, stride=2, winners=3, radius=1, bound=bound,
        double_every=20, levels=levels,
    )  # fmt: skip
    second = sl.models.Conv(maps=9, kernel=2, threshold=1.5, window=2, stride=2, levels=levels)
    images = bars(45, 14)
    for layers in ([first], [first, second]):
        model = sl.models.ConvSTDP(layers, shape=(14, 14), seed=2, threads=threads)
        model.fit(images, epochs=1)
        yield from (*model.weights, *model.thresholds, *model.wins)
        yield active(model.transform(images[:20]))
        yield from model.waves(images[:5])
        readout = sl.models.RidgeReadout(3)
        readout.partial_fit(model.transform(images), np.arange(45) % 3).solve(1.0)
        yield readout.predict(model.transform(images))


def _learner(threads: int, kind: Any) -> Iterator[Any]:
    images = (bars(6, 8) * 255).astype(np.uint8)
    network = kind(12, 64, seed=4, threads=threads)
    network.fit(images)
    yield from (active(network.weights), network.theta, active(network.respond(images), 1))
    network.fit(images[:2])
    yield from (network.shown, network.weights)


def _microcircuit(threads: int, dtype: str, drive: str) -> Iterator[Any]:
    circuit = sl.models.microcircuit(
        0.03, 0.12 if drive == "dc" else None, seed=6, threads=threads, dtype=dtype, input=drive
    )
    recorders = circuit.record()
    circuit.run(25.0)
    for name, recorder in recorders.items():
        yield from (name, recorder.times, recorder.ids, np.asarray(circuit.populations[name].V_m))
    active(np.concatenate([r.times for r in recorders.values()]))
    for p in circuit.projections.values():
        yield from (p.weights[::7], p.delays[::7], p.post_ids[::7])
