"""Neurons as equations in numpy, integrated by scipy to a tolerance of 1e-12.

They are written out by hand, from the papers and from NEST's documentation, and share nothing with the texts of the
models. Current steps, events, thresholds and resets are on the grid, as everywhere; between them is DOP853.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

Floats = NDArray[np.float64]
Values = dict[str, float]  # states, or their derivatives, by name


@dataclass(frozen=True)
class Drive:
    """What a neuron receives: currents from a time on [ms, pA], and events (time [ms], weight, receptor or None)."""

    currents: Sequence[tuple[float, float]] = ()
    events: Sequence[tuple[float, float, str | None]] = ()


@dataclass
class Reference:
    """A neuron: its derivatives, and what events and spikes do."""

    p: Mapping[str, Any]
    states: tuple[str, ...] = ()
    certain: float | None = (
        None  # a potential from which a spike follows within much less than a step
    )
    start: Values = field(default_factory=dict)

    def rates(self, y: Values, current: float, held: bool) -> Values:
        """Return the derivatives."""
        raise NotImplementedError

    def receive(self, y: Values, weight: float, receptor: str | None, held: bool) -> None:
        """Apply the sum of a receptor's events in a step."""
        raise NotImplementedError

    def fires(self, y: Values) -> bool:
        """Whether the threshold is reached."""
        raise NotImplementedError

    def reset(self, y: Values) -> None:
        """Apply a spike."""
        raise NotImplementedError


@dataclass(frozen=True)
class Trace:
    """States at the ends of steps, after the reset, and the steps of the spikes."""

    values: dict[str, Floats]
    spikes: list[int]


def integrate(neuron: Reference, drive: Drive, dt: float, duration: float) -> Trace:
    """Integrate to the accuracy of doubles, with events, thresholds and resets at the ends of steps."""
    names, steps = neuron.states, round(duration / dt)

    def on_grid(time: float) -> int:
        return round(time / dt)

    currents = {on_grid(time): value for time, value in drive.currents}
    events: dict[int, list[tuple[float, str | None]]] = {}
    for time, weight, receptor in drive.events:
        events.setdefault(on_grid(time), []).append((weight, receptor))
    refractory = math.ceil(neuron.p.get("t_ref", 0.0) / dt - 1e-9)

    y = np.array([neuron.start.get(name, 0.0) for name in names])
    values, spikes = np.empty((steps + 1, len(names))), []
    current, until, step = neuron.p.get("I_e", 0.0), 0, 0
    while step < steps:
        current = currents.get(step, current)
        held = step < until
        stop = min(k for k in (*currents, *events, until, steps) if k > step)
        piece = _smooth(neuron, y, current, held, (stop - step) * dt, stop - step)
        for row in piece:
            step += 1
            state = dict(zip(names, row.tolist(), strict=True))
            for weight, receptor in events.get(step, ()):
                neuron.receive(state, weight, receptor, held)
            fired = not held and neuron.fires(state)
            if fired:
                neuron.reset(state)
                spikes.append(step)
                until = step + refractory
            y = values[step] = [state[name] for name in names]
            if fired:
                break
        y = np.array(y)
    return Trace({name: values[1:, k] for k, name in enumerate(names)}, spikes)


def _smooth(
    neuron: Reference, y: Floats, current: float, held: bool, length: float, steps: int
) -> Floats:
    """Return the states at the ends of steps, or until the one in which a spike has become certain."""
    names = neuron.states

    def rates(_: float, y: Floats) -> list[float]:
        found = neuron.rates(dict(zip(names, y.tolist(), strict=True)), current, held)
        return [found[name] for name in names]

    def certain(_: float, y: Floats) -> float:
        return float(y[names.index("V_m")] - neuron.certain)

    certain.terminal = True  # type: ignore[attr-defined]
    found = solve_ivp(
        rates,
        (0.0, length),
        y,
        method="DOP853",
        t_eval=np.linspace(0.0, length, steps + 1)[1:],
        rtol=1e-12,
        atol=1e-12,
        events=None if neuron.certain is None else certain,
    )
    assert found.status >= 0, found.message
    rows = found.y.T.reshape(-1, len(names))
    if found.status == 1:
        last = found.y_events[0].copy()
        last[0, names.index("V_m")] = math.inf
        rows = np.concatenate([rows, last])
    return rows


# --- synapses -----------------------------------------------------------------------------------


class Synapses(Reference):
    """Receptors ex and in of the five kinds that NEST has."""

    kind = "psc_exp"

    @property
    def synaptic_states(self) -> tuple[str, ...]:
        """States of the receptors."""
        return {
            "psc_exp": ("I_syn_ex", "I_syn_in"),
            "psc_alpha": ("I_syn_ex", "I_syn_in", "dI_syn_ex", "dI_syn_in"),
            "cond_exp": ("g_ex", "g_in"),
            "cond_alpha": ("g_ex", "g_in", "dg_ex", "dg_in"),
            "psc_delta": (),
        }[self.kind]

    def synaptic_rates(self, y: Values) -> Values:
        """Exponential decay, or an alpha function with its peak at the weight."""
        rates, x = {}, "I_syn" if "psc" in self.kind else "g"
        for sign in ("ex", "in") if self.kind != "psc_delta" else ():
            tau = self.p[f"tau_syn_{sign}"]
            rates[f"{x}_{sign}"] = -y[f"{x}_{sign}"] / tau
            if "alpha" in self.kind:
                rates[f"{x}_{sign}"] += math.e / tau * y[f"d{x}_{sign}"]
                rates[f"d{x}_{sign}"] = -y[f"d{x}_{sign}"] / tau
        return rates

    def synaptic_current(self, y: Values, v: float) -> float:
        """Return the current into the neuron."""
        if self.kind == "psc_delta":
            return 0.0
        if "psc" in self.kind:
            return y["I_syn_ex"] + y["I_syn_in"]
        return y["g_ex"] * (self.p["E_ex"] - v) + y["g_in"] * (self.p["E_in"] - v)

    def receive(self, y: Values, weight: float, receptor: str | None, held: bool) -> None:
        """Add to the receptor of the sign."""
        sign = "ex" if weight >= 0 else "in"
        if self.kind == "psc_delta":
            y["V_m"] += 0.0 if held else weight
        elif "psc" in self.kind:
            y[("dI_syn_" if "alpha" in self.kind else "I_syn_") + sign] += weight
        else:
            y[("dg_" if "alpha" in self.kind else "g_") + sign] += abs(weight)


# --- neurons ------------------------------------------------------------------------------------


class AdExReference(Synapses):
    """Brette & Gerstner 2005; the potential is bounded by V_peak wherever it appears."""

    def __init__(self, synapses: str, p: Mapping[str, Any], adaptation: bool = True) -> None:
        self.kind, self.adaptation = synapses, adaptation
        w = ("w",) if adaptation else ()
        # From 0.6 of the way to the peak on, the exponential takes much less than a thousandth of a ms.
        certain = p["V_th"] + 0.6 * (p["V_peak"] - p["V_th"])
        super().__init__(p, ("V_m", *w, *self.synaptic_states), certain, {"V_m": p["E_L"]})

    def rates(self, y: Values, current: float, held: bool) -> Values:
        p, v = self.p, min(y["V_m"], self.p["V_peak"])
        spike = p["g_L"] * p["Delta_T"] * math.exp((v - p["V_th"]) / p["Delta_T"])
        leak = p["g_L"] * (p["E_L"] - v)
        total = leak + spike - y.get("w", 0.0) + self.synaptic_current(y, v) + current
        rates = {"V_m": 0.0 if held else total / p["C_m"], **self.synaptic_rates(y)}
        if self.adaptation:
            rates["w"] = (p["a"] * (v - p["E_L"]) - y["w"]) / p["tau_w"]
        return rates

    def fires(self, y: Values) -> bool:
        return y["V_m"] >= self.p["V_peak"]

    def reset(self, y: Values) -> None:
        y["V_m"] = self.p["V_reset"]
        if self.adaptation:
            y["w"] += self.p["b"]


class CondReference(Synapses):
    """A leaky neuron with conductances, and optionally g_sfa and g_rr of Dayan & Abbott, eq. 5.15."""

    def __init__(self, synapses: str, p: Mapping[str, Any], adaptation: bool = False) -> None:
        self.kind, self.adaptation = synapses, adaptation
        more = ("g_sfa", "g_rr") if adaptation else ()
        super().__init__(p, ("V_m", *self.synaptic_states, *more), None, {"V_m": p["E_L"]})

    def rates(self, y: Values, current: float, held: bool) -> Values:
        p, v = self.p, y["V_m"]
        total = p["g_L"] * (p["E_L"] - v) + self.synaptic_current(y, v) + current
        rates = self.synaptic_rates(y)
        if self.adaptation:
            total += y["g_sfa"] * (p["E_sfa"] - v) + y["g_rr"] * (p["E_rr"] - v)
            rates |= {"g_sfa": -y["g_sfa"] / p["tau_sfa"], "g_rr": -y["g_rr"] / p["tau_rr"]}
        return {"V_m": 0.0 if held else total / p["C_m"], **rates}

    def fires(self, y: Values) -> bool:
        return y["V_m"] >= self.p["V_th"]

    def reset(self, y: Values) -> None:
        y["V_m"] = self.p["V_reset"]
        if self.adaptation:
            y["g_sfa"] += self.p["q_sfa"]
            y["g_rr"] += self.p["q_rr"]


def _ratio(x: float, scale: float) -> float:
    """x / (1 - exp(-x / scale)), by its series near 0."""
    u = x / scale
    return scale * (1.0 + u / 2.0 + u * u / 12.0) if abs(u) < 1e-4 else x / -math.expm1(-u)


class HodgkinHuxleyReference(Synapses):
    """Squid axon (Hodgkin & Huxley 1952), or the pyramidal cell of Traub & Miles 1991 as in Brette et al. 2007."""

    def __init__(self, kind: str, synapses: str, p: Mapping[str, Any]) -> None:
        self.traub, self.kind = kind == "traub", synapses
        v = p["E_L"] if self.traub else -65.0
        a, b = self._gates(v, p)
        start = {"V_m": v, **{gate: a[gate] / (a[gate] + b[gate]) for gate in a}}
        super().__init__(p, (*start, *self.synaptic_states), None, start)

    def _gates(self, v: float, p: Mapping[str, Any]) -> tuple[Values, Values]:
        if self.traub:
            u = v - p["V_T"]
            opening = {
                "Act_m": 0.32 * _ratio(u - 13.0, 4.0),
                "Inact_h": 0.128 * math.exp((17.0 - u) / 18.0),
                "Act_n": 0.032 * _ratio(u - 15.0, 5.0),
            }
            closing = {
                "Act_m": 0.28 * _ratio(40.0 - u, 5.0),
                "Inact_h": 4.0 / (1.0 + math.exp((40.0 - u) / 5.0)),
                "Act_n": 0.5 * math.exp((10.0 - u) / 40.0),
            }
            return opening, closing
        opening = {
            "Act_m": 0.1 * _ratio(v + 40.0, 10.0),
            "Inact_h": 0.07 * math.exp(-(v + 65.0) / 20.0),
            "Act_n": 0.01 * _ratio(v + 55.0, 10.0),
        }
        closing = {
            "Act_m": 4.0 * math.exp(-(v + 65.0) / 18.0),
            "Inact_h": 1.0 / (1.0 + math.exp(-(v + 35.0) / 10.0)),
            "Act_n": 0.125 * math.exp(-(v + 65.0) / 80.0),
        }
        return opening, closing

    def rates(self, y: Values, current: float, held: bool) -> Values:
        p, v = self.p, y["V_m"]
        a, b = self._gates(v, p)
        sodium = p["g_Na"] * y["Act_m"] ** 3 * y["Inact_h"] * (p["E_Na"] - v)
        potassium = p["g_K"] * y["Act_n"] ** 4 * (p["E_K"] - v)
        total = sodium + potassium + p["g_L"] * (p["E_L"] - v) + self.synaptic_current(y, v)
        gates = {gate: a[gate] * (1.0 - y[gate]) - b[gate] * y[gate] for gate in a}
        return {"V_m": (total + current) / p["C_m"], **gates, **self.synaptic_rates(y)}

    def fires(self, y: Values) -> bool:
        """Spikes change nothing, so a test reads them from V_m."""
        return False


class GIFReference(Synapses):
    """Mensi et al. 2012, with a threshold so sharp that chance decides nothing."""

    def __init__(self, synapses: str, p: Mapping[str, Any]) -> None:
        self.kind = synapses
        self.kernels = {
            name: [f"{name}_{k + 1}" for k in range(len(p[f"tau_{name}"]))]
            for name in ("stc", "sfa")
        }
        states = ("V_m", *self.kernels["stc"], *self.kernels["sfa"], *self.synaptic_states)
        super().__init__(p, states, None, {"V_m": p["E_L"]})

    def rates(self, y: Values, current: float, held: bool) -> Values:
        p, v = self.p, y["V_m"]
        total = p["g_L"] * (p["E_L"] - v) + self.synaptic_current(y, v) + current
        total -= sum(y[name] for name in self.kernels["stc"])
        rates = {"V_m": 0.0 if held else total / p["C_m"], **self.synaptic_rates(y)}
        for kind, names in self.kernels.items():
            rates |= {n: -y[n] / tau for n, tau in zip(names, p[f"tau_{kind}"], strict=True)}
        return rates

    def fires(self, y: Values) -> bool:
        return y["V_m"] >= self.p["V_T_star"] + sum(y[name] for name in self.kernels["sfa"])

    def reset(self, y: Values) -> None:
        y["V_m"] = self.p["V_reset"]
        for kind, names in self.kernels.items():
            for name, q in zip(names, self.p[f"q_{kind}"], strict=True):
                y[name] += q


class IzhikevichReference(Reference):
    """Izhikevich 2003."""

    def __init__(self, p: Mapping[str, Any]) -> None:
        # Above its threshold the potential only rises, and reaches infinity within a ms.
        super().__init__(p, ("V_m", "U_m"), p["V_th"], {"V_m": -65.0, "U_m": -65.0 * p["b"]})

    def rates(self, y: Values, current: float, held: bool) -> Values:
        v, u = y["V_m"], y["U_m"]
        rise = 0.04 * v * v + 5.0 * v + 140.0 - u + current
        return {"V_m": rise, "U_m": self.p["a"] * (self.p["b"] * v - u)}

    def receive(self, y: Values, weight: float, receptor: str | None, held: bool) -> None:
        y["V_m"] += weight

    def fires(self, y: Values) -> bool:
        return y["V_m"] >= self.p["V_th"]

    def reset(self, y: Values) -> None:
        y["V_m"] = self.p["c"]
        y["U_m"] += self.p["d"]


class MultisynapseReference(Reference):
    """A leaky neuron with any number of exponential currents."""

    def __init__(self, p: Mapping[str, Any]) -> None:
        self.taus = p["tau_syn"]
        states = ("V_m", *(f"I_syn_{name}" for name in self.taus))
        super().__init__(p, states, None, {"V_m": p["E_L"]})

    def rates(self, y: Values, current: float, held: bool) -> Values:
        p = self.p
        rates = {f"I_syn_{name}": -y[f"I_syn_{name}"] / tau for name, tau in self.taus.items()}
        total = sum(y[name] for name in rates) + current
        leak = (p["E_L"] - y["V_m"]) / p["tau_m"]
        return {"V_m": 0.0 if held else leak + total / p["C_m"], **rates}

    def receive(self, y: Values, weight: float, receptor: str | None, held: bool) -> None:
        y[f"I_syn_{receptor}"] += weight

    def fires(self, y: Values) -> bool:
        return y["V_m"] >= self.p["V_th"]

    def reset(self, y: Values) -> None:
        y["V_m"] = self.p["V_reset"]


class NMDAReference(Reference):
    """Brunel & Wang 2001 with the magnesium block of Jahr & Stevens 1990."""

    def __init__(self, p: Mapping[str, Any]) -> None:
        super().__init__(p, ("V_m", "s_AMPA", "s_GABA", "s_NMDA"), None, {"V_m": p["E_L"]})

    def rates(self, y: Values, current: float, held: bool) -> Values:
        p, v = self.p, y["V_m"]
        open_ = 1.0 / (1.0 + p["conc_Mg2"] * math.exp(-0.062 * v) / 3.57)
        total = p["g_L"] * (p["E_L"] - v) + current + y["s_GABA"] * (p["E_in"] - v)
        total += (y["s_AMPA"] + open_ * y["s_NMDA"]) * (p["E_ex"] - v)
        return {
            "V_m": 0.0 if held else total / p["C_m"],
            "s_AMPA": -y["s_AMPA"] / p["tau_AMPA"],
            "s_GABA": -y["s_GABA"] / p["tau_GABA"],
            "s_NMDA": -y["s_NMDA"] / p["tau_decay_NMDA"],
        }

    def receive(self, y: Values, weight: float, receptor: str | None, held: bool) -> None:
        y[f"s_{receptor}"] += weight

    def fires(self, y: Values) -> bool:
        return y["V_m"] >= self.p["V_th"]

    def reset(self, y: Values) -> None:
        y["V_m"] = self.p["V_reset"]
