"""Encoders: convert numbers to spike trains.

Every encoder is called ``encoder(x, steps, *, seed=0, as_events=False, ...)``:

x : array-like of any shape, values in [0, 1] (`delta`: a series ``[T, ...]`` of finite values).
steps : int >= 1, the number of time steps T (optional for `delta`).
seed : int in [0, 2**64). `rate`, `poisson` and `population` with ``code="rate"`` draw the spike of
    element e at step t from (seed, e, t) alone: results are the same at every SIMD level, and a longer
    train begins with the shorter one. The other encoders ignore the seed, which they take to have the
    same signature.
as_events : bool; if true, return the same spikes as `spikelet.Spikes` with the shape of x. A step is
    1 ms there, unless the encoder has a `dt`; ``spikes.with_dt(dt)`` has another.

The result is a raster, a uint8 array ``[T, *x.shape]`` of 0 and 1; `delta` and `population` add a
last axis. Row k is step k; its spikes have the time stamp k + 1, as in ``sl.RasterSource``. Arguments
are checked before any work: a TypeError reports a value of the wrong type, a ValueError a value outside
its limits, including NaN; both name the function, the argument, the value and the rule.

`cochlea` is called ``cochlea(wave, rate, *, dt=1.0, as_events=False, ...)``: a sound has a rate of its own, which with `dt`
decides the number of steps.
"""

from __future__ import annotations

from spikelet._util.spelling import offer
from spikelet.encode.cochlea import cochlea, erb_frequencies
from spikelet.encode.codes import (
    burst,
    delta,
    latency,
    phase,
    poisson,
    population,
    rate,
    receptive_fields,
)

__all__ = [
    "burst",
    "cochlea",
    "delta",
    "erb_frequencies",
    "latency",
    "phase",
    "poisson",
    "population",
    "rate",
    "receptive_fields",
]

offer(__name__, __all__)
