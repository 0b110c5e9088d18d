"""Continuous coupling between cells: graded transmission and gap junctions, as currents that are held for an interval."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet.models.wiring import Edges
from spikelet.neurons import Equations

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

GradedNeuron = Equations(
    """
    dV_m/dt = (g_L*(E_L - V_m) + g_ex*(E_ex - V_m) + g_in*(E_in - V_m) + I_e)/C_m : mV
    dg_ex/dt = -g_ex/tau_syn : nS
    dg_in/dt = -g_in/tau_syn : nS
    """,
    receptors={"ex": "g_ex += weight", "in": "g_in += weight"},
    parameters={
        "C_m": (1.0, "pF", "> 0"),
        "g_L": (0.01, "nS", "> 0"),
        "E_L": (-35.0, "mV"),
        "E_ex": (0.0, "mV"),
        "E_in": (-48.0, "mV"),
        "tau_syn": (5.0, "ms", "> 0"),
        "V_half": (-35.0, "mV"),
        "V_slope": (8.0, "mV", "> 0"),
        "I_e": (0.0, "pA"),
    },
    initial={"V_m": "E_L"},
    name="GradedNeuron",
)
"""A cell without spikes, whose release of transmitter grows with its potential.

It releases the fraction ``1 / (1 + exp((V_half - V_m) / V_slope))``. The defaults are those for *C. elegans* in J. Kunert et al.,
Phys. Rev. E 89:052805 (2014), except `V_half`, which is the same for all cells here. Spikes of other cells change `g_ex` and
`g_in`. A model of your own is graded, too, if it has the parameters ``V_half`` and ``V_slope``.
"""


class Coupling:
    """Currents of graded synapses and gap junctions.

    Parameters
    ----------
    release : Edges
        Graded synapses, at full release: conductances [nS], negative if inhibitory, onto cells with the parameters `E_ex` and
        `E_in`, and currents [pA] into others.
    gaps : Edges
        Gap junctions in one or both directions: conductances [nS].
    cells : dict of str to array, [n]
        Parameters of the cells, NaN where a model lacks them: ``V_half``, ``V_slope``, ``E_ex``, ``E_in``.
    every : float
        Interval [ms] for which currents are held.
    """

    def __init__(
        self, release: Edges, gaps: Edges, cells: Mapping[str, Floats], every: float
    ) -> None:
        from scipy.sparse import coo_array  # noqa: PLC0415  # slow to import

        if (gaps.weight < 0).any():
            negative = float(gaps.weight[gaps.weight < 0][0])
            fail("connectome", "gaps", negative, "must not be negative")
        self.release, self.gaps, self.every = release, gaps, every
        self._cells, n = dict(cells), len(cells["V_half"])
        onto, between = (
            coo_array((e.weight.astype(np.float64), (e.post, e.pre)), (n, n)).tocsr()
            for e in (release, gaps)
        )
        self._ex, self._in = onto.maximum(0), (-onto).maximum(0)
        self._gaps = between.maximum(between.T)
        self._conductive = ~np.isnan(cells["E_ex"] + cells["E_in"])

    def reached(self) -> npt.NDArray[np.int64]:
        """Return the indices of the cells that coupling reaches."""
        ends = self.release.post, self.gaps.pre, self.gaps.post
        return np.unique(np.concatenate(ends)).astype(np.int64)

    def conductances(self) -> Floats:
        """Return the largest sum of the conductances of each cell [nS]."""
        synapses = np.where(self._conductive, (self._ex + self._in).sum(axis=1), 0.0)
        total: Floats = synapses + self._gaps.sum(axis=1)
        return total

    def currents(self, V_m: Floats, sends: Bools, lives: Bools) -> Floats:
        """Return the current into each cell [pA].

        Parameters
        ----------
        V_m : array, [n]
            Potentials [mV]; NaN for cells without one.
        sends, lives : array of bool, [n]
            False for cells that are silenced, and for cells that are removed.
        """
        V, p = np.nan_to_num(V_m), self._cells
        with np.errstate(over="ignore"):
            released = np.nan_to_num(sends / (1 + np.exp((p["V_half"] - V) / p["V_slope"])))
        ex, inh = (
            part @ released * np.where(self._conductive, E - V, other)
            for part, E, other in ((self._ex, p["E_ex"], 1.0), (self._in, p["E_in"], -1.0))
        )
        passed = self._gaps @ (V * lives) - V * (self._gaps @ lives)
        total: Floats = lives * (ex + inh + passed)
        return total
