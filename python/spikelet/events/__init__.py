"""Event data: from a camera's or a cochlea's events to frames, surfaces, voxels and spikes.

Functions have the names and arguments of tonic's (https://tonic.readthedocs.io) and take its arrays: structured, with
the integer fields t [us], x, y and p in any order. They never change their argument, read it in place, and run in C++
without the interpreter's lock. Each takes the recording first, so that ``functools.partial(sl.events.denoise,
filter_time=10_000)`` is a transform for any pipeline, tonic's ``Compose`` included.
"""

from __future__ import annotations

from spikelet._util.spelling import offer
from spikelet.events.arrays import DTYPE, event_array
from spikelet.events.augmentation import drop, event_drop, jitter, uniform_noise
from spikelet.events.changes import (
    crop,
    crop_time,
    flip,
    merge_polarities,
    time_alignment,
    time_reversal,
    time_skew,
)
from spikelet.events.downsampling import (
    differentiator_downsample,
    downsample,
    integrator_downsample,
)
from spikelet.events.filters import decimate, denoise, identify_hot_pixel, refractory_filter
from spikelet.events.frames import to_bina_rep, to_bins, to_frame
from spikelet.events.slicing import (
    slice_by_count,
    slice_by_event_bins,
    slice_by_time,
    slice_by_time_bins,
)
from spikelet.events.spikes import from_spikes, to_spikes
from spikelet.events.surfaces import averaged_time_surface, time_surface, voxel_grid

__all__ = [
    "DTYPE",
    "averaged_time_surface",
    "crop",
    "crop_time",
    "decimate",
    "denoise",
    "differentiator_downsample",
    "downsample",
    "drop",
    "event_array",
    "event_drop",
    "flip",
    "from_spikes",
    "identify_hot_pixel",
    "integrator_downsample",
    "jitter",
    "merge_polarities",
    "refractory_filter",
    "slice_by_count",
    "slice_by_event_bins",
    "slice_by_time",
    "slice_by_time_bins",
    "time_alignment",
    "time_reversal",
    "time_skew",
    "time_surface",
    "to_bina_rep",
    "to_bins",
    "to_frame",
    "to_spikes",
    "uniform_noise",
    "voxel_grid",
]

offer(__name__, __all__)
