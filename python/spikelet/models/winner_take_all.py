"""Digits learned without labels, fast: one layer of neurons that inhibit each other directly.

The idea is that of Diehl & Cook, see `spikelet.models.DiehlCook`: pixels are Poisson sources, a neuron that fires
inhibits all others, so that few answer an image and those learn it; thresholds rise with use; the weights onto each
neuron keep their sum. What is different makes it learn faster and better:

* spikes of a neuron inhibit the others themselves, strongly, without inhibitory neurons in between;
* all images drive the pixels with the same sum of rates, and are shown for a short time, in which about two spikes
  come; potentials start from rest at each;
* pair STDP whose amplitudes shrink while the network learns, so that the last images refine what the first ones
  taught.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spikelet as sl
from spikelet._util.checks import integer, number, require
from spikelet.models.learner import Learner

__all__ = ["WinnerTakeAll"]

NEURON = sl.LIFDelta(tau_m=50.0, E_L=-65.0, V_reset=-65.0, V_th=-51.0, t_ref=5.0, tau_theta=1e6)
MEAN_WEIGHT = 0.05  # of the pixels that a neuron knows [mV]
STAGES = 20  # of annealing
TAU, DEPRESSION = 20.0, 0.4  # of STDP: time constants [ms], A_minus / A_plus


class WinnerTakeAll(Learner):
    """Pixels, neurons that inhibit each other, and the schedule that trains them.

    Parameters
    ----------
    n_neurons : int
        Neurons.
    n_inputs : int
        Pixels.
    seed : int
        Of all that is random.
    threads : int
        The result does not depend on it.
    dt : float
        Step [ms].
    input_rate : float
        Of all pixels of an image together [Hz].
    learn_for, answer_for, pause : float
        Time for which an image is shown when the network learns and when it answers, and nothing after it [ms].
    inhibition : float
        Weight from each neuron to all others [mV].
    total : float, optional
        Sum of the weights onto each neuron [mV]; by default 0.05 times the pixels of an image, counted in the images
        that it learns first.
    theta_plus : float, optional
        How much a spike raises the neuron's threshold [mV]; by default 0.001 times the neurons, at most 0.4: the fewer
        there are, the more often each wins, and thresholds should settle at the same height.
    normalise_every : int
        Images from one normalisation of the weights to the next.
    anneal : float
        Factor that the amplitudes of plasticity reach at the end of training.
    gain : float
        Share of its weights that a neuron's spike renews, before annealing.
    plasticity : Plasticity, optional
        Of the synapses from the pixels; by default pair STDP with amplitudes that follow from `gain`.
    """

    def __init__(
        self,
        n_neurons: int = 400,
        n_inputs: int = 784,
        *,
        seed: int = 0,
        threads: int = 1,
        dt: float = 0.5,
        input_rate: float = 40_000.0,
        learn_for: float = 50.0,
        answer_for: float = 100.0,
        pause: float = 20.0,
        inhibition: float = -28.0,
        total: float | None = None,
        theta_plus: float | None = None,
        normalise_every: int = 4,
        anneal: float = 0.1,
        gain: float = 0.3,
        plasticity: sl.plasticity.Plasticity | None = None,
    ) -> None:
        rule = sl.STDP() if plasticity is None else plasticity
        super().__init__(n_neurons, n_inputs, seed=seed, threads=threads, plasticity=rule)
        if theta_plus is None:
            theta_plus = 0.001 * min(self.n_neurons, 400)
        for name, value, limit in (
            ("dt", dt, "> 0"), ("input_rate", input_rate, "> 0"), ("learn_for", learn_for, "> 0"),
            ("answer_for", answer_for, "> 0"), ("pause", pause, ">= 0"),
            ("inhibition", inhibition, "finite"), ("theta_plus", theta_plus, ">= 0"),
            ("anneal", anneal, "> 0"), ("gain", gain, "> 0"),
        ):  # fmt: skip
            require("WinnerTakeAll", name, number("WinnerTakeAll", name, value), limit)
        self.dt, self.input_rate, self.pause = dt, input_rate, pause
        self.learn_for, self.answer_for = learn_for, answer_for
        self.inhibition, self.theta_plus, self.anneal = inhibition, theta_plus, anneal
        self.gain, self._scale = gain, plasticity is None
        self.normalise_every = integer("WinnerTakeAll", "normalise_every", normalise_every, 1)
        self.total = total
        if total is not None:
            require("WinnerTakeAll", "total", number("WinnerTakeAll", "total", total), "> 0")

    def parameters(self) -> dict[str, Any]:
        """Return what the network was made with, apart from its size, seed, threads and rule."""
        names = (
            "dt", "input_rate", "learn_for", "answer_for", "pause", "inhibition", "total",
            "theta_plus", "normalise_every", "anneal", "gain",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def _begin(self, pixels: NDArray[np.float32]) -> None:
        rates = self.rates(pixels)
        if self.total is None:
            self.total = MEAN_WEIGHT * _lit(rates)
        if self._scale:  # a pixel's trace is on average its rate times TAU
            A_plus = self.gain * self.total / (self.input_rate * 1e-3 * TAU)
            self.plasticity = sl.STDP(
                tau_plus=TAU, tau_minus=TAU, A_plus=A_plus, A_minus=DEPRESSION * A_plus
            )
        random = np.random.default_rng(self.seed)
        weights = random.uniform(0.3, 1.0, (self.n_inputs, self.n_neurons))
        weights *= rates.mean(axis=0)[:, np.newaxis] + 1e-9
        weights *= self.total / weights.sum(axis=0)
        limited = np.clip(weights, *self.plasticity.bounds)
        self._attach(
            self._build(limited, np.zeros(self.n_neurons), learning=True, threads=self.threads)
        )

    def _anneal(self, done: float) -> None:
        factor = self.anneal ** (round(done * STAGES) / STAGES)
        amplitudes = {
            f.name: getattr(self.plasticity, f.name) * factor
            for f in dataclasses.fields(self.plasticity)
            if f.name.startswith(("A_", "eta"))
        }
        rule = dataclasses.replace(self.plasticity, **amplitudes)
        if rule != self.net.projections[0].plasticity:
            self.net.projections[0].plasticity = rule

    def _build(
        self, weights: NDArray[Any], theta: NDArray[Any], *, learning: bool, threads: int
    ) -> sl.Network:
        net = sl.Network(dt=self.dt, seed=self.seed + (not learning), threads=threads)
        pixels = net.population(self.n_inputs, sl.PoissonSource(rate=0.0), name="pixels")
        model = NEURON.replace(theta_plus=self.theta_plus)
        if not learning:
            model = NEURON.replace(tau_theta=np.inf)
        neurons = net.population(self.n_neurons, model, name="neurons")
        neurons.theta = theta
        rule = self._rule(weights, learning=learning)
        net.connect(pixels, neurons, sl.AllToAll(), weight=weights, delay=net.dt, plasticity=rule)
        others = sl.AllToAll(self_connections=False)
        net.connect(neurons, neurons, others, weight=self.inhibition, delay=net.dt)
        return net

    def _present(
        self,
        net: sl.Network,
        spikes: sl.SpikeRecorder,
        image: NDArray[np.float32],
        *,
        learning: bool,
    ) -> NDArray[np.int64]:
        pixels, neurons = net.populations[:2]
        spikes.clear()
        pixels.rate = self.rates(image[np.newaxis])[0]
        net.run(self.learn_for if learning else self.answer_for)
        counts = spikes.counts()
        if not learning:
            return counts
        pixels.rate = 0.0
        net.run(self.pause)  # traces decay
        neurons.V_m = NEURON.E_L
        if (self.shown + 1) % self.normalise_every == 0:
            assert self.total is not None  # since _begin
            net.projections[0].normalise(self.total)
        return counts

    def rates(self, pixels: NDArray[np.float32]) -> NDArray[np.float64]:
        """Turn brightness, [n, n_inputs], into rates [Hz]; an empty image stays dark."""
        bright = pixels.astype(np.float64)
        sums = np.maximum(bright.sum(axis=1, keepdims=True), 1e-9)
        return np.asarray(bright * (self.input_rate / sums))


def _lit(rates: NDArray[np.float64]) -> float:
    """Return how many pixels make up an image, on average, if faint ones count for less."""
    squares = np.maximum((rates**2).sum(axis=1), 1e-9)
    return float(np.mean(rates.sum(axis=1) ** 2 / squares))
