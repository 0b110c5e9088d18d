"""Plasticity rules: frozen descriptions; the core applies them event by event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spikelet._checks import fail, numbers, require

__all__ = ["STDP"]


@dataclass(frozen=True, kw_only=True)
class STDP:
    r"""Spike-timing-dependent plasticity over all pairs of spikes, additive, with bounds.

    .. math::

        \Delta w = \begin{cases}
            A_+ \exp(-(t_{post} - t_{pre}) / \tau_+) & t_{pre} \le t_{post} \\
            -A_- \exp(-(t_{pre} - t_{post}) / \tau_-) & t_{pre} > t_{post}
        \end{cases}

    The delay d is dendritic: t_pre is the stamp of the source's spike, t_post that of the target's plus d. At a
    source's spike the posts since its last spike potentiate, then those before it depress, then the weight is sent.
    Each change is limited to [w_min, w_max].

    Parameters
    ----------
    tau_plus, tau_minus : float
        Time constants [ms].
    A_plus, A_minus : float
        Amplitudes, in the unit of the weight.
    w_min, w_max : float
        Bounds; weights must lie within from the start.
    coincidence : "potentiate" or "ignore"
        What a pair with t_pre = t_post does: potentiate (after that spike is sent), or nothing, as in NEST.

    Notes
    -----
    After Song, Miller & Abbott, Nat. Neurosci. 3 (2000); pairing and delays as in Morrison, Aertsen & Diesmann,
    Neural Comput. 19 (2007).
    """

    tau_plus: float = 20.0
    tau_minus: float = 20.0
    A_plus: float = 0.01
    A_minus: float = 0.0105
    w_min: float = 0.0
    w_max: float = 1.0
    coincidence: Literal["potentiate", "ignore"] = "potentiate"

    def __post_init__(self) -> None:
        rules = {"tau_plus": "> 0", "tau_minus": "> 0", "A_plus": ">= 0", "A_minus": ">= 0"}
        for parameter in ("tau_plus", "tau_minus", "A_plus", "A_minus", "w_min", "w_max"):
            unit = "ms" if parameter.startswith("tau") else ""
            value = numbers("STDP", parameter, getattr(self, parameter), unit)
            if value.ndim:
                fail("STDP", parameter, getattr(self, parameter), "must be one number")
            require("STDP", parameter, value, rules.get(parameter, "finite"))
            object.__setattr__(self, parameter, float(value))
        if self.w_min > self.w_max:
            fail("STDP", "w_min", self.w_min, f"must not exceed w_max = {self.w_max!r}")
        if self.coincidence not in ("potentiate", "ignore"):
            fail("STDP", "coincidence", self.coincidence, 'must be "potentiate" or "ignore"')

    def to_core(self) -> dict[str, float | bool]:
        """Return the core's description."""
        return {
            "tau_plus": self.tau_plus,
            "tau_minus": self.tau_minus,
            "A_plus": self.A_plus,
            "A_minus": self.A_minus,
            "w_min": self.w_min,
            "w_max": self.w_max,
            "tie_potentiates": self.coincidence == "potentiate",
        }
