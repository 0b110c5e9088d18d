"""Run as one of the processes that mpiexec starts for a network, or alone; `worker.py` calls `run`."""

from __future__ import annotations

import hashlib
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from measure import peak_rss_mb
from models import DT, MODELS
from on_spikelet import build, kernel

import spikelet as sl

if TYPE_CHECKING:
    from numpy.typing import NDArray


def spikes_of(net: sl.Network, recorders: dict[int, sl.SpikeRecorder]) -> NDArray[np.int64]:
    """Return the spikes of all ranks, as step << 32 | neuron."""
    own = [
        (np.rint(r.times / DT).astype(np.int64) << 32) + r.ids + first
        for first, r in recorders.items()
    ]
    # A recorder may hold the spikes of all ranks or only its own; duplicates are removed.
    return np.unique(np.concatenate(net.ranks.gather("spikes", np.concatenate(own))))


def run(
    *,
    name: str,
    scale: float,
    seed: int,
    threads: int,
    windows: int,
    window: float,
    dtype: Any = "float32",
) -> dict[str, Any] | None:
    """Return the JSON record of all ranks on the first one; lists have one value per rank."""
    empty = peak_rss_mb()
    start = perf_counter()
    model = MODELS[name].scaled(scale)
    net, projections, recorders = build(
        model, kernel(model), seed=seed, threads=threads, dtype=dtype
    )
    build_s = perf_counter() - start
    net.run(window)
    before, walls, waits = net.exchanges, [], [net.exchanges.seconds]
    for _ in range(windows):
        start = perf_counter()
        net.run(window)
        walls.append(perf_counter() - start)
        waits.append(net.exchanges.seconds)
    after, waited = net.exchanges, np.diff(waits)
    peak = peak_rss_mb()  # before every rank gets all weights for the comparison
    found, seconds = spikes_of(net, recorders), window * 1e-3
    number = max(after.number - before.number, 1)
    each = number / windows
    weights = [np.sort(p.weights) for p in projections if p.plasticity is not None]
    digest = hashlib.sha256(b"".join(a.tobytes() for a in [found, *weights])).hexdigest()
    own = {
        "build_s": build_s,
        "us_an_exchange": median(waited) / each * 1e6,
        "us_an_exchange_least": min(waited) / each * 1e6,
        "share": median(waited) / median(walls),
        "bytes_sent": (after.bytes_sent - before.bytes_sent) / number,
        "bytes_received": (after.bytes_received - before.bytes_received) / number,
        "synapse_mb": net.engine.sim.synapse_bytes() / 1e6,
        "peak_rss_mb": peak,
        "empty_rss_mb": empty,
    }
    of_all = net.ranks.gather("figures", own)
    if net.ranks.rank > 0:
        return None
    return {key: [rank[key] for rank in of_all] for key in own} | {
        "ranks": net.ranks.size,
        "neurons": model.size,
        "synapses": sum(len(projection) for projection in projections),
        "wall_s": median(walls) / seconds,
        "least_s": min(walls) / seconds,
        "rate_hz": len(found) / model.size / seconds / (windows + 1),
        "digest": digest,
        "versions": {"spikelet": sl.__version__, "simd": sl.simd_level()},
    }
