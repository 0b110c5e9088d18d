"""The synapses of the models from text: lines of equations, a term for the current, and receptors.

Names, units and defaults are NEST's. Excitation and inhibition are two receptors, ``ex`` and ``in``, between which a weight's
sign chooses; their currents and conductances are states.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from spikelet._util.checks import choice

SynapseKind: TypeAlias = Literal["cond_exp", "cond_alpha", "psc_exp", "psc_alpha", "delta"]
"""Conductances or currents that decay exponentially or are alpha functions; or steps of the potential."""


class Synapses(NamedTuple):
    """Parts of the text of a model."""

    equations: str
    """Equations of the states."""
    current: str
    """A sum of terms of the membrane's current: "+ g_ex*(E_ex - V_m) + ..."."""
    receptors: dict[str, str]
    parameters: dict[str, tuple[Any, ...]]


_TIMES = {"tau_syn_ex": (0.2, "ms", "> 0"), "tau_syn_in": (2.0, "ms", "> 0")}
_REVERSALS = {"E_ex": (0.0, "mV"), "E_in": (-85.0, "mV")}


def require_kind(model: str, kind: object) -> None:
    """Check that there are synapses of a kind.

    Raises
    ------
    ValueError
        If there are not.
    """
    choice(model, "synapses", kind, *get_args(SynapseKind))


def synapses_of(
    model: str, kind: SynapseKind, potential: str = "V_m", *, held: bool = True
) -> Synapses:
    """Return the synapses of a kind.

    An alpha function is ``w (t/tau) exp(1 - t/tau)``: its peak is the weight.

    Parameters
    ----------
    model : str
        Name of the model, for messages.
    kind : str
        See `SynapseKind`.
    potential : str
        What the text calls the potential that conductances act on.
    held : bool
        Whether V_m is held while refractory, so steps of V_m that arrive then are lost.

    Raises
    ------
    ValueError
        If there is no such kind.
    """
    require_kind(model, kind)
    if kind == "delta":
        flag = " (unless refractory)" if held else ""
        return Synapses("", "", {"ex": f"V_m += weight{flag}"}, {})
    x, shape = ("g", kind[5:]) if kind.startswith("cond") else ("I_syn", kind[4:])
    weight = "abs(weight)" if x == "g" else "weight"
    if shape == "exp":
        lines = [f"d{x}_{s}/dt = -{x}_{s}/tau_syn_{s}" for s in ("ex", "in")]
        receptors = {s: f"{x}_{s} += {weight}" for s in ("ex", "in")}
    else:
        unit = "nS" if x == "g" else "pA"
        lines = [
            line
            for s in ("ex", "in")
            for line in (
                f"d{x}_{s}/dt = (exp(1)*d{x}_{s} - {x}_{s})/tau_syn_{s}",
                f"dd{x}_{s}/dt = -d{x}_{s}/tau_syn_{s} : {unit}",
            )
        ]
        receptors = {s: f"d{x}_{s} += {weight}" for s in ("ex", "in")}
    if x == "g":
        current = f"+ g_ex*(E_ex - {potential}) + g_in*(E_in - {potential})"
        return Synapses("\n".join(lines), current, receptors, {**_REVERSALS, **_TIMES})
    return Synapses("\n".join(lines), "+ I_syn_ex + I_syn_in", receptors, dict(_TIMES))
