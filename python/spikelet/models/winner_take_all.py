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
from spikelet._checks import number, require
from spikelet.models.learner import Learner

__all__ = ["WinnerTakeAll"]

NEURON = sl.LIFDelta(
    tau_m=50.0, E_L=-65.0, V_reset=-65.0, V_th=-51.0, t_ref=5.0, theta_plus=0.4, tau_theta=1e6
)
LEARNING = sl.STDP(tau_plus=20.0, tau_minus=20.0, A_plus=0.005, A_minus=0.001, w_max=1.0)  # [mV]


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
        Sum of the weights onto each neuron [mV]; by default a sixth of the pixels of an image, from the first images
        that it learns.
    anneal : float
        Factor that the amplitudes of plasticity reach at the end of training.
    plasticity : Plasticity, optional
        Of the synapses from the pixels; by default pair STDP.
    """

    def __init__(
        self,
        n_neurons: int = 400,
        n_inputs: int = 784,
        *,
        seed: int = 0,
        threads: int = 1,
        dt: float = 0.5,
        input_rate: float = 12_000.0,
        learn_for: float = 50.0,
        answer_for: float = 100.0,
        pause: float = 20.0,
        inhibition: float = -28.0,
        total: float | None = None,
        anneal: float = 0.1,
        plasticity: sl.plasticity.Plasticity | None = None,
    ) -> None:
        rule = LEARNING if plasticity is None else plasticity
        super().__init__(n_neurons, n_inputs, seed=seed, threads=threads, plasticity=rule)
        for name, value, limit in (
            ("dt", dt, "> 0"), ("input_rate", input_rate, "> 0"), ("learn_for", learn_for, "> 0"),
            ("answer_for", answer_for, "> 0"), ("pause", pause, ">= 0"),
            ("inhibition", inhibition, "finite"), ("anneal", anneal, "> 0"),
        ):  # fmt: skip
            require("WinnerTakeAll", name, number("WinnerTakeAll", name, value), limit)
        self.dt, self.input_rate, self.pause = dt, input_rate, pause
        self.learn_for, self.answer_for = learn_for, answer_for
        self.inhibition, self.anneal = inhibition, anneal
        self.total = total
        if total is not None:
            require("WinnerTakeAll", "total", number("WinnerTakeAll", "total", total), "> 0")

    def parameters(self) -> dict[str, Any]:
        """Return what the network was made with, apart from its size, seed, threads and rule."""
        names = (
            "dt", "input_rate", "learn_for", "answer_for", "pause", "inhibition", "total", "anneal",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}
