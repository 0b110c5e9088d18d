# %% [markdown]
# # What a spike code costs, and what it gives
#
# Handwritten digits enter one spiking network, either as rates (a bright pixel spikes often) or as
# latencies (a bright pixel spikes early, and once). Everything behind the code is the same: a layer
# of LIF neurons with random receptive fields, and a linear readout of its spikes. What differs is
# the number of spikes, the energy they cost, how often the readout is right, and how soon.
#
#     python examples/coding_tradeoff.py                     # scikit-learn's 8x8 digits
#     python examples/coding_tradeoff.py --data MNIST/raw    # MNIST from its IDX files

# %%
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

import spikelet as sl
from spikelet import datasets

Array: TypeAlias = NDArray[Any]
Readout: TypeAlias = Literal["counts", "first"]

CLASSES = 10
HIDDEN = 400  # neurons
TAU_M = 20  # steps; a step is 1 ms
PAUSE = 5 * TAU_M  # between images: membranes forget all but exp(-5)
BATCH = 200  # images in one run of the network
THRESHOLDS = (0.25, 0.5, 1.0, 2.0)  # candidates [mV above rest]; a weight is about 1 mV / patch side
PICOJOULE = 0.9  # a synaptic event as one fp32 addition in 45 nm (Horowitz, ISSCC 2014)


# %% [markdown]
# ## The codes
#
# Each has a knob that trades spikes for accuracy: the highest probability of a spike a step (rate),
# the brightness below which a pixel keeps silent (latency). The readout is the natural one: spike
# counts, but for latency the times of first spikes. The table shows both for every code.


# %%
@dataclass(frozen=True)
class Code:
    """An encoder with its settings, and how the hidden spikes that it causes are read."""

    family: str
    setting: str
    encode: Callable[..., Any]
    readout: Readout = "counts"


def codes(quick: bool) -> list[Code]:
    probabilities = (0.05, 0.2, 1.0) if quick else (0.05, 0.1, 0.2, 0.5, 1.0)
    darkest = (0.5, 0.0) if quick else (0.75, 0.5, 0.25, 0.0)
    return [
        *(Code("rate", f"p={p:g}", partial(sl.encode.rate, max_prob=p)) for p in probabilities),
        *(
            Code("latency", f"x>{x:g}", partial(sl.encode.latency, threshold=x), "first")
            for x in darkest
        ),
        Code("phase", "8 bits", sl.encode.phase),
        Code("burst", "1 to 5", sl.encode.burst),
    ]


# %% [markdown]
# ## The network


# %%
class Classifier:
    """Pixels, and hidden LIF neurons that each see a random square patch with random weights."""

    def __init__(self, side: int, threshold: float, seed: int) -> None:
        patch = max(3, side // 5)
        rng = np.random.default_rng(seed)
        top, left = rng.integers(0, side - patch + 1, (2, HIDDEN, 1))
        row, column = np.divmod(np.arange(patch**2), patch)
        seen = (top + row) * side + left + column  # [hidden, patch**2]

        self.net = sl.Network(dt=1.0, seed=seed, threads=1)  # too small for threads to help
        neuron = sl.LIFDelta(E_L=0.0, V_reset=0.0, V_th=threshold, tau_m=TAU_M, t_ref=0.0)
        nothing = sl.RasterSource(np.zeros((1, side**2), np.uint8))
        self.pixels = self.net.population(side**2, nothing, name="pixels")
        self.hidden = self.net.population(HIDDEN, neuron, name="hidden")
        self.net.connect(
            self.pixels,
            self.hidden,
            (seen.ravel(), np.repeat(np.arange(HIDDEN), patch**2)),
            weight=sl.Normal(0.5 / patch, 1 / patch),
        )
        self.recorder = self.net.record(self.hidden, "spikes")
        self.fan_out = np.bincount(seen.ravel(), minlength=side**2)

    def run(self, raster: Array) -> Array:
        """Show images one after the other, [steps, images, pixels]; hidden [images, steps + 1, n].

        The one step more is for the synaptic delay.
        """
        steps, images, pixels = raster.shape
        slot = steps + PAUSE
        train = np.zeros((images, slot, pixels), np.uint8)
        train[:, :steps] = raster.swapaxes(0, 1)
        start = self.net.t
        self.pixels.raster = train.reshape(-1, pixels)
        self.net.run(float(images * slot))

        row = (self.recorder.times - start).astype(int) - 1  # the stamp is the end of the step
        spikes = np.zeros((images, slot, HIDDEN), np.uint8)
        spikes.reshape(-1, HIDDEN)[row, self.recorder.ids] = 1
        self.recorder.clear()
        return spikes[:, : steps + 1]


@dataclass(frozen=True)
class Activity:
    """What a code does in the network: hidden spikes, and means over images."""

    hidden: Array  # uint8 [images, steps + 1, n]
    input_spikes: float
    hidden_spikes: float
    events: float  # a spike at each synapse it reaches, those of the readout included

    @property
    def nanojoule(self) -> float:
        return self.events * PICOJOULE / 1000


def simulate(network: Classifier, code: Code, images: Array, steps: int, seed: int) -> Activity:
    hidden, per_pixel = [], np.zeros(images.shape[1])
    for start in range(0, len(images), BATCH):
        raster = code.encode(images[start : start + BATCH], steps, seed=seed + start)
        per_pixel += raster.sum(axis=(0, 1)) / len(images)
        hidden.append(network.run(raster))
    spikes = np.concatenate(hidden)
    per_image = spikes.sum() / len(images)
    events = per_pixel @ network.fan_out + per_image * CLASSES
    return Activity(spikes, float(per_pixel.sum()), float(per_image), float(events))


# %% [markdown]
# ## The readout
#
# Every hidden spike adds its neuron's weights to the scores of the ten classes: 1 x (counts), or,
# for the first spike of each neuron only, the more the earlier (first). There is no offset, so the
# sum is a decision at any step. Weights: ridge regression on the whole responses to the training
# images; its strength is chosen by their leave-one-out error, which needs no second data set.


# %%
def votes(hidden: Array, readout: Readout) -> Array:
    """How much each hidden spike counts, float32 [images, steps, n]."""
    if readout == "counts":
        return hidden.astype(np.float32)
    steps = hidden.shape[1]
    first = (hidden.cumsum(axis=1, dtype=np.uint16) == 1) & (hidden == 1)
    return first * np.linspace(1, 1 / steps, steps, dtype=np.float32)[:, np.newaxis]


def train(features: Array, labels: Array) -> tuple[Array, float]:
    """Ridge regression; return the weights [n, classes] and the leave-one-out accuracy."""
    targets = 2 * np.eye(CLASSES)[labels] - 1
    scale, axes = np.linalg.eigh(features.T.astype(float) @ features)
    rotated = features @ axes
    projected = rotated.T @ targets
    best: tuple[Array, float] = (np.zeros((features.shape[1], CLASSES)), -1.0)
    for strength in 10.0 ** np.arange(-5, 1) * max(scale[-1], 1.0) / 100:
        shrunk = 1 / (np.maximum(scale, 0) + strength)
        own = (rotated**2 @ shrunk)[:, np.newaxis]  # the share of an image in its own fit
        left_out = (rotated @ (shrunk[:, np.newaxis] * projected) - own * targets) / (1 - own)
        accuracy = float(np.mean(left_out.argmax(axis=1) == labels))
        if accuracy > best[1]:
            best = axes @ (shrunk[:, np.newaxis] * projected), accuracy
    return best
