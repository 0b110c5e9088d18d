"""The learning benchmark: its protocols, its task and its measurements.

Two layers as in Diehl & Cook, Front. Comput. Neurosci. 9:99 (2015): 784 pixels drive excitatory
neurons through plastic synapses; each excitatory neuron drives an inhibitory one, which inhibits
all the others.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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


PROTOCOLS = {
    "published": Protocol(dt=0.5, stimulus=350.0, rest=150.0, white=63.75),
    "bindsnet": Protocol(dt=1.0, stimulus=250.0, rest=0.0, white=128.0),
}
"""The published protocol, and one like those in BindsNET's examples, which spikelet does not run."""


@dataclass(frozen=True)
class Task:
    """The task of one run."""

    protocol: Protocol
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
    protocol: str,
    mnist: str,
    images: int,
    warm_up: int,
    **how: Any,
) -> dict[str, Any]:
    """Learn images with a simulator, and return the JSON record; ``how`` has the other fields of `Task`."""
    shown = read_images(Path(mnist), warm_up + images)
    task = Task(PROTOCOLS[protocol], warm_up=shown[:warm_up], images=shown[warm_up:], **how)
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
