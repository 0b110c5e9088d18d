"""Event data: from a camera's or a cochlea's events to frames, surfaces, voxels and spikes.

Functions have the names and arguments of tonic's (https://tonic.readthedocs.io) and take its arrays: structured, with
the integer fields t [us], x, y and p in any order. They never change their argument, read it in place, and run in C++
without the interpreter's lock. Each takes the recording first, so that ``functools.partial(sl.events.denoise,
filter_time=10_000)`` is a transform for any pipeline, tonic's ``Compose`` included.
"""

from __future__ import annotations

from spikelet.events.arrays import DTYPE, event_array
from spikelet.events.frames import to_bina_rep, to_bins, to_frame
from spikelet.events.slicing import (
    slice_by_count,
    slice_by_event_bins,
    slice_by_time,
    slice_by_time_bins,
)

__all__ = [
    "DTYPE",
    "event_array",
    "slice_by_count",
    "slice_by_event_bins",
    "slice_by_time",
    "slice_by_time_bins",
    "to_bina_rep",
    "to_bins",
    "to_frame",
]
