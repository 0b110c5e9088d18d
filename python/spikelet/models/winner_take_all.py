"""Fast unsupervised learning of digits: one layer of neurons that inhibit each other directly.

The idea is that of Diehl & Cook, see `spikelet.models.DiehlCook`: pixels are Poisson sources; a neuron that fires
inhibits all others, so that only a few respond to an image and learn it; thresholds rise with use; and the sum of the
weights onto each neuron stays constant. Three differences make it learn faster and better:

* a neuron inhibits the others directly and strongly, without inhibitory neurons in between;
* all images drive the pixels with the same total rate, for a short time in which about two spikes occur, and the
  potentials start from rest for each image;
* the amplitudes of pair STDP shrink during training, so that the last images refine what the network learned from
  the first ones.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spikelet as sl
from spikelet._util.checks import integer, scalar
from spikelet._util.sealed import Setting
from spikelet._util.spelling import spelled
from spikelet.models.learner import Learner, setting

NEURON = sl.LIFDelta(tau_m=50.0, E_L=-65.0, V_reset=-65.0, V_th=-51.0, t_ref=5.0, tau_theta=1e6)
MEAN_WEIGHT = 0.05  # from the pixels that a neuron has learned [mV]
STAGES = 20  # steps of annealing
TAU, DEPRESSION = 20.0, 0.4  # of STDP: time constants [ms], A_minus / A_plus


class WinnerTakeAll(Learner):
    """Pixels, neurons that inhibit each other, and the schedule that trains them.

    Parameters
    ----------
    n_neurons : int
        Number of neurons.
    n_inputs : int
        Number of pixels.
    seed : int
        Random seed.
    threads : int
        Number of threads; results do not depend on it.
    dt : float
        Time step [ms].
    input_rate : float
        Total rate of all pixels of an image [Hz].
    learn_for, answer_for, pause : float
        Duration of an image during learning and during recall, and of the pause after it [ms].
    inhibition : float
        Weight from each neuron to all others [mV].
    total : float, optional
        Sum of the weights onto each neuron [mV]; by default 0.05 times the effective number of lit pixels in the
        images of the first call of `fit`.
    theta_plus : float, optional
        Increment of the threshold by a spike [mV]; by default 0.001 times the number of neurons, at most 0.4. With
        fewer neurons each wins more often, and thresholds should settle at the same level.
    normalize_every : int
        Number of images between normalisations of the weights.
    anneal : float
        Factor of the amplitudes of plasticity at the end of training.
    gain : float
        Fraction of its weights that a spike of a neuron renews, before annealing.
    plasticity : Plasticity, optional
        Learning rule of the synapses from the pixels; by default pair STDP with amplitudes that follow from `gain`.
    """

    dt: float
    inhibition: float
    theta_plus: float
    gain: float
    input_rate = setting("> 0")
    learn_for = setting("> 0")
    answer_for = setting("> 0")
    pause = setting(">= 0")
    total = setting("> 0", optional=True)
    anneal = setting("> 0")
    normalize_every = Setting(lambda where, name, value: integer(where, name, value, 1))

    @spelled
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
        normalize_every: int = 4,
        anneal: float = 0.1,
        gain: float = 0.3,
        plasticity: sl.plasticity.Plasticity | None = None,
    ) -> None:
        rule = sl.STDP() if plasticity is None else plasticity
        super().__init__(n_neurons, n_inputs, seed=seed, threads=threads, plasticity=rule)
        if theta_plus is None:
            theta_plus = 0.001 * min(self.n_neurons, 400)
        where = "WinnerTakeAll"
        self.dt, self.gain = scalar(where, "dt", dt, "> 0"), scalar(where, "gain", gain, "> 0")
        self.theta_plus = scalar(where, "theta_plus", theta_plus, ">= 0")
        self.inhibition = scalar(where, "inhibition", inhibition, "finite")
        self.input_rate, self.pause, self.anneal = input_rate, pause, anneal
        self.learn_for, self.answer_for = learn_for, answer_for
        self.normalize_every, self.total = normalize_every, total
        self._scale = plasticity is None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the network other than its size, seed, threads and rule."""
        names = (
            "dt", "input_rate", "learn_for", "answer_for", "pause", "inhibition", "total",
            "theta_plus", "normalize_every", "anneal", "gain",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def _begin(self, pixels: NDArray[np.float32]) -> None:
        rates = self.rates(pixels)
        if self.total is None:
            self.total = MEAN_WEIGHT * _lit(rates)
        if self._scale:  # the mean trace of a pixel is its rate times TAU
            A_plus = self.gain * self.total / (self.input_rate * 1e-3 * TAU)
            self._plasticity = sl.STDP(
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
        if (self.shown + 1) % self.normalize_every == 0:
            assert self.total is not None  # set by _begin
            net.projections[0].normalize(self.total)
        return counts

    def rates(self, pixels: NDArray[np.float32]) -> NDArray[np.float64]:
        """Convert brightness, [n, n_inputs], to rates [Hz]; a black image stays dark."""
        bright = pixels.astype(np.float64)
        sums = np.maximum(bright.sum(axis=1, keepdims=True), 1e-9)
        return np.asarray(bright * (self.input_rate / sums))


def _lit(rates: NDArray[np.float64]) -> float:
    """Return the mean effective number of lit pixels in an image; faint pixels count for less."""
    squares = np.maximum((rates**2).sum(axis=1), 1e-9)
    return float(np.mean(rates.sum(axis=1) ** 2 / squares))
