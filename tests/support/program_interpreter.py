"""A slow and obvious interpreter of neuron programs: one instruction after the other, on whole arrays of numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

OPCODES = [
    "MOV",
    "ADD",
    "SUB",
    "MUL",
    "DIV",
    "NEG",
    "ABS",
    "MIN",
    "MAX",
    "SQRT",
    "EXP",
    "EXPM1",
    "EXPREL",
    "LOG",
    "LOG1P",
    "SIN",
    "COS",
    "TAN",
    "TANH",
    "SINH",
    "COSH",
    "ASIN",
    "ACOS",
    "ATAN",
    "POW",
    "FLOOR",
    "CEIL",
    "SIGN",
    "MOD",
    "LT",
    "LE",
    "EQ",
    "NE",
    "AND",
    "OR",
    "NOT",
    "SELECT",
    "TO_NUMBER",
    "MULADD",
    "LIN2",
    "LIN3",
]

OPERATIONS: dict[str, Any] = {
    "MOV": lambda a: a,
    "ADD": lambda a, b: a + b,
    "SUB": lambda a, b: a - b,
    "MUL": lambda a, b: a * b,
    "DIV": lambda a, b: a / b,
    "NEG": lambda a: -a,
    "ABS": np.abs,
    "MIN": lambda a, b: np.where(a < b, a, b),
    "MAX": lambda a, b: np.where(a > b, a, b),
    "SQRT": np.sqrt,
    "EXP": np.exp,
    "EXPM1": np.expm1,
    "EXPREL": lambda a: np.where(a == 0, 1.0, np.expm1(a) / np.where(a == 0, 1.0, a)),
    "LOG": np.log,
    "LOG1P": np.log1p,
    "SIN": np.sin,
    "COS": np.cos,
    "TAN": np.tan,
    "TANH": np.tanh,
    "SINH": np.sinh,
    "COSH": np.cosh,
    "ASIN": np.arcsin,
    "ACOS": np.arccos,
    "ATAN": np.arctan,
    "POW": lambda a, b: a**b,
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "SIGN": np.sign,
    "MOD": lambda a, b: a - np.floor(a / b) * b,
    "LT": lambda a, b: a < b,
    "LE": lambda a, b: a <= b,
    "EQ": lambda a, b: a == b,
    "NE": lambda a, b: a != b,
    "AND": lambda a, b: a & b,
    "OR": lambda a, b: a | b,
    "NOT": lambda a: ~a,
    "SELECT": np.where,
    "TO_NUMBER": lambda a: a.astype(float),
    "MULADD": lambda a, b, c: a * b + c,
    "LIN2": lambda a, b, c, d: a * b + c * d,
    "LIN3": lambda a, b, c, d, e, f: a * b + c * d + e * f,
}
# numpy's functions here have one operand.
ARITY = {n: f.__code__.co_argcount if hasattr(f, "__code__") else 1 for n, f in OPERATIONS.items()}
ARITY["SELECT"] = 3


class Interpreter:
    """Neurons of one program.

    Parameters
    ----------
    listing
        A `spikelet.neurons.equations.program.Listing`.
    coefficients : list of array
        Its coefficients, each with one value or one for each neuron.
    n : int
        Number of neurons.
    dt : float
        Step [ms].
    t_ref : array
        Refractory period [ms], one value or one for each neuron.
    seed : int
        Of the random numbers, which are not those of the core.
    """

    def __init__(
        self,
        listing: Any,
        coefficients: list[Any],
        n: int,
        dt: float,
        t_ref: Any = 0.0,
        seed: int = 0,
    ) -> None:
        self.listing, self.n, self.dt = listing, n, dt
        self.coefficients = [np.broadcast_to(c, (n,)) for c in coefficients]
        self.states = {name: np.zeros(n) for name in listing.states}
        self.refractory_steps = np.broadcast_to(np.ceil(np.round(np.asarray(t_ref) / dt, 6)), (n,))
        self.held = np.zeros(n)  # steps that are left
        self.steps = 0
        self.rng = np.random.default_rng(seed)
        self.reset_runs = 0

    def step(
        self, events: dict[str, Any] | None = None, current: Any = 0.0
    ) -> npt.NDArray[np.bool_]:
        """Advance a step, in which events arrive and a current flows; return which neurons spiked."""
        events, n = events or {}, self.n
        listing = self.listing
        early = [r.name for r in listing.receptors if r.state < 0]
        draws = [
            self.rng.standard_normal(n) if kind else self.rng.uniform(size=n)
            for kind in listing.draws
        ]
        t = np.full(n, self.steps * self.dt)
        full = [
            *self.states.values(),
            *(np.broadcast_to(np.asarray(events.get(name, 0.0), float), (n,)) for name in early),
            *self.coefficients,
            *(np.full(n, c) for c in listing.constants),
            *draws,
            t,
            np.broadcast_to(np.asarray(current, float), (n,)),
            self.held > 0,
            None,
        ]
        slots: dict[int, Any] = dict(enumerate(full))
        spiked_slot, registers = len(full) - 1, len(full)
        self._run(listing.step, slots, registers)
        spiked = np.zeros(n, bool)
        if listing.spiked >= 0:
            assert listing.spiked >= registers
            spiked = slots[listing.spiked] & ~(self.held > 0)
        self.held = np.maximum(self.held - 1, 0)
        states = (
            np.stack([slots[k] for k in range(len(self.states))])
            if self.states
            else np.zeros((0, n))
        )
        if (spiked & ~np.isfinite(states).all(axis=0)).any():
            msg = f"diverged at step {self.steps}"
            raise FloatingPointError(msg)
        if spiked.any():
            self.reset_runs += 1
            slots[spiked_slot] = spiked
            self._run(listing.reset, slots, registers)
            self.held = np.where(spiked, self.refractory_steps, self.held)
        for k, name in enumerate(self.states):
            self.states[name] = np.array(slots[k])
        for name, state, _ in listing.receptors:
            if state >= 0:
                self.states[listing.states[state]] += np.asarray(events.get(name, 0.0), float)
        self.steps += 1
        return spiked

    def _run(self, code: Any, slots: dict[int, Any], registers: int) -> None:
        writable = {*range(len(self.states)), *range(registers, registers + self.listing.registers)}
        with np.errstate(all="ignore"):
            for opcode, to, *operands in code.tolist():
                name = OPCODES[opcode]
                used = operands[: ARITY[name]]
                assert not any(operands[ARITY[name] :])
                assert to in writable, f"{name} writes slot {to}"
                slots[to] = OPERATIONS[name](*(slots[k] for k in used))  # KeyError: never written


def text(listing: Any) -> str:
    """Return the instructions as text, for failures."""
    sizes = [
        ("state", len(listing.states)),
        ("input", sum(r.state < 0 for r in listing.receptors)),
        ("c", len(listing.coefficients)),
        ("k", len(listing.constants)),
        ("draw", len(listing.draws)),
        ("T", 1), ("CURRENT", 1), ("HELD", 1), ("SPIKED", 1),
        ("r", listing.registers),
    ]  # fmt: skip
    names = [
        listing.states[i]
        if kind == "state"
        else kind
        if size == 1 and kind.isupper()
        else f"{kind}{i}"
        for kind, size in sizes
        for i in range(size)
    ]
    lines = []
    for title, code in (("step", listing.step), ("reset", listing.reset)):
        lines.append(f"{title}:")
        for opcode, to, *operands in code.tolist():
            name = OPCODES[opcode]
            used = ", ".join(names[k] for k in operands[: ARITY[name]])
            lines.append(f"  {names[to]:8} = {name}({used})")
    lines.append(f"spiked: {names[listing.spiked] if listing.spiked >= 0 else 'never'}")
    lines += [f"  c{k} = {c}" for k, c in enumerate(listing.coefficients)]
    lines += [f"  k{k} = {c}" for k, c in enumerate(listing.constants)]
    return "\n".join(lines)
