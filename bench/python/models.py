"""The benchmark networks: one set of parameters, read by every simulator.

Units and names are those of NEST and spikelet (ms, mV, pA, pF, nS, Hz).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

DT = 0.1  # ms

SAMPLED = 50
"""Interval between the neurons whose incoming plastic weights are sampled."""


@dataclass(frozen=True)
class Plasticity:
    """Additive pair STDP over all pairs, with bounds and a dendritic delay; ties have no effect.

    The target's spikes count one delay late. A pair changes the weight by ``A_plus`` or
    ``-A_minus`` times an exponential of the interval.
    """

    tau_plus: float
    tau_minus: float
    A_plus: float
    A_minus: float
    w_max: float
    """Upper bound; the lower one is 0."""


@dataclass(frozen=True)
class Pathway:
    """The synapses from the excitatory or the inhibitory neurons onto all or some neurons."""

    first: int
    """Index of the first presynaptic neuron."""
    size: int
    """Number of presynaptic neurons."""
    indegree: int
    """Synapses that each target gets from these neurons, exactly or on average."""
    weight: float
    first_target: int
    targets: int
    """Number of postsynaptic neurons."""
    plasticity: Plasticity | None = None

    @property
    def probability(self) -> float:
        """The connection probability that gives this in-degree on average."""
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
    """``pairwise``: each pair with the same probability; ``indegree``: sources with repetition."""
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
    cell: Literal["integrate_and_fire", "hodgkin_huxley"] = "integrate_and_fire"
    start: dict[str, tuple[float, float]] = field(default_factory=dict)
    """The range of uniform initial values by state variable; V_m is E_L where not given."""
    normal: bool = False
    """Whether `start` gives means and standard deviations of normal values instead."""
    drive_rate: float = 0.0
    """Rate in Hz of the independent Poisson train of each neuron."""
    drive_weight: float = 0.0
    plasticity: Plasticity | None = None
    """The rule of the synapses between excitatory neurons."""
    static: str | None = None
    """Name of the same network without plasticity."""

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.n_exc + self.n_inh

    def pathways(self) -> Iterator[Pathway]:
        """Yield the excitatory pathway, in two parts if one is plastic, then the inhibitory one."""
        exc = 0, self.n_exc, self.indegree_exc, self.weight_exc
        if self.plasticity is None:
            yield Pathway(*exc, 0, self.size)
        else:
            yield Pathway(*exc, 0, self.n_exc, self.plasticity)
            yield Pathway(*exc, self.n_exc, self.n_inh)
        yield Pathway(self.n_exc, self.n_inh, self.indegree_inh, self.weight_inh, 0, self.size)

    def initial_state(self, seed: int) -> dict[str, NDArray[np.float64]]:
        """Draw the initial values, the same ones for every simulator."""
        rng = np.random.default_rng(seed)
        if self.normal:
            drawn = {name: rng.normal(*values, self.size) for name, values in self.start.items()}
            return {n: np.maximum(x, 0.0) if n.startswith("g_") else x for n, x in drawn.items()}
        ranges = {"V_m": (self.neuron["E_L"],) * 2} | self.start
        return {name: rng.uniform(*ranges[name], self.size) for name in ranges}

    def scaled(self, scale: float) -> Model:
        """Return the model with `scale` times the neurons.

        In-degrees stay, unless a target would get synapses from more than a quarter of its sources.
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

# Brette et al. 2007, benchmark 1, but with the resting potential of benchmark 2: with the published
# -60 mV, a stimulus must start the activity, which dies at once with many seeds.
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

# Brette et al. 2007, benchmark 3, as Brian2's example COBAHH: channels of Traub & Miles, given initial conductances, and
# gates that are 0 at first. No spike is counted for t_ref after one; nothing is reset.
COBAHH = replace(
    CUBA,
    name="cobahh",
    synapse="conductance",
    cell="hodgkin_huxley",
    neuron={
        "C_m": 200.0,
        "g_L": 10.0,
        "g_Na": 20_000.0,
        "g_K": 6_000.0,
        "E_L": -60.0,
        "E_Na": 50.0,
        "E_K": -90.0,
        "V_T": -63.0,
        "E_ex": 0.0,
        "E_in": -80.0,
        "V_th": -20.0,
        "t_ref": 2.9,
        "tau_syn_ex": 5.0,
        "tau_syn_in": 10.0,
    },
    weight_exc=6.0,
    weight_inh=-67.0,
    duration=1_000.0,
    start={"V_m": (-65.0, 5.0), "g_ex": (40.0, 15.0), "g_in": (200.0, 120.0)},
    normal=True,
)

# Brunel 2000, network A: g = 5, external drive twice the threshold rate.
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

# A pair changes a weight by 1 %, and all pairs of a second by some 4 %. With larger steps, or if all
# neurons start at the same potential, volleys and weights strengthen each other, and rates differ
# between seeds. Slightly stronger depression balances the potentiation by correlations.
PLASTIC_BRUNEL = replace(
    BRUNEL,
    name="plastic_brunel",
    plasticity=Plasticity(tau_plus=20.0, tau_minus=20.0, A_plus=0.001, A_minus=0.00105, w_max=0.2),
    static="brunel",
    start={"V_m": (0.0, 20.0)},
)

MODELS = {model.name: model for model in (CUBA, CUBA20000, COBA, COBAHH, BRUNEL, PLASTIC_BRUNEL)}
