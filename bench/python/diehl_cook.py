"""The learning benchmark: its protocol, its task and its measurements.

Two layers as in Diehl & Cook, Front. Comput. Neurosci. 9:99 (2015): 784 pixels drive excitatory
neurons through plastic synapses; each excitatory neuron drives an inhibitory one, which inhibits
all the others.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from measure import peak_rss_mb

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIXELS = 28 * 28
NORM = 78.4
"""Sum of an excitatory neuron's input weights, restored after each image."""


@dataclass(frozen=True)
class Protocol:
    """How an image is presented; times are in ms."""

    dt: float
    stimulus: float
    rest: float
    """Simulated time without input after the image; with 0, the state is reset instead."""
    white: float
    """Rate in Hz of a white pixel."""

    @property
    def steps(self) -> int:
        """Simulated steps per image."""
        return round((self.stimulus + self.rest) / self.dt)


PUBLISHED = Protocol(dt=0.5, stimulus=350.0, rest=150.0, white=63.75)


@dataclass(frozen=True)
class Task:
    """The task of one run."""

    neurons: int
    """Neurons in each of the two layers."""
    warm_up: NDArray[np.uint8]
    """Images to learn before the timed ones."""
    images: NDArray[np.uint8]
    threads: int
    seed: int


@dataclass(frozen=True)
class Learnt:
    """The result of a simulator; all counts refer to the images after the warm-up."""

    build_s: float
    wall_s: float
    """Encoding, simulation, learning, normalisation and counting."""
    steps: int
    """Simulated steps."""
    input_spikes: int
    exc_spikes: int
    peak_rss_mb: float
    versions: dict[str, str]


def read_images(folder: Path, count: int) -> NDArray[np.uint8]:
    """Return the first training images of MNIST, ``[count, 28, 28]``, from its IDX file."""
    path = folder / "train-images-idx3-ubyte"
    packed = path.with_name(path.name + ".gz")
    data = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    images = np.frombuffer(data, np.uint8, offset=16).reshape(-1, 28, 28)
    if len(images) < count:
        raise ValueError(f"{count} images requested, but {folder} has {len(images)}")
    return images[:count]


def record(
    learn: Callable[[Task], Learnt],
    *,
    mnist: str,
    images: int,
    warm_up: int,
    **how: Any,
) -> dict[str, Any]:
    """Learn images with a simulator, and return the JSON record; ``how`` has the other fields of `Task`."""
    shown = read_images(Path(mnist), warm_up + images)
    task = Task(warm_up=shown[:warm_up], images=shown[warm_up:], **how)
    learnt = learn(task)
    return vars(learnt) | {
        "images": images,
        "ms_per_image": learnt.wall_s * 1e3 / images,
        "images_per_s": images / learnt.wall_s,
        "steps_per_image": learnt.steps / images,
        "us_per_step": learnt.wall_s * 1e6 / learnt.steps,
        "input_spikes_per_image": learnt.input_spikes / images,
        "exc_spikes_per_image": learnt.exc_spikes / images,
    }


def learn_on_spikelet(task: Task) -> Learnt:
    """Learn with spikelet's ready-made two-layer network."""
    import spikelet as sl  # noqa: PLC0415
    from spikelet.models import DiehlCook  # noqa: PLC0415

    start = perf_counter()
    network = DiehlCook(
        task.neurons,
        PIXELS,
        dt=PUBLISHED.dt,
        show=PUBLISHED.stimulus,
        rest=PUBLISHED.rest,
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
        steps=round((network.net.t - before) / PUBLISHED.dt),
        input_spikes=len(inputs.ids),
        exc_spikes=len(spikes.ids),
        peak_rss_mb=peak_rss_mb(),
        versions={"spikelet": sl.__version__, "simd": sl.simd_level()},
    )


def learn_on_bindsnet(task: Task) -> Learnt:
    """Learn with BindsNET's own network; exc, inh and theta_plus are those of its example."""
    import torch  # noqa: PLC0415
    from bindsnet.encoding import poisson  # noqa: PLC0415
    from bindsnet.models import DiehlAndCook2015  # noqa: PLC0415
    from bindsnet.network.monitors import Monitor  # noqa: PLC0415

    torch.set_num_threads(task.threads)
    torch.manual_seed(task.seed)

    start = perf_counter()
    network = DiehlAndCook2015(
        n_inpt=PIXELS,
        n_neurons=task.neurons,
        exc=22.5,
        inh=120.0,
        dt=PUBLISHED.dt,
        norm=NORM,
        theta_plus=0.05,
        inpt_shape=(1, 28, 28),
    )
    monitor = Monitor(network.layers["Ae"], state_vars=["s"], time=PUBLISHED.steps)
    network.add_monitor(monitor, name="Ae")
    build = perf_counter() - start

    def present(image: NDArray[np.uint8]) -> tuple[int, int]:
        rates = torch.from_numpy(image.astype("float32")) * (PUBLISHED.white / 255.0)
        spikes = poisson(rates, time=int(PUBLISHED.stimulus), dt=PUBLISHED.dt)
        train = torch.zeros((PUBLISHED.steps, 1, 1, 28, 28), dtype=spikes.dtype)
        train[: len(spikes), 0, 0] = spikes
        network.run(inputs={"X": train}, time=int(PUBLISHED.stimulus + PUBLISHED.rest))
        return int(spikes.sum()), int(monitor.get("s").sum())

    for image in task.warm_up:
        present(image)
    start = perf_counter()
    counts = [present(image) for image in task.images]
    wall = perf_counter() - start
    return Learnt(
        build_s=build,
        wall_s=wall,
        steps=PUBLISHED.steps * len(task.images),
        input_spikes=sum(count[0] for count in counts),
        exc_spikes=sum(count[1] for count in counts),
        peak_rss_mb=peak_rss_mb(),
        versions={"bindsnet": version("bindsnet"), "torch": torch.__version__},
    )


on_spikelet = partial(record, learn_on_spikelet)
on_bindsnet = partial(record, learn_on_bindsnet)
