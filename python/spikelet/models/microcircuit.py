"""The cortical microcircuit: the neurons and synapses under a square millimetre of early sensory cortex.

Eight populations, one excitatory and one inhibitory in each of the layers 2/3, 4, 5 and 6, of leaky integrate-and-fire
neurons with exponential currents; 77 169 neurons and 298.88 million synapses at full scale. It is a standard
benchmark of simulators.

T. C. Potjans & M. Diesmann, The cell-type specific cortical microcircuit: relating structure and activity in a
full-scale spiking network model, Cereb. Cortex 24:785-806 (2014). Parameters as in its PyNEST reference implementation
(github.com/INM-6/microcircuit-PD14-model), which is that of S. J. van Albada et al., Performance comparison of the
digital neuromorphic hardware SpiNNaker and the neural network simulation software NEST for a full-scale cortical
microcircuit model, Front. Neurosci. 12:291 (2018), with the initial conditions of J. Senk et al., Constructive community
race, Neuromorph. Comput. Eng. 6:012001 (2026).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

import spikelet as sl
from spikelet._util.checks import choice, fail, number, require
from spikelet._util.sealed import Sealed
from spikelet._util.spelling import spelled

__all__ = ["Microcircuit", "Parameters", "microcircuit", "parameters"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POPULATIONS = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
TAU_M, TAU_SYN, C_M = 10.0, 0.5, 250.0  # [ms, ms, pF]
NEURON = sl.LIF(
    tau_m=TAU_M, C_m=C_M, E_L=-65.0, V_th=-50.0, V_reset=-65.0, t_ref=2.0,
    tau_syn_ex=TAU_SYN, tau_syn_in=TAU_SYN,
)  # fmt: skip

_ONE_CURRENT = sl.LIFOneCurrent(
    **{name: getattr(NEURON, name) for name in ("tau_m", "C_m", "E_L", "V_th", "V_reset", "t_ref")},
    tau_syn=TAU_SYN,
)

SIZES = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])
# Probability that a pair has at least one synapse: rows are targets, columns sources.
PROBABILITIES = np.array(
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000],
        [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
    ]
)
EXTERNAL = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])  # in-degrees
EXTERNAL_RATE = 8.0  # rate of each external input [Hz]
PSP = 0.15  # peak of the mean excitatory postsynaptic potential [mV]
G = -4.0  # inhibitory weights relative to excitatory ones
WEIGHT_SD, WEIGHT_SPREADS = 0.1, 10  # relative to the mean; limit in standard deviations
DELAYS = np.tile([1.5, 0.75], 4)  # mean by source [ms]
DELAY_SD, DELAY_SPREADS = 0.5, 8  # likewise; upper limit
V_M = {  # mean and standard deviation of the initial potentials [mV]
    "optimized": (
        np.array([-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43]),
        np.array([5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48]),
    ),
    "original": (np.full(8, -58.0), np.full(8, 10.0)),
}
_RATES = np.array([0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829])
FULL_RATES = dict(zip(POPULATIONS, _RATES.tolist(), strict=True))
"""Mean rates at full scale with Poisson input [Hz], as in the reference implementation."""


@dataclass(frozen=True)
class Parameters:
    """Parameters of a microcircuit, by population or by [target, source].

    Parameters
    ----------
    sizes : array of int, [8]
        Numbers of neurons.
    synapses : array of int, [8, 8]
        Total numbers of synapses.
    weights : array, [8, 8]
        Mean weights [pA]; the standard deviation is a tenth of the mean.
    external_rates : array, [8]
        Rate of Poisson events that reach a neuron [Hz]; 0 with "dc".
    external_weight : float
        Weight of a Poisson event [pA].
    currents : array, [8]
        Constant currents [pA].
    """

    sizes: Ints
    synapses: Ints
    weights: Floats
    external_rates: Floats
    external_weight: float
    currents: Floats


def parameters(
    scale: float = 1.0,
    K_scale: float | None = None,
    *,
    input: Literal["poisson", "dc"] = "poisson",  # noqa: A002
) -> Parameters:
    r"""Return the parameters of a microcircuit, without building one.

    A probability p that a pair has at least one synapse corresponds to ``ln(1 - p) / ln(1 - 1 / (N_pre N_post))``
    synapses drawn with repetition. If in-degrees are scaled by K, weights grow by ``1 / sqrt(K)``, which preserves the
    variance of the input, and a current restores its mean:
    ``tau_syn (1 - sqrt(K)) sum(weight * in-degree * rate)``, summed over the inputs of the full network.

    Parameters
    ----------
    scale, K_scale, input
        See `microcircuit`.
    """
    where = "microcircuit"
    for name, value in (("scale", scale), ("K_scale", K_scale)):
        if value is not None:
            require(where, name, number(where, name, value), "> 0")
    k = float(scale if K_scale is None else K_scale)
    choice(where, "input", input, "poisson", "dc")
    sizes = np.rint(SIZES * scale).astype(np.int64)
    if sizes.min() < 1:
        fail(where, "scale", scale, "must leave at least one neuron in each population")

    pairs = np.outer(SIZES, SIZES).astype(np.float64)
    full = np.log1p(-PROBABILITIES) / np.log1p(-1 / pairs)
    weight = PSP / _psp_of_1_pA()
    weights = weight * np.tile([1.0, G], (8, 4))
    weights[0, 2] *= 2  # L4E -> L23E
    external = np.zeros(8)
    # Input of rate r [Hz] and weight w [pA] has the mean current tau_syn w r.
    tau = TAU_SYN * 1e-3
    from_outside = tau * weight * EXTERNAL * EXTERNAL_RATE
    from_inside = tau * (weights * (full / SIZES[:, np.newaxis]) @ _RATES)
    lost = 1 - np.sqrt(k)
    if input == "poisson":
        external = EXTERNAL_RATE * np.rint(EXTERNAL * k)
        currents = lost * (from_inside + from_outside)
    else:
        currents = lost * from_inside + from_outside
    return Parameters(
        sizes=sizes,
        synapses=np.rint(full * scale * k).astype(np.int64),
        weights=weights / np.sqrt(k),
        external_rates=external,
        external_weight=weight / np.sqrt(k),
        currents=currents,
    )


def _psp_of_1_pA() -> float:
    """Return the peak of the potential in response to an exponential current that starts at 1 pA [mV]."""
    both = TAU_M * TAU_SYN / (TAU_M - TAU_SYN)
    peak = np.log(TAU_M / TAU_SYN) * both  # its time
    return float(both / C_M * (np.exp(-peak / TAU_M) - np.exp(-peak / TAU_SYN)))


class Microcircuit(Sealed):
    """A microcircuit, built by `microcircuit`.

    Attributes
    ----------
    network : Network
        The network.
    populations : mapping of str to Population
        Populations by name: L23E, L23I, L4E, L4I, L5E, L5I, L6E, L6I.
    projections : mapping of (str, str) to Projection
        Projections by the names of source and target; pairs without synapses are missing.
    parameters : Parameters
        The parameters that it was built from.
    """

    network: sl.Network
    populations: Mapping[str, sl.Population]
    projections: Mapping[tuple[str, str], sl.Projection]
    parameters: Parameters

    _instead: ClassVar = {
        "recorders": "record() sets it",
        "": "it is fixed when the circuit is built; build another, with microcircuit()",
    }

    @spelled
    def __init__(
        self,
        network: sl.Network,
        populations: Mapping[str, sl.Population],
        projections: Mapping[tuple[str, str], sl.Projection],
        parameters: Parameters,
    ) -> None:
        self.network = network
        self.populations = MappingProxyType(dict(populations))
        self.projections = MappingProxyType(dict(projections))
        self.parameters = parameters
        self._recorders: Mapping[str, sl.SpikeRecorder] = MappingProxyType({})
        self._since = 0.0

    @property
    def recorders(self) -> Mapping[str, sl.SpikeRecorder]:
        """Recorders by population; empty before `record`."""
        return self._recorders

    def record(self) -> Mapping[str, sl.SpikeRecorder]:
        """Record the spikes of all neurons from now on, and discard earlier ones.

        Call it again after ``network.reset()``, which sets the clock back.

        Returns
        -------
        mapping of str to SpikeRecorder
        """
        if not self._recorders:
            record = self.network.record
            found = {name: record(p, "spikes") for name, p in self.populations.items()}
            self._recorders = MappingProxyType(found)
        for recorder in self._recorders.values():
            recorder.clear()
        self._since = self.network.t
        return self._recorders

    def run(self, duration: float, *, progress: bool | Callable[[float], Any] = False) -> None:
        """Simulate for `duration` [ms]; see `Network.run`."""
        self.network.run(duration, progress=progress)

    def rates(self, start: float | None = None, stop: float | None = None) -> dict[str, float]:
        """Return the mean rate of each population [Hz].

        Parameters
        ----------
        start, stop : float, optional
            The interval [ms]; by default from the call of `record` to the current time.

        Raises
        ------
        RuntimeError
            If `record` has not been called.
        ValueError
            If the interval is empty.
        """
        if not self.recorders:
            msg = "Microcircuit.rates: nothing was recorded; call record() before run()"
            raise RuntimeError(msg)
        start = self._since if start is None else start
        return {
            name: float(sl.statistics.rates(recorder, start, stop).mean())
            for name, recorder in self.recorders.items()
        }

    def __repr__(self) -> str:
        return f"Microcircuit({self.network!r})"


@spelled
def microcircuit(
    scale: float = 1.0,
    K_scale: float | None = None,
    *,
    seed: int = 0,
    threads: int | None = None,
    dtype: Literal["float32", "float64"] = "float32",
    dt: float = 0.1,
    input: Literal["poisson", "dc"] = "poisson",  # noqa: A002
    weight_dtype: Literal["float", "int16"] = "float",
    one_current: bool = False,
    initial: Literal["optimized", "original"] = "optimized",
) -> Microcircuit:
    """Build the cortical microcircuit of Potjans & Diesmann (2014).

    Parameters
    ----------
    scale : float
        Factor of the numbers of neurons.
    K_scale : float, optional
        Factor of the number of inputs of a neuron, internal and external; by default `scale`, so that the number of
        synapses grows with its square. Weights and currents are adjusted to preserve the mean and variance of the
        input (see `parameters`); correlations grow, and rates differ slightly. With 1.0, neurons keep all their
        inputs.
    seed, threads, dtype, dt
        See `spikelet.Network`; dt is at most 0.75 ms.
    input : "poisson" or "dc"
        External input: Poisson trains of 8 Hz times the number of inputs, or a constant current of the same mean.
        The current does not suffice with a small `K_scale`: below about 0.3, populations fall silent.
    weight_dtype : "float" or "int16"
        How weights are stored (see `spikelet.Int16`): with "int16" they are rounded to 1/128 pA, inhibitory ones to
        1/64 pA, at full in-degree, which is 4.4e-5 of the mean weight.
    one_current : bool
        Whether neurons are `LIFOneCurrent`, with one state for the current of both receptors, instead of `LIF`.
    initial : "optimized" or "original"
        Initial potentials: normally distributed, with mean and standard deviation by population, which avoids a
        volley at the start; or with -58 +- 10 mV for all.

    Returns
    -------
    Microcircuit

    Notes
    -----
    Weights and delays are normally distributed. A weight of the wrong sign and a delay below `dt` are drawn again;
    delays are rounded to the nearest step, so that one step covers half as wide a range as two. The reference
    implementation accepts delays from ``dt / 2``: 1.1 % of its inhibitory and 0.45 % of its excitatory synapses have a
    delay of one step where this model has another. No draw comes near the upper limits.

    Examples
    --------
    >>> import spikelet as sl
    >>> circuit = sl.models.microcircuit(scale=0.01, seed=1, threads=1)
    >>> circuit.run(100.0)
    >>> recorders = circuit.record()
    >>> circuit.run(100.0)
    >>> sorted(circuit.rates()) == sorted(circuit.populations)
    True
    """
    given = parameters(scale, K_scale, input=input)
    choice("microcircuit", "weight_dtype", weight_dtype, "float", "int16")
    choice("microcircuit", "initial", initial, *V_M)
    step = number("microcircuit", "dt", dt, "ms")
    if step > DELAYS.min():
        rule = f"must be at most {DELAYS.min()} ms, the shortest mean delay"
        fail("microcircuit", "dt", dt, rule)

    net = sl.Network(dt=dt, seed=seed, threads=threads, dtype=dtype)
    populations = {}
    for i, name in enumerate(POPULATIONS):
        model = (_ONE_CURRENT if one_current else NEURON).replace(I_e=given.currents[i])
        population = net.population(int(given.sizes[i]), model, name=name)
        mean, sd = V_M[initial]
        population.V_m = sl.Normal(mean[i], sd[i])
        if given.external_rates[i] > 0:
            drive_in = sl.PoissonInput(given.external_rates[i], given.external_weight)
            net.inject(population, drive_in)
        populations[name] = population

    projections = {}
    for j, source in enumerate(POPULATIONS):
        mean_delay = DELAYS[j]
        limits = (net.dt, mean_delay * (1 + DELAY_SPREADS * DELAY_SD))
        delay = sl.Normal(mean_delay, mean_delay * DELAY_SD, redraw=limits)
        # One grid for all weights of a sign, so that the synapses of a source share rows.
        largest = (1 + WEIGHT_SPREADS * WEIGHT_SD) * np.abs(given.weights[:, j % 2 :: 2]).max()
        bits: Any = "float" if weight_dtype == "float" else sl.Int16(largest)
        for i, target in enumerate(POPULATIONS):
            total, mean_weight = int(given.synapses[i, j]), given.weights[i, j]
            if total == 0:
                continue
            sd = WEIGHT_SD * abs(mean_weight)
            reach = WEIGHT_SPREADS * sd  # to 0 on one side
            projections[source, target] = net.connect(
                populations[source],
                populations[target],
                sl.FixedTotalNumber(total),
                weight=sl.Normal(
                    mean_weight, sd, redraw=(mean_weight - reach, mean_weight + reach)
                ),
                delay=delay,
                weight_dtype=bits,
            )
    return Microcircuit(net, populations, projections, given)
