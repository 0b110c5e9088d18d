"""The benchmark networks: one set of parameters, read by every simulator.

Units and names are NEST's (ms, mV, pA, pF, nS, Hz), which are spikelet's too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

DT = 0.1  # ms


@dataclass(frozen=True)
class Pathway:
    """The synapses that one half of the network makes onto all neurons."""

    first: int
    """Index of the first presynaptic neuron."""
    size: int
    """Number of presynaptic neurons."""
    indegree: int
    """Synapses of each target from these neurons: exactly, or on average."""
    weight: float

    @property
    def probability(self) -> float:
        """Probability of each pair that gives this in-degree on average."""
        return self.indegree / self.size


@dataclass(frozen=True)
class Model:
    """A network of excitatory and inhibitory neurons with the same parameters.

    Excitatory neurons have the indices 0 to ``n_exc - 1``, inhibitory ones follow. The unit of a
    weight is that of the synapse: pA (current), nS (conductance), mV (delta). Inhibitory weights
    are negative in all three.
    """

    name: str
    synapse: Literal["current", "conductance", "delta"]
    rule: Literal["pairwise", "indegree"]
    """``pairwise``: each pair with the same probability; ``indegree``: drawn with repetition."""
    neuron: dict[str, float]
    n_exc: int
    n_inh: int
    indegree_exc: int
    indegree_inh: int
    weight_exc: float
    weight_inh: float
    delay: float
    duration: float
    """Simulated time in ms unless the command line says otherwise."""
    start: dict[str, tuple[float, float]] = field(default_factory=dict)
    """State variable to the range of its uniform initial values; V_m is E_L where not given."""
    drive_rate: float = 0.0
    """Rate in Hz of the independent Poisson train of each neuron."""
    drive_weight: float = 0.0

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.n_exc + self.n_inh

    def pathways(self) -> Iterator[Pathway]:
        """Yield the excitatory, then the inhibitory pathway."""
        yield Pathway(0, self.n_exc, self.indegree_exc, self.weight_exc)
        yield Pathway(self.n_exc, self.n_inh, self.indegree_inh, self.weight_inh)

    def initial_state(self, seed: int) -> dict[str, NDArray[np.float64]]:
        """Draw the initial values, the same ones for every simulator."""
        rng = np.random.default_rng(seed)
        ranges = {"V_m": (self.neuron["E_L"],) * 2} | self.start
        return {name: rng.uniform(*ranges[name], self.size) for name in ranges}

    def scaled(self, scale: float) -> Model:
        """Return the model with `scale` times the neurons.

        In-degrees stay, as far as a target then gets no more than a quarter of its sources.
        """
        n_exc, n_inh = (max(4, round(scale * n)) for n in (self.n_exc, self.n_inh))
        return replace(
            self,
            n_exc=n_exc,
            n_inh=n_inh,
            indegree_exc=min(self.indegree_exc, n_exc // 4),
            indegree_inh=min(self.indegree_inh, n_inh // 4),
        )


# Brette et al. 2007, benchmark 2, after Vogels & Abbott 2005.
CUBA = Model(
    name="cuba",
    synapse="current",
    rule="pairwise",
    neuron={
        "tau_m": 20.0,
        "C_m": 200.0,
        "E_L": -49.0,
        "V_th": -50.0,
        "V_reset": -60.0,
        "t_ref": 5.0,
        "tau_syn_ex": 5.0,
        "tau_syn_in": 10.0,
    },
    n_exc=3200,
    n_inh=800,
    indegree_exc=64,
    indegree_inh=16,
    weight_exc=16.2,
    weight_inh=-90.0,
    delay=DT,
    duration=10_000.0,
    start={"V_m": (-60.0, -50.0)},
)

CUBA20000 = replace(CUBA, name="cuba20000", n_exc=16_000, n_inh=4_000)

# Brette et al. 2007, benchmark 1, but with the resting potential of benchmark 2: with the -60 mV
# given there the activity must be started by a stimulus, and with many seeds it dies at once.
COBA = replace(
    CUBA,
    name="coba",
    synapse="conductance",
    neuron={
        "C_m": 200.0,
        "g_L": 10.0,
        "E_L": -49.0,
        "E_ex": 0.0,
        "E_in": -80.0,
        "V_th": -50.0,
        "V_reset": -60.0,
        "t_ref": 5.0,
        "tau_syn_ex": 5.0,
        "tau_syn_in": 10.0,
    },
    weight_exc=6.0,
    weight_inh=-67.0,
    duration=1_000.0,
)

# Brunel 2000, network A: g 5, external drive twice what brings a neuron to threshold.
BRUNEL = Model(
    name="brunel",
    synapse="delta",
    rule="indegree",
    neuron={"tau_m": 20.0, "E_L": 0.0, "V_th": 20.0, "V_reset": 0.0, "t_ref": 2.0},
    n_exc=10_000,
    n_inh=2_500,
    indegree_exc=1_000,
    indegree_inh=250,
    weight_exc=0.1,
    weight_inh=-0.5,
    delay=1.5,
    duration=1_000.0,
    drive_rate=20_000.0,
    drive_weight=0.1,
)

MODELS = {model.name: model for model in (CUBA, CUBA20000, COBA, BRUNEL)}
