"""Random models from text that are well posed, each with a meaning of its own in plain Python and numpy.

``random_equations(seed)`` returns a `RandomEquations`: the arguments of ``sl.Equations``, and functions for a reference
integrator. The texts of right sides are valid Python, which is compiled here, in tests only, so that nothing of the
package's own reading is needed. Every state decays towards something bounded, so solutions exist, stay within some
hundreds, and are smooth between events unless `smooth` is false.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_NUMPY: dict[str, Any] = {
    "__builtins__": {},
    **{name: getattr(np, name) for name in ("exp", "expm1", "log1p", "sqrt", "sin", "cos", "tanh", "abs", "where")},
    "atan": np.arctan,
    "exprel": lambda v: np.where(v == 0, 1.0, np.expm1(v) / np.where(v == 0, 1.0, v)),
    "clip": lambda v, low, high: np.minimum(np.maximum(v, low), high),
    "pi": np.pi,
}  # fmt: skip


@dataclass
class RandomEquations:
    """A random model.

    Attributes
    ----------
    seed : int
        It was made from this.
    states : tuple of str
        Its states, in the order of the text.
    rates : dict of str to str
        Derivative of each state, without definitions, as Python.
    definitions : dict of str to str
        Definitions that `rates` use, each after those that it uses.
    parameters : dict of str to float
        Values of the parameters.
    initial : dict of str to float
        Initial values.
    threshold : tuple of str and float
        A state, and the value at which it spikes (``>=``); None: never.
    resets : list of (state, operator, text)
        Assignments at a spike, in order.
    refractory : float
        Refractory period [ms].
    receptors : dict of str to (state, factor, magnitude)
        What the sum of the events of a step adds to: ``state += factor * weight``.
    linear : bool
        Whether all equations are linear with constant coefficients.
    smooth : bool
        Whether all derivatives of the right sides are continuous.
    timed : bool
        Whether they depend on t.
    """

    seed: int
    states: tuple[str, ...]
    rates: dict[str, str]
    parameters: dict[str, float]
    initial: dict[str, float]
    definitions: dict[str, str] = field(default_factory=dict)
    factors: dict[str, str] = field(default_factory=dict)
    threshold: tuple[str, float] | None = None
    resets: list[tuple[str, str, str]] = field(default_factory=list)
    refractory: float = 0.0
    receptors: dict[str, tuple[str, float, bool]] = field(default_factory=dict)
    linear: bool = True
    smooth: bool = True
    timed: bool = False

    @property
    def text(self) -> str:
        """Text of the model; definitions stand anywhere."""
        lines = []
        for name in self.states:
            factor, rate = self.factors.get(name), self.rates[name]
            if factor is None:
                lines.append(f"d{name}/dt = {rate}")
            else:
                whole = rate.removesuffix(f"/{factor}")
                lines.append(
                    f"{factor}*d{name}/dt = {whole if whole != rate else f'{factor}*({rate})'}"
                )
        r = random.Random(self.seed)
        for name, text in self.definitions.items():
            lines.insert(r.randint(0, len(lines)), f"{name} = {text}")
        return "\n".join(lines)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of ``sl.Equations``; the first is `text`."""
        threshold = (
            None if self.threshold is None else f"{self.threshold[0]} >= {self.threshold[1]!r}"
        )
        effects = {
            name: f"{state} += {factor!r}*{'abs(weight)' if magnitude else 'weight'}"
            for name, (state, factor, magnitude) in self.receptors.items()
        }
        return {
            "text": self.text,
            "parameters": dict(self.parameters),
            "threshold": threshold,
            "reset": "; ".join(f"{s} {op} {t}" for s, op, t in self.resets) if threshold else None,
            "refractory": self.refractory if threshold else None,
            "receptors": effects,
            "initial": dict(self.initial),
            "name": f"Random{self.seed}",
        }

    def derivative(self, t: float, y: Sequence[float] | Array, held: Sequence[str] = ()) -> Array:
        """Return dy/dt; y is [states] or [states, neurons]. States that are `held` do not move."""
        names = {
            **_NUMPY,
            **self.parameters,
            **dict(zip(self.states, np.asarray(y), strict=True)),
            "t": t,
        }
        for name, code in self._compiled("definitions").items():
            names[name] = eval(code, names)
        rates = [
            np.zeros_like(names[n]) if n in held else eval(code, names) + 0.0 * names[n]
            for n, code in self._compiled("rates").items()
        ]
        return np.array(rates)

    def _compiled(self, what: str) -> dict[str, CodeType]:
        cache = self.__dict__.setdefault("_codes", {})
        if what not in cache:
            texts = getattr(self, what)
            order = self.states if what == "rates" else tuple(texts)
            cache[what] = {n: compile(texts[n], f"<{n}>", "eval") for n in order}
        compiled: dict[str, CodeType] = cache[what]
        return compiled

    def start(self) -> Array:
        """Return the initial values, [states]."""
        return np.array([self.initial.get(n, 0.0) for n in self.states])

    def spikes(self, y: Array) -> bool:
        """Whether a state is at its threshold."""
        if self.threshold is None:
            return False
        return bool(y[self.states.index(self.threshold[0])] >= self.threshold[1])

    def after_reset(self, y: Array) -> Array:
        """Return the state after a spike."""
        names = {**_NUMPY, **self.parameters, **dict(zip(self.states, y, strict=True))}
        for state, op, text in self.resets:
            value = eval(text, names)
            old = names[state]
            names[state] = {"=": value, "+=": old + value, "-=": old - value, "*=": old * value}[op]
        return np.array([float(names[n]) for n in self.states])

    def after_events(self, y: Array, sums: dict[str, tuple[float, float]]) -> Array:
        """Return the state after events; `sums` has the sum of weights and that of magnitudes of receptors."""
        new = np.array(y, dtype=float)
        for name, (signed, magnitude) in sums.items():
            state, factor, by_magnitude = self.receptors[name]
            new[self.states.index(state)] += factor * (magnitude if by_magnitude else signed)
        return new

    @property
    def held(self) -> tuple[str, ...]:
        """States that stay while a neuron is refractory: the one that the threshold names."""
        return () if self.threshold is None else (self.threshold[0],)


def random_equations(seed: int, *, smooth: bool = True) -> RandomEquations:
    """Return a random model.

    A third of them is linear, with couplings (resonators, chains of synapses); the others have bounded or damping
    nonlinearities, conductances, gating variables or an exponential. Half have a threshold and a reset, most have one
    to three receptors.
    """
    r = random.Random(seed)
    n = r.randint(1, 5)
    states = tuple(r.sample(["V_m", "w", "u", "g_ex", "x", "s", "I_syn", "h", "q"], n))
    if r.random() < 0.6 and "V_m" not in states:
        states = ("V_m", *states[1:])
    parameters = {f"tau_{s}": r.choice([1.7, 3.0, 5.0, 8.5, 20.0, 40.0]) for s in states}
    parameters |= {
        "E": r.choice([-1.0, 0.5, 2.0]),
        "k": r.choice([0.05, 0.2, 0.5]),
        "I_e": r.choice([0.0, 0.8, 1.5]),
    }
    model = RandomEquations(
        seed, states, {}, parameters, {s: round(r.uniform(-1, 1), 3) for s in states}
    )
    model.linear = r.random() < 0.35
    for i, state in enumerate(states):
        _add_rate(r, model, i, state, smooth)
    if r.random() < 0.5:
        _add_spikes(r, model)
    count = r.choice([0, 1, 1, 2, 2, 3])
    names = r.choice([["ex", "in", "slow"], ["ampa", "gaba", "nmda"]])[:count]
    for name in names:
        model.receptors[name] = (r.choice(states), r.choice([1.0, 0.5, -0.3]), r.random() < 0.3)
    return model


def _add_rate(r: random.Random, model: RandomEquations, i: int, state: str, smooth: bool) -> None:
    """Give a state its equation."""
    others = [s for s in model.states if s != state]
    tau = f"tau_{state}"
    drive = "I_e" if i == 0 else r.choice(["0.0", "k", "E*k"])
    # Couplings are weak against the decay, and in a resonator they have opposite signs: both stay bounded.
    coupled = [
        f"{r.choice([0.4, 0.25, -0.3, -0.4])!r}*{s}"
        for s in r.sample(others, min(len(others), r.randint(0, 2)))
    ]
    linear = " + ".join([f"-{state}", drive, *coupled])
    if model.linear:
        model.rates[state] = f"({linear})/{tau}"
        if r.random() < 0.4:
            model.factors[state] = tau
        return
    other = r.choice(others) if others else state
    nonlinear = [
        f"0.7*tanh({other} - {state})",
        f"0.5*sin({other} + k)",
        f"-k*{state}**3",
        f"-0.2*{state}*{other}**2",
        f"1/(1 + exp(-({other} - E)/0.6))",
        f"-k*{state}*abs({state})" if not smooth else f"-k*{state}*sqrt(1 + {state}**2)",
        f"0.4*cos(2*pi*t/{r.choice([7.0, 25.0])!r})",
        f"exprel(-{other}**2)",
        f"0.5*atan({other}*2)*log1p({state}**2/4)/(1 + {state}**2)",
        f"k*exp(clip({state}, -30, 0.7))" if not smooth else f"k*exp(tanh({state}))",
    ]
    if not smooth:
        nonlinear += [f"where({other} > 0.1, 0.5, -0.2)", f"where({state} < 0.3, k, -k)"]
    chosen = r.sample(nonlinear, r.randint(0, 2))
    model.timed = model.timed or any("*t/" in term for term in chosen)
    kind = r.random()
    if kind < 0.25 and others:  # a gating variable: linear in itself
        alpha, beta = f"alpha_{state}", f"beta_{state}"
        model.definitions[alpha] = f"0.3/(1 + exp(-({other} - 0.2)/0.5))"
        model.definitions[beta] = f"0.2*exp(-tanh({other}))"
        model.rates[state] = f"{alpha}*(1 - {state}) - {beta}*{state}"
    elif kind < 0.5 and others:  # a conductance, which is never negative
        name = f"open_{state}"
        model.definitions[name] = f"1/(1 + exp(-{other}*3))"
        model.rates[state] = f"({linear} + {name}*(E - {state}))/{tau}"
    else:
        model.rates[state] = f"({' + '.join([linear, *chosen])})/{tau}"
    if r.random() < 0.3:
        model.factors[state] = tau


def _add_spikes(r: random.Random, model: RandomEquations) -> None:
    """Give a model a threshold that it sometimes reaches, a reset and perhaps a refractory period."""
    state = model.states[0]
    model.threshold = (state, r.choice([0.35, 0.6, 1.1]))
    model.initial[state] = min(model.initial[state], 0.2)
    model.resets.append((state, "=", r.choice(["-0.5", "0.0", "-k"])))
    for other in model.states[1:]:
        if r.random() < 0.4:
            model.resets.append(
                (
                    other,
                    *r.choice(
                        [
                            ("+=", "0.2"),
                            ("-=", "k"),
                            ("*=", "0.5"),
                            ("+=", f"0.3*({state} - {other})"),
                        ]
                    ),
                )
            )
    model.refractory = r.choice([0.0, 0.0, 1.0, 2.0])
