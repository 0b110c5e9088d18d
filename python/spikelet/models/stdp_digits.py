"""A network that learns to tell digits apart without being told which is which.

Each pixel is a Poisson source that fires the more the brighter it is. All pixels drive one
population of neurons, through synapses that learn by pair STDP. A neuron that fires inhibits all
others, so few neurons answer each image, and those that do learn it; its threshold grows a little,
so that next time others get a chance. A neuron's weights keep their sum, so learning some pixels
means forgetting others. In the end each neuron knows one way to write one digit.

A small relative of Diehl & Cook, Unsupervised learning of digit recognition using
spike-timing-dependent plasticity, Front. Comput. Neurosci. 9:99 (2015): one population that
inhibits itself instead of two, pair STDP, delta synapses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

import spikelet as sl

__all__ = ["DigitNetwork", "Work", "assign", "classify", "pixel_rates", "respond", "train"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

# Chosen on a validation part of the training images, the same values for 8x8 digits and MNIST.
INPUT_RATE = 12_000.0  # of all pixels together [Hz]
LEARN_FOR, TEST_FOR, PAUSE = 50.0, 100.0, 20.0  # time for each image, and between two of them [ms]
MEAN_WEIGHT = 1 / 6  # of the pixels that a neuron knows [mV]
LEARNING = sl.STDP(tau_plus=20.0, tau_minus=20.0, A_plus=0.005, A_minus=0.001, w_max=1.0)  # [mV]
INHIBITION = -28.0  # [mV]
NEURON = sl.LIFDelta(
    tau_m=50.0, E_L=-65.0, V_reset=-65.0, V_th=-51.0, t_ref=5.0, theta_plus=0.4, tau_theta=1e6
)
FROZEN = NEURON.replace(theta_plus=0.0, tau_theta=np.inf)


@dataclass
class Work:
    """What a network has simulated so far."""

    model_time: float = 0.0  # [ms]
    input_spikes: int = 0
    spikes: int = 0
    synaptic_events: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(
            self.model_time + other.model_time,
            self.input_spikes + other.input_spikes,
            self.spikes + other.spikes,
            self.synaptic_events + other.synaptic_events,
        )


class DigitNetwork:
    """Pixels, neurons, and the synapses between them.

    Parameters
    ----------
    weights : array-like, [n_pixels, n_neurons]
        From pixels to neurons [mV].
    theta : array-like, [n_neurons], or float
        How much the neurons' thresholds have grown [mV].
    learning : bool
        Whether weights and thresholds change.
    seed, threads
        As in `spikelet.Network`; the result is the same for any number of threads.
    """

    def __init__(
        self,
        weights: ArrayLike,
        theta: ArrayLike = 0.0,
        *,
        learning: bool = True,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        weights = np.asarray(weights)
        n_pixels, n_neurons = weights.shape
        self.work = Work()
        self.net = net = sl.Network(dt=0.5, seed=seed, threads=threads)
        self.pixels = net.population(n_pixels, sl.PoissonSource(rate=0.0), name="pixels")
        self.neurons = net.population(n_neurons, NEURON if learning else FROZEN, name="neurons")
        self.neurons.theta = theta
        self.synapses = net.connect(
            self.pixels,
            self.neurons,
            sl.AllToAll(),
            weight=weights,
            delay=net.dt,
            plasticity=LEARNING if learning else None,
        )
        net.connect(
            self.neurons,
            self.neurons,
            sl.AllToAll(self_connections=False),
            weight=INHIBITION,
            delay=net.dt,
        )
        self.input_spikes = net.record(self.pixels, "spikes")
        self.spikes = net.record(self.neurons, "spikes")

    def show(self, rates: Floats, duration: float) -> Counts:
        """Show one image, then nothing for a pause; return each neuron's number of spikes.

        Parameters
        ----------
        rates : array, [n_pixels]
            See `pixel_rates` [Hz].
        duration : float
            How long [ms], a multiple of 0.5 ms.
        """
        self.input_spikes.clear()
        self.spikes.clear()
        self.pixels.rate = rates
        self.net.run(duration)
        self.pixels.rate = 0.0
        self.net.run(PAUSE)  # the traces of STDP decay
        self.neurons.V_m = NEURON.E_L
        counts = self.spikes.counts()
        self._account(duration + PAUSE, len(self.input_spikes.ids), int(counts.sum()))
        return counts

    @property
    def weights(self) -> NDArray[np.float32]:
        """Weights from pixels to neurons as of now, [n_pixels, n_neurons], [mV]."""
        weights: NDArray[np.float32] = self.synapses.weights.reshape(-1, len(self.neurons))
        return weights

    def normalise(self, total: float) -> None:
        """Scale each neuron's weights to this sum [mV]; what then exceeds w_max is cut off."""
        self.synapses.weights = _normalised(self.weights, total).reshape(-1)

    def frozen(self, seed: int, threads: int = 1) -> DigitNetwork:
        """Return a network with the weights and thresholds of this one that learns no more."""
        theta = np.asarray(self.neurons.theta)
        return DigitNetwork(self.weights, theta, learning=False, seed=seed, threads=threads)

    def _account(self, time: float, input_spikes: int, spikes: int) -> None:
        n = len(self.neurons)
        self.work.model_time += time
        self.work.input_spikes += input_spikes
        self.work.spikes += spikes
        self.work.synaptic_events += input_spikes * n + spikes * (n - 1)


def pixel_rates(images: ArrayLike) -> Floats:
    """Turn brightness into rates; all images get the same sum, `INPUT_RATE`.

    Parameters
    ----------
    images : array-like, [n, height, width]
        Brightness, >= 0.

    Returns
    -------
    array, [n, height * width]
        Rates [Hz].
    """
    flat = np.asarray(images, np.float64).reshape(len(np.asarray(images)), -1)
    brightness = np.maximum(flat.sum(axis=1, keepdims=True), 1e-9)  # an empty image stays dark
    return np.asarray(flat * (INPUT_RATE / brightness))


def train(
    rates: Floats, n_neurons: int, order: Iterable[int], *, seed: int = 0, threads: int = 1
) -> DigitNetwork:
    """Show images to a new network, one after the other, and let it learn.

    Parameters
    ----------
    rates : array, [n_images, n_pixels]
        See `pixel_rates` [Hz].
    n_neurons : int
        Number of neurons.
    order : iterable of int
        Which image comes when; an image may come more than once.
    seed, threads
        See `DigitNetwork`.

    Returns
    -------
    DigitNetwork
    """
    total = MEAN_WEIGHT * _lit_pixels(rates)
    random = np.random.default_rng(seed).uniform(0.3, 1.0, (rates.shape[1], n_neurons))
    weights = _normalised(random * rates.mean(axis=0)[:, np.newaxis], total)
    network = DigitNetwork(weights, seed=seed, threads=threads)
    every = max(1, n_neurons // 40)  # a neuron wins once in about n_neurons images
    for k, image in enumerate(order, 1):
        network.show(rates[image], LEARN_FOR)
        if k % every == 0:
            network.normalise(total)
    network.normalise(total)
    return network


def respond(network: DigitNetwork, rates: Iterable[Floats]) -> Counts:
    """Show images to a frozen network; return each neuron's spikes for each, [n_images, n_neurons].

    Parameters
    ----------
    network : DigitNetwork
        See `DigitNetwork.frozen`.
    rates : array, [n_images, n_pixels]
        See `pixel_rates` [Hz].
    """
    return np.array([network.show(image, TEST_FOR) for image in rates])


def assign(counts: Counts, labels: ArrayLike) -> Floats:
    """Find out which digits each neuron stands for, from its spikes on labelled images.

    Parameters
    ----------
    counts : array, [n_images, n_neurons]
        Spikes for each image, see `DigitNetwork.show`.
    labels : array-like, [n_images]
        Digits, 0 to 9.

    Returns
    -------
    array, [n_neurons, 10]
        Mean response to each digit, as a share: a neuron's shares add up to 1, or to 0 if it is
        silent.
    """
    labels = np.asarray(labels)
    zero = np.zeros(counts.shape[1])
    means = [counts[labels == d].mean(axis=0) if (labels == d).any() else zero for d in range(10)]
    responses = np.stack(means, axis=1)
    return np.asarray(responses / np.maximum(responses.sum(axis=1, keepdims=True), 1e-9))


def classify(counts: Counts, shares: Floats) -> NDArray[np.int64]:
    """Let the neurons vote: each spike counts for the digits its neuron stands for.

    Parameters
    ----------
    counts : array, [n_images, n_neurons]
        Spikes for each image.
    shares : array, [n_neurons, 10]
        See `assign`.

    Returns
    -------
    array, [n_images]
        Digits; 0 for an image that no neuron answers.
    """
    return np.asarray((counts @ shares).argmax(axis=1))


def _lit_pixels(rates: Floats) -> float:
    """Return how many pixels make up an image, on average, if faint ones count for less."""
    squares = np.maximum((rates**2).sum(axis=1), 1e-9)
    return float(np.mean(rates.sum(axis=1) ** 2 / squares))


def _normalised(weights: ArrayLike, total: float) -> Floats:
    weights = np.asarray(weights, np.float64)
    scale = total / np.maximum(weights.sum(axis=0), 1e-9)
    return np.asarray(np.minimum(weights * scale, LEARNING.w_max))
