"""Learn images with BindsNET's own network; exc, inh and theta_plus are those of its example."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from bindsnet.encoding import poisson
from bindsnet.models import DiehlAndCook2015
from bindsnet.network.monitors import Monitor
from diehl_cook import NORM, PIXELS, Learnt, record
from measure import peak_rss_mb

if TYPE_CHECKING:
    import numpy as np
    from diehl_cook import Task
    from numpy.typing import NDArray


def learn(task: Task) -> Learnt:
    """Learn the images of `task` one after the other and return the measurements."""
    protocol = task.protocol
    torch.set_num_threads(task.threads)
    torch.manual_seed(task.seed)

    start = perf_counter()
    network = DiehlAndCook2015(
        n_inpt=PIXELS,
        n_neurons=task.neurons,
        exc=22.5,
        inh=120.0,
        dt=protocol.dt,
        norm=NORM,
        theta_plus=0.05,
        inpt_shape=(1, 28, 28),
    )
    monitor = Monitor(network.layers["Ae"], state_vars=["s"], time=protocol.steps)
    network.add_monitor(monitor, name="Ae")
    build = perf_counter() - start

    def present(image: NDArray[np.uint8]) -> tuple[int, int]:
        rates = torch.from_numpy(image.astype("float32")) * (protocol.white / 255.0)
        spikes = poisson(rates, time=int(protocol.stimulus), dt=protocol.dt)
        train = torch.zeros((protocol.steps, 1, 1, 28, 28), dtype=spikes.dtype)
        train[: len(spikes), 0, 0] = spikes
        network.run(inputs={"X": train}, time=int(protocol.stimulus + protocol.rest))
        counts = int(spikes.sum()), int(monitor.get("s").sum())
        if not protocol.rest:
            network.reset_state_variables()
        return counts

    for image in task.warm_up:
        present(image)
    start = perf_counter()
    counts = [present(image) for image in task.images]
    wall = perf_counter() - start
    return Learnt(
        build_s=build,
        wall_s=wall,
        steps=protocol.steps * len(task.images),
        input_spikes=sum(count[0] for count in counts),
        exc_spikes=sum(count[1] for count in counts),
        peak_rss_mb=peak_rss_mb(),
        versions={"bindsnet": version("bindsnet"), "torch": torch.__version__},
    )


run = partial(record, learn)
