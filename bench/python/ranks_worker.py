"""Run as one of the processes that mpiexec starts for a network; the first prints a line of JSON.

ranks.py starts this program, with mpiexec or without.
"""

from __future__ import annotations

import argparse
import hashlib
import json
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


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the JSON record of all ranks; lists have one value per rank."""
    empty = peak_rss_mb()
    start = perf_counter()
    model = MODELS[args.model].scaled(args.scale)
    net, projections, recorders = build(
        model, kernel(model), seed=args.seed, threads=args.threads, dtype=args.dtype
    )
    build_s = perf_counter() - start
    net.run(args.window)
    before, walls, waits = net.exchanges, [], [net.exchanges.seconds]
    for _ in range(args.windows):
        start = perf_counter()
        net.run(args.window)
        walls.append(perf_counter() - start)
        waits.append(net.exchanges.seconds)
    after, waited = net.exchanges, np.diff(waits)
    peak = peak_rss_mb()  # before every rank gets all weights for the comparison
    found, seconds = spikes_of(net, recorders), args.window * 1e-3
    number = max(after.number - before.number, 1)
    each = number / args.windows
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
    return {key: [rank[key] for rank in of_all] for key in own} | {
        "rank": net.ranks.rank,
        "ranks": net.ranks.size,
        "neurons": model.size,
        "synapses": sum(len(projection) for projection in projections),
        "wall_s": median(walls) / seconds,
        "least_s": min(walls) / seconds,
        "rate_hz": len(found) / model.size / seconds / (args.windows + 1),
        "digest": digest,
        "versions": {"spikelet": sl.__version__, "simd": sl.simd_level()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    for name in ("threads", "seed", "windows"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("scale", "window"):
        parser.add_argument(f"--{name}", type=float, required=True)
    record = measure(parser.parse_args())
    if record["rank"] == 0:
        print(json.dumps(record))


if __name__ == "__main__":
    main()
