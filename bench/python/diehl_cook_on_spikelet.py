"""Learn images with spikelet's ready-made network of two layers."""

from __future__ import annotations

import importlib
from time import perf_counter
from typing import TYPE_CHECKING, Any

from diehl_cook import PIXELS, PROTOCOLS, Learnt
from measure import peak_rss_mb

import spikelet as sl

if TYPE_CHECKING:
    import numpy as np
    from diehl_cook import Task
    from numpy.typing import NDArray


def learn(task: Task) -> Learnt:
    """Learn the images of `task` one after the other and return what was measured."""
    if task.protocol != PROTOCOLS["published"]:
        raise ImportError("spikelet's network runs the published protocol only")
    models: Any = importlib.import_module("spikelet.models")
    if not hasattr(models, "DiehlCook"):
        raise ImportError("this spikelet has no spikelet.models.DiehlCook")

    start = perf_counter()
    network = models.DiehlCook(
        n_neurons=task.neurons,
        n_inputs=PIXELS,
        dt=task.protocol.dt,
        seed=task.seed,
        threads=task.threads,
    )
    build = perf_counter() - start
    _train(network, task.warm_up)
    start = perf_counter()
    steps, input_spikes, exc_spikes = _train(network, task.images)
    wall = perf_counter() - start
    return Learnt(
        build_s=build,
        wall_s=wall,
        steps=steps,
        input_spikes=input_spikes,
        exc_spikes=exc_spikes,
        peak_rss_mb=peak_rss_mb(),
        versions={"spikelet": sl.__version__, "simd": sl.simd_level()},
    )


def _train(network: Any, images: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Learn uint8 images; return simulated steps, input spikes and excitatory spikes.

    Images that are presented again because too few neurons answered count with all their steps.
    """
    work = network.fit(images)
    return int(work.steps), int(work.input_spikes), int(work.exc_spikes)
