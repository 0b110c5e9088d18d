"""Neurons from text that the machine builds, and what their texts mean: a step of each, written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tests.specification import simulator as spec

import spikelet as sl

Array = Any

_LEAKY = {
    "V_th": (-55.0, "mV"), "V_reset": (-70.0, "mV"), "E_L": (-70.0, "mV"), "t_ref": (2.0, "ms", ">= 0"),
    "C_m": (250.0, "pF", "> 0"), "I_e": (0.0, "pA"),
    "tau_m": (10.0, "ms", "> 0"),
}  # fmt: skip
_COMMON: dict[str, Any] = {
    "threshold": "V_m >= V_th", "reset": "V_m = V_reset", "refractory": "t_ref",
}  # fmt: skip

Forgetful = sl.Equations(
    """
    dV_m/dt = (E_L - V_m)/tau_m + (I_syn_ex + I_syn_in + I_e)/C_m
    tau_syn_ex*dI_syn_ex/dt = -I_syn_ex
    tau_syn_in*dI_syn_in/dt = -I_syn_in
    """,
    **_COMMON | {"reset": "V_m = V_reset; I_syn_ex *= 0.5; I_syn_in = 0"},
    parameters=_LEAKY | {"tau_syn_ex": (2.0, "ms", "> 0"), "tau_syn_in": (4.0, "ms", "> 0")},
    receptors={"ex": "I_syn_ex += weight", "in": "I_syn_in += weight"},
    name="Forgetful",
)  # fmt: skip
"""A spike takes synaptic currents along."""

Kicked = sl.Equations(
    "tau_m*dV_m/dt = E_L - V_m + tau_m/C_m*I_e (unless refractory); dn/dt = -n/40.0",
    **_COMMON | {"reset": "V_m = V_reset; n += 1"},
    parameters=_LEAKY,
    receptors={"kick": "V_m += weight (unless refractory)"},
    schedule="brian2",
    name="Kicked",
)
"""Events act on the potential after the threshold test; n counts spikes and forgets them."""

Shunted = sl.Equations(
    """
    C_m*dV_m/dt = C_m/tau_m*(E_L - V_m) + g_ex*(E_ex - V_m) + g_in*(E_in - V_m) + I_e : mV
    dg_ex/dt = -g_ex/tau_syn_ex : nS
    dg_in/dt = -g_in/tau_syn_in : nS
    """,
    **_COMMON,
    parameters=_LEAKY | {
        "E_ex": (0.0, "mV"), "E_in": (-85.0, "mV"), "tau_syn_ex": (2.0, "ms", "> 0"), "tau_syn_in": (4.0, "ms", "> 0"),
    },
    receptors={"ex": "g_ex += abs(weight)", "in": "g_in += abs(weight)"},
    name="Shunted",
)  # fmt: skip
"""Conductances; the potential by Magnus' expansion."""

Various = sl.Equations(
    """
    dV_m/dt = (E_L - V_m)/tau_m + (a + b - w + I_e)/C_m
    da/dt = -a/3.0
    db/dt = -b/tau_b
    dw/dt = -w/60.0
    """,
    **_COMMON | {"reset": "V_m = V_reset; w += 0.2*(V_th - V_m)*d"},
    parameters=_LEAKY | {"tau_b": (7.0, "ms", "> 0"), "d": (10.0, "nS")},
    receptors={"fast": "a += weight", "slow": "b += -0.5*weight; a += 0.25*weight", "size": "w += abs(weight)"},
    initial={"V_m": "E_L - 1", "w": "3*d"},
    name="Various",
)  # fmt: skip
"""Three receptors with names; adaptation by the potential after the reset."""


@dataclass(frozen=True)
class Text:
    """What a text means."""

    equations: sl.Equations
    receptors: tuple[str, ...]
    by_sign: bool
    magnitudes: tuple[str, ...]  # receptors to which magnitudes count
    strong: float  # a weight that takes a neuron over its threshold within a few events
    brian2: bool
    integrate: Callable[[Any, Array], dict[str, Array]]  # neurons, current -> states
    receive: Callable[[dict[str, Array], Array, Array], None]  # states, sums [receptors, n], free
    after_spike: Callable[[Any, dict[str, Array]], None]  # neurons, states of all


class TextNeurons(spec.Neurons):
    """Neurons of one of the texts."""

    early = True

    def __init__(self, n: int, model: Any, dt: float) -> None:
        self.text = TEXTS[type(model).__name__]
        super().__init__(n, model, dt)
        if self.kind == "Various":
            self.state["V_m"][:] = self.parameter("E_L") - 1
            self.state["w"][:] = 3 * self.parameter("d")

    def set_model(self, model: Any) -> None:
        """Set all parameters; states stay."""
        self.model = model
        tics = round(self.dt * 1000)
        self.t_ref = np.array([-(-round(t * 1000) // tics) for t in self.parameter("t_ref")], int)

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of the receptors."""
        return self.text.receptors

    @property
    def by_sign(self) -> bool:
        """Whether signs of weights choose the receptor."""
        return self.text.by_sign

    @property
    def magnitudes(self) -> tuple[str, ...]:
        """Receptors to which magnitudes count."""
        return self.text.magnitudes

    def step(self, current: Array, arriving: Array) -> Array:
        """Integrate one step; return the ids that spike at its end."""
        free = self.held == 0
        new = self.text.integrate(self, self.parameter("I_e") + current)
        new["V_m"] = np.where(free, new["V_m"], self.state["V_m"])
        self.state |= new
        if not self.text.brian2:
            self.text.receive(self.state, arriving, free)
        V, threshold = self.state["V_m"], self.parameter("V_th")
        if free.any():
            self.closest = min(self.closest, np.abs(V - threshold)[free].min())
        spikes = free & (threshold <= V)
        if self.text.brian2:
            self.text.receive(self.state, arriving, free)
        after = {name: values.copy() for name, values in self.state.items()}
        after["V_m"] = self.parameter("V_reset").copy()
        self.text.after_spike(self, after)
        for name in self.state:
            self.state[name] = np.where(spikes, after[name], self.state[name])
        self.held = np.where(spikes, self.t_ref, np.maximum(self.held - 1, 0))
        return np.flatnonzero(spikes)

    def solved(
        self, decays: dict[str, Array], drives: dict[str, Array], current: Array
    ) -> dict[str, Array]:
        """Return V_m and currents after a step: `decays` are rates of the currents, `drives` their shares of V_m'."""
        a = np.zeros((self.n, len(decays) + 2, len(decays) + 2))
        a[:, 0, 0], a[:, 0, -1] = -1.0 / self.parameter("tau_m"), 1.0 / self.parameter("C_m")
        for k, name in enumerate(decays, 1):
            a[:, 0, k], a[:, k, k] = drives[name], -decays[name]
        E_L, state = self.parameter("E_L"), self.state
        x = np.stack([state["V_m"] - E_L, *(state[s] for s in decays), current], axis=1)
        x = np.einsum("nij,nj->ni", spec.exponential(self.dt * a), x)
        return {"V_m": x[:, 0] + E_L} | {s: x[:, k] for k, s in enumerate(decays, 1)}


def _forgetful(cells: TextNeurons, current: Array) -> dict[str, Array]:
    rates = {f"I_syn_{end}": 1.0 / cells.parameter(f"tau_syn_{end}") for end in ("ex", "in")}
    return cells.solved(rates, dict.fromkeys(rates, 1.0 / cells.parameter("C_m")), current)


def _receive_currents(state: dict[str, Array], sums: Array, _free: Array) -> None:
    state["I_syn_ex"] = state["I_syn_ex"] + sums[0]
    state["I_syn_in"] = state["I_syn_in"] + sums[1]


def _forget(_cells: TextNeurons, state: dict[str, Array]) -> None:
    state["I_syn_ex"] = 0.5 * state["I_syn_ex"]
    state["I_syn_in"] = np.zeros_like(state["I_syn_in"])


def _kicked(cells: TextNeurons, current: Array) -> dict[str, Array]:
    new = cells.solved({}, {}, current)
    return new | {"n": cells.state["n"] * np.exp(-cells.dt / 40.0)}


def _receive_kicks(state: dict[str, Array], sums: Array, free: Array) -> None:
    state["V_m"] = state["V_m"] + np.where(free, sums[0], 0.0)


def _counted(_cells: TextNeurons, state: dict[str, Array]) -> None:
    state["n"] = state["n"] + 1.0


def _shunted(cells: TextNeurons, current: Array) -> dict[str, Array]:
    h, C = cells.dt, cells.parameter("C_m")
    leak = C / cells.parameter("tau_m")

    def at(share: float) -> tuple[Array, Array]:
        slope, rest = -leak / C, (leak * cells.parameter("E_L") + current) / C
        for end in ("ex", "in"):
            g = cells.state[f"g_{end}"] * np.exp(-share * h / cells.parameter(f"tau_syn_{end}"))
            slope, rest = slope - g / C, rest + g * cells.parameter(f"E_{end}") / C
        return slope, rest

    (a1, b1), (a2, b2) = at(0.5 - np.sqrt(3) / 6), at(0.5 + np.sqrt(3) / 6)
    a = h * (a1 + a2) / 2
    b = h * (b1 + b2) / 2 + h**2 * np.sqrt(3) / 12 * (a2 * b1 - a1 * b2)
    V = cells.state["V_m"]
    new = {"V_m": np.exp(a) * V + b * np.expm1(a) / a}
    for end in ("ex", "in"):
        kept = np.exp(-h / cells.parameter(f"tau_syn_{end}"))
        new[f"g_{end}"] = cells.state[f"g_{end}"] * kept
    return new


def _receive_conductances(state: dict[str, Array], sums: Array, _free: Array) -> None:
    state["g_ex"], state["g_in"] = state["g_ex"] + sums[0], state["g_in"] + sums[1]


def _various(cells: TextNeurons, current: Array) -> dict[str, Array]:
    shape = np.ones(cells.n)
    rates = {"a": shape / 3.0, "b": 1.0 / cells.parameter("tau_b"), "w": shape / 60.0}
    shares = {s: sign / cells.parameter("C_m") for s, sign in (("a", 1.0), ("b", 1.0), ("w", -1.0))}
    return cells.solved(rates, shares, current)


def _receive_various(state: dict[str, Array], sums: Array, _free: Array) -> None:
    state["a"] = state["a"] + sums[0] + 0.25 * sums[1]
    state["b"] = state["b"] - 0.5 * sums[1]
    state["w"] = state["w"] + sums[2]


def _adapt(cells: TextNeurons, state: dict[str, Array]) -> None:
    state["w"] = state["w"] + 0.2 * (cells.parameter("V_th") - state["V_m"]) * cells.parameter("d")


def _nothing(_cells: TextNeurons, _state: dict[str, Array]) -> None:
    pass


TEXTS: dict[str, Text] = {
    text.equations.name: text
    for text in (
        Text(
            Forgetful, ("ex", "in"), True, (), 900.0, False, _forgetful, _receive_currents, _forget
        ),
        Text(Kicked, ("kick",), False, (), 7.0, True, _kicked, _receive_kicks, _counted),
        Text(
            Shunted,
            ("ex", "in"),
            True,
            ("ex", "in"),
            14.0,
            False,
            _shunted,
            _receive_conductances,
            _nothing,
        ),
        Text(
            Various,
            ("fast", "slow", "size"),
            False,
            ("size",),
            700.0,
            False,
            _various,
            _receive_various,
            _adapt,
        ),
    )
}
"""The texts by name."""

spec.STATES |= {
    "Forgetful": ("V_m", "I_syn_ex", "I_syn_in"),
    "Kicked": ("V_m", "n"),
    "Shunted": ("V_m", "g_ex", "g_in"),
    "Various": ("V_m", "a", "b", "w"),
}
STRONG = {name: text.strong for name, text in TEXTS.items()}
