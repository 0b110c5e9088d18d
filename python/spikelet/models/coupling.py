"""Continuous coupling between cells: graded transmission and gap junctions, as currents that are held for an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet.models.wiring import Edges
from spikelet.neurons import Equations

__all__ = ["Coupling", "GradedNeuron"]

Floats = npt.NDArray[np.float64]

GradedNeuron = Equations(
    """
    dV_m/dt = (g_L*(E_L - V_m) + I_syn + I_e)/C_m : mV
    dI_syn/dt = -I_syn/tau_syn : pA
    """,
    receptors={"synapse": "I_syn += weight"},
    parameters={
        "C_m": (1.0, "pF", "> 0"),
        "g_L": (0.01, "nS", "> 0"),
        "E_L": (-35.0, "mV"),
        "tau_syn": (5.0, "ms", "> 0"),
        "V_half": (-35.0, "mV"),
        "V_slope": (8.0, "mV", "> 0"),
        "I_e": (0.0, "pA"),
    },
    initial={"V_m": "E_L"},
    name="GradedNeuron",
)
"""A cell without spikes, whose release of transmitter grows with its potential.

The fraction released is ``1 / (1 + exp((V_half - V_m) / V_slope))``. Parameters are of the size of those for *C. elegans* in
J. Kunert et al., Phys. Rev. E 89:052805 (2014). Spikes of other cells change `I_syn`. A model of your own is graded, too, if it
has the parameters `V_half` and `V_slope`.
"""


@dataclass(frozen=True, eq=False)
class Coupling:
    """What graded synapses and gap junctions need of all cells.

    Parameters
    ----------
    release : Edges
        Graded synapses: the current at full release [pA].
    gaps : Edges
        Gap junctions in one or both directions: conductances [nS].
    V_half, V_slope : array, [n]
        How the release of each cell depends on its potential [mV].
    every : float
        Interval [ms] for which currents are held.
    """

    release: Edges
    gaps: Edges
    V_half: Floats
    V_slope: Floats
    every: float

    def __post_init__(self) -> None:
        from scipy.sparse import coo_array  # noqa: PLC0415  # slow to import

        n = len(self.V_half)
        pre, post, weight = self.release
        object.__setattr__(self, "_release", coo_array((weight, (post, pre)), (n, n)).tocsr())
        pre, post, weight = self.gaps
        if (weight < 0).any():
            fail("connectome", "gaps", weight[weight < 0][0], "must not be negative")
        one = coo_array((weight.astype(np.float64), (post, pre)), (n, n)).tocsr()
        object.__setattr__(self, "_gaps", one.maximum(one.T))

    @property
    def cells(self) -> npt.NDArray[np.int64]:
        """Indices of the cells that coupling reaches."""
        ends: Any = (self.release.post, self.gaps.pre, self.gaps.post)
        return np.unique(np.concatenate(ends)).astype(np.int64)

    def conductances(self) -> Floats:
        """Return the sum of the gap junctions of each cell [nS]."""
        return np.asarray(self._gaps.sum(axis=1)).ravel()

    def currents(self, V_m: Floats, sends: Floats, lives: Floats) -> Floats:
        """Return the current into each cell [pA].

        Parameters
        ----------
        V_m : array, [n]
            Potentials [mV]; NaN for cells without one.
        sends, lives : array, [n]
            1, or 0 for cells that are silenced, and for cells that are removed.
        """
        V = np.nan_to_num(V_m)
        with np.errstate(over="ignore"):
            released = sends / (1 + np.exp((self.V_half - V) / self.V_slope))
        passed = self._gaps @ (V * lives) - V * (self._gaps @ lives)
        return lives * (self._release @ np.where(np.isnan(released), 0.0, released) + passed)
