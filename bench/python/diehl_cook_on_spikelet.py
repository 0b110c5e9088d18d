"""Learn images with spikelet's ready-made two-layer network."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from diehl_cook import NORM, PIXELS, PROTOCOLS, Learnt, record
from measure import peak_rss_mb

import spikelet as sl
from spikelet.models import DiehlCook

if TYPE_CHECKING:
    from diehl_cook import Task


def learn(task: Task) -> Learnt:
    """Learn the images of `task` one after the other and return the measurements."""
    if task.protocol != PROTOCOLS["published"]:
        raise ImportError("spikelet's network runs the published protocol only")
    start = perf_counter()
    network = DiehlCook(
        task.neurons,
        PIXELS,
        dt=task.protocol.dt,
        show=task.protocol.stimulus,
        rest=task.protocol.rest,
        total=NORM,
        seed=task.seed,
        threads=task.threads,
    )
    build = perf_counter() - start
    network.fit(task.warm_up)
    spikes = network.net.record(network.net.populations[1], "spikes")
    inputs = network.net.record(network.net.populations[0], "spikes")
    before = network.net.t
    start = perf_counter()
    network.fit(np.concatenate([task.warm_up, task.images]))  # continues after the warm-up
    wall = perf_counter() - start
    return Learnt(
        build_s=build,
        wall_s=wall,
        # Steps include repeated presentations of images to which too few neurons responded.
        steps=round((network.net.t - before) / task.protocol.dt),
        input_spikes=len(inputs.ids),
        exc_spikes=len(spikes.ids),
        peak_rss_mb=peak_rss_mb(),
        versions={"spikelet": sl.__version__, "simd": sl.simd_level()},
    )


run = partial(record, learn)
