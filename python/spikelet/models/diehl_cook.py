"""Unsupervised learning of digits by the published protocol of Diehl & Cook.

Each pixel is a Poisson source. Excitatory neurons learn from all pixels by STDP; each drives one inhibitory neuron,
which inhibits all other excitatory neurons, so that only a few respond to an image and learn it. Thresholds rise with
use, and the sum of the weights onto each neuron stays constant.

P. U. Diehl & M. Cook, Unsupervised learning of digit recognition using spike-timing-dependent plasticity, Front.
Comput. Neurosci. 9:99 (2015), and the code published with it. Unlike there, all synapses from the pixels have a
delay of one step: a randomly delayed Poisson train is a Poisson train.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import spikelet as sl
from spikelet._util.checks import integer, scalar
from spikelet._util.sealed import Setting
from spikelet._util.spelling import spelled
from spikelet.models.learner import Learner, setting

EXCITATORY = sl.LIFCond(
    C_m=100.0, g_L=1.0, E_L=-65.0, V_reset=-65.0, V_th=-72.0, t_ref=5.0, E_ex=0.0, E_in=-100.0,
    tau_syn_ex=1.0, tau_syn_in=2.0, theta_plus=0.05, tau_theta=1e7,
)  # fmt: skip
INHIBITORY = sl.LIFCond(
    C_m=10.0, g_L=1.0, E_L=-60.0, V_reset=-45.0, V_th=-40.0, t_ref=2.0, E_ex=0.0, E_in=-85.0,
    tau_syn_ex=1.0, tau_syn_in=2.0,
)  # fmt: skip
THETA = 20.0  # initial adaptation [mV]
EXC_TO_INH, INH_TO_EXC = 10.4, -17.0  # [nS]
FULL_RATE = 255 / 8  # rate of a white pixel at intensity 1 [Hz]


class DiehlCook(Learner):
    """Pixels, excitatory and inhibitory neurons, and the protocol that trains them.

    Parameters
    ----------
    n_neurons : int
        Number of excitatory neurons, and of inhibitory ones.
    n_inputs : int
        Number of pixels.
    seed : int
        Random seed.
    threads : int
        Number of threads; results do not depend on it.
    dt : float
        Time step [ms].
    show, rest : float
        Duration of an image, and of the pause after it [ms].
    intensity : float
        Rate of a white pixel in units of 31.875 Hz; it is raised by 1 until the image causes `least_spikes` spikes.
    least_spikes : int
        Number of spikes, of all neurons, that an image must cause.
    total : float, optional
        Sum of the weights onto each neuron [nS], restored before each image; by default 78 for 784 pixels, and
        proportional to their number.
    plasticity : Plasticity, optional
        Learning rule of the synapses from the pixels; by default `spikelet.DiehlCookSTDP`.

    Examples
    --------
    >>> import numpy as np
    >>> from spikelet.models import DiehlCook
    >>> images = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    >>> network = DiehlCook(10, 64).fit(images)
    >>> network.respond(images).shape
    (3, 10)
    """

    dt: float
    show = setting("> 0")
    rest = setting(">= 0")
    intensity = setting("> 0")
    least_spikes = Setting(lambda where, name, value: integer(where, name, value, 0))
    total = setting("> 0")

    @spelled
    def __init__(
        self,
        n_neurons: int = 400,
        n_inputs: int = 784,
        *,
        seed: int = 0,
        threads: int = 1,
        dt: float = 0.5,
        show: float = 350.0,
        rest: float = 150.0,
        intensity: float = 2.0,
        least_spikes: int = 5,
        total: float | None = None,
        plasticity: sl.plasticity.Plasticity | None = None,
    ) -> None:
        rule = sl.DiehlCookSTDP() if plasticity is None else plasticity
        super().__init__(n_neurons, n_inputs, seed=seed, threads=threads, plasticity=rule)
        self.dt = scalar("DiehlCook", "dt", dt, "> 0")
        self.show, self.rest, self.intensity = show, rest, intensity
        self.least_spikes = least_spikes
        self.total = 78.0 * self.n_inputs / 784 if total is None else total

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the network other than its size, seed, threads and rule."""
        names = ("dt", "show", "rest", "intensity", "least_spikes", "total")
        return {name: getattr(self, name) for name in names}

    def _begin(self, pixels: NDArray[np.float32]) -> None:  # noqa: ARG002  # any images will do
        random = np.random.default_rng(self.seed)
        weights = 0.3 * (random.random((self.n_inputs, self.n_neurons)) + 0.01)
        theta = np.full(self.n_neurons, THETA)
        self._attach(self._build(weights, theta, learning=True, threads=self.threads))

    def _build(
        self, weights: NDArray[Any], theta: NDArray[Any], *, learning: bool, threads: int
    ) -> sl.Network:
        net = sl.Network(dt=self.dt, seed=self.seed + (not learning), threads=threads)
        pixels = net.population(self.n_inputs, sl.PoissonSource(rate=0.0), name="pixels")
        model: sl.neurons.NeuronModel = EXCITATORY
        if not learning:  # thresholds stay constant
            model = model.replace(V_th=EXCITATORY.V_th + theta, theta_plus=0.0)
        rule = self._rule(weights, learning=learning)
        neurons = net.population(self.n_neurons, model, name="excitatory")
        if learning:
            neurons.theta = theta
        inhibitory = net.population(self.n_neurons, INHIBITORY, name="inhibitory")
        net.connect(pixels, neurons, sl.AllToAll(), weight=weights, delay=net.dt, plasticity=rule)
        net.connect(neurons, inhibitory, sl.OneToOne(), weight=EXC_TO_INH, delay=net.dt)
        others = sl.AllToAll(self_connections=False)
        net.connect(inhibitory, neurons, others, weight=INH_TO_EXC, delay=net.dt)
        return net

    def _present(
        self,
        net: sl.Network,
        spikes: sl.SpikeRecorder,
        image: NDArray[np.float32],
        *,
        learning: bool,
    ) -> NDArray[np.int64]:
        pixels, projection = net.populations[0], net.projections[0]
        intensity = self.intensity
        while True:
            if learning:
                projection.normalize(self.total)
            spikes.clear()
            pixels.rate = image * np.float32(FULL_RATE * intensity)
            net.run(self.show)
            counts = spikes.counts()
            # A dark image causes no spike at any intensity.
            enough = counts.sum() >= self.least_spikes or not image.any() or intensity > 30
            if enough and not learning:
                return counts
            pixels.rate = 0.0
            net.run(self.rest)
            if enough:
                return counts
            intensity += 1
