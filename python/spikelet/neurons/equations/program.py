"""Expressions of a step as a program for the core: instructions, coefficients, constants and registers.

The same expressions give the same program. Common subexpressions are computed once; products that are added become one
instruction; a new state is written in place after the last use of the old one. Rounding is that of the expressions: the
fused instructions round every operation, in the order of the expression but for ``a + b`` and ``b + a``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet.neurons.equations.arrange import Arranger
from spikelet.neurons.equations.expression import Call, Expr, Name, Number, call
from spikelet.neurons.equations.linear import NOT_REFRACTORY

EXTERNAL = Name("external current")
"""The external current of a step; no name of a user has a space."""

WIDTH = 8  # words of an instruction: opcode, destination, up to six operands


def input_name(receptor: str) -> Name:
    """Return what stands for the sum of a receptor's events in a step."""
    return Name(f"input {receptor}")


class Receptor(NamedTuple):
    """A receptor as the core sees it."""

    name: str
    state: int
    """The state that the events of a step are added to after it, or -1: the step reads their sum."""
    magnitude: bool
    """Whether the magnitudes of weights count."""


@dataclass(frozen=True)
class Listing:
    """A program: what `spikelet._core.Program` takes, and what its coefficients are.

    Attributes
    ----------
    states : tuple of str
        Names of the states.
    coefficients : tuple of Expr
        What has to be computed from the parameters.
    constants : tuple of float
        Numbers.
    draws : tuple of int
        For each random number of a step: 0 uniform in (0, 1), 1 standard normal.
    registers : int
        Number of registers.
    receptors : tuple of Receptor
        The receptors in order.
    step, reset : array of uint16, [n, 8]
        Instructions.
    spiked : int
        Slot of the mask that is true where a neuron reached its threshold, or -1.
    by_sign : bool
        Whether the sign of an event picks its receptor.
    time : bool
        Whether a step depends on the time, or draws random numbers.
    roots : tuple of Expr
        What it computes: new values of states, and whether the neuron spikes.
    """

    states: tuple[str, ...]
    coefficients: tuple[Expr, ...]
    constants: tuple[float, ...]
    draws: tuple[int, ...]
    registers: int
    receptors: tuple[Receptor, ...]
    step: npt.NDArray[np.uint16]
    spiked: int
    reset: npt.NDArray[np.uint16]
    by_sign: bool
    time: bool
    roots: tuple[Expr, ...]

    def to_core(self, name: str) -> _core.Program:
        """Return the program for the core."""
        return _core.Program(
            name=name,
            states=list(self.states),
            coefficients=len(self.coefficients),
            constants=list(self.constants),
            draws=list(self.draws),
            registers=self.registers,
            receptors=[(r.name, r.state, r.magnitude) for r in self.receptors],
            step=self.step,
            spiked=self.spiked,
            reset=self.reset,
            by_sign=self.by_sign,
            time=self.time,
        )


class Slot(NamedTuple):
    """Where a value is: a kind of `_ORDER`, and its place among those of that kind."""

    kind: str
    place: int = 0


_ORDER = (
    "state",
    "input",
    "coefficient",
    "constant",
    "draw",
    "t",
    "current",
    "held",
    "spiked",
    "register",
)


def compile_step(
    states: Sequence[str],
    receptors: Sequence[Receptor],
    arranger: Arranger,
    new: Mapping[str, Expr],
    spiked: Expr | None,
    reset: Mapping[str, Expr],
    *,
    by_sign: bool,
) -> Listing:
    """Return the program of a model.

    Parameters
    ----------
    states : sequence of str
        All states.
    receptors : sequence of Receptor
        Receptors in order.
    arranger : Arranger
        It knows what is constant.
    new : mapping of str to Expr
        The states after a step, arranged, by those before it; a state without an entry keeps its value.
    spiked : Expr or None
        Whether the neuron spikes, by the states before the step.
    reset : mapping of str to Expr
        The states after a reset by those before it.
    by_sign : bool
        Whether the sign of an event picks its receptor.
    """
    pool = _Pool(states, [r.name for r in receptors if r.state < 0], arranger)
    step = _block(pool, new, spiked, None)
    after = _block(pool, reset, None, Slot("spiked"))
    code = [
        np.array([pool.words(i) for i in block.code], dtype=np.uint16).reshape(-1, WIDTH)
        for block in (step, after)
    ]
    return Listing(
        states=tuple(states),
        coefficients=tuple(pool.coefficients),
        constants=tuple(pool.constants),
        draws=tuple(kind for kind, _ in pool.draws),
        registers=max(step.registers, after.registers),
        receptors=tuple(receptors),
        step=code[0],
        spiked=-1 if step.mask is None else pool.number(step.mask),
        reset=code[1],
        by_sign=by_sign,
        time=pool.time or bool(pool.draws),
        roots=(*new.values(), *([] if spiked is None else [spiked]), *reset.values()),
    )


class _Instruction(NamedTuple):
    op: str
    to: Slot
    operands: tuple[Slot, ...]


class _Pool:
    """The slots of a model, which both of its programs share, but for registers."""

    def __init__(self, states: Sequence[str], inputs: Sequence[str], arranger: Arranger) -> None:
        self.arranger = arranger
        self.coefficients: dict[Expr, int] = {}
        self.constants: dict[float, int] = {}
        self.draws: dict[tuple[int, float], int] = {}
        self.time = False
        self._names = {name: Slot("state", k) for k, name in enumerate(states)}
        self._names |= {input_name(name).name: Slot("input", k) for k, name in enumerate(inputs)}
        self._names |= {"t": Slot("t"), EXTERNAL.name: Slot("current")}
        self._sizes = {"state": len(states), "input": len(inputs)}
        self._opcodes = {name.lower(): number for name, number in _core.opcodes().items()}

    def state(self, name: str) -> Slot:
        """Return the slot of a state."""
        return self._names[name]

    def leaf(self, node: Expr) -> Slot | None:
        """Return the slot of what needs no instruction."""
        if isinstance(node, Number):
            return Slot("constant", self.constants.setdefault(node.value, len(self.constants)))
        if self.arranger.is_fixed(node):
            return Slot("coefficient", self.coefficients.setdefault(node, len(self.coefficients)))
        if isinstance(node, Name) and node is not NOT_REFRACTORY:
            self.time |= node.name == "t"
            return self._names[node.name]
        if isinstance(node, Call) and node.op in ("rand", "randn"):
            (stream,) = node.args
            assert isinstance(stream, Number)
            key = int(node.op == "randn"), stream.value
            return Slot("draw", self.draws.setdefault(key, len(self.draws)))
        if isinstance(node, Call) and node.op == "not" and node.args[0] is NOT_REFRACTORY:
            return Slot("held")
        return None

    def number(self, slot: Slot) -> int:
        """Return the number of a slot; only when both programs are complete."""
        sizes = {
            **self._sizes,
            "coefficient": len(self.coefficients),
            "constant": len(self.constants),
            "draw": len(self.draws),
        }
        before = _ORDER[: _ORDER.index(slot.kind)]
        return sum(sizes.get(kind, 1) for kind in before) + slot.place

    def words(self, instruction: _Instruction) -> list[int]:
        """Return an instruction as numbers."""
        operands = [self.number(slot) for slot in instruction.operands]
        words = [self._opcodes[instruction.op], self.number(instruction.to), *operands]
        return words + [0] * (WIDTH - len(words))


@dataclass(eq=False)
class _Value:
    """A result that has no place yet, and how many registers it takes to compute it."""

    op: str
    operands: tuple[_Value | Slot, ...]
    need: int = 1

    def __post_init__(self) -> None:
        needs = sorted((v.need for v in self.operands if isinstance(v, _Value)), reverse=True)
        self.need = max([1, *(need + k for k, need in enumerate(needs))])


class _Placed(NamedTuple):
    code: list[_Instruction]
    registers: int
    mask: Slot | None


def _block(pool: _Pool, new: Mapping[str, Expr], mask: Expr | None, where: Slot | None) -> _Placed:
    """Return one program: new values of states, all from the old ones, and a mask; only for elements `where` a mask is set."""
    roots = [new[name] for name in _output_order(new)]
    values = _values(pool, roots if mask is None else [*roots, mask])
    outputs: dict[_Value, Slot] = {}
    for name in _output_order(new):
        value, state = values[new[name]], pool.state(name)
        if value == state:
            continue
        if where is not None:
            value = _Value("select", (where, value, state))
        elif isinstance(value, Slot) or value in outputs:
            value = _Value("mov", (value,))
        outputs[value] = state
    spiked = None if mask is None else values[mask]
    if isinstance(spiked, Slot):
        spiked = _Value("or", (spiked, spiked))
    order = _scheduled([*outputs, *([] if spiked is None else [spiked])])
    _sink(order, outputs)
    return _allocated(order, outputs, spiked)


def _output_order(new: Mapping[str, Expr]) -> list[str]:
    """Return states in an order in which each can be written when it is known, as far as there is one."""
    left, order = list(new), []
    while left:
        readers = {name: [o for o in left if o != name and name in new[o].names] for name in left}
        following = min(left, key=lambda name: len(readers[name]))
        order.append(following)
        left.remove(following)
    return order


# Instructions ---------------------------------------------------------------------------------------------------------


def _values(pool: _Pool, roots: Sequence[Expr]) -> dict[Expr, _Value | Slot]:
    """Return a value for each node; those that a fused instruction replaces are used by nobody."""
    order, uses = _needed(pool, roots)
    values: dict[Expr, _Value | Slot] = {}
    for node in order:
        slot = pool.leaf(node)
        if slot is not None:
            values[node] = slot
        elif node is NOT_REFRACTORY:
            values[node] = _Value("not", (Slot("held"),))
        else:
            assert isinstance(node, Call)
            op, operands = _fused(pool, node, uses) or _plain(node)
            values[node] = _Value(op, tuple(_operand(pool, values, a) for a in operands))
    return values


def _operand(pool: _Pool, values: dict[Expr, _Value | Slot], node: Expr) -> _Value | Slot:
    if node not in values:  # a constant that fusing has made
        slot = pool.leaf(node)
        assert slot is not None
        values[node] = slot
    return values[node]


def _plain(node: Call) -> tuple[str, tuple[Expr, ...]]:
    if node.op == "select" and node.args[0] is NOT_REFRACTORY:
        held, a, b = call("not", NOT_REFRACTORY), *node.args[1:]
        return "select", (held, b, a)
    return node.op, node.args


def _needed(pool: _Pool, roots: Sequence[Expr]) -> tuple[list[Expr], dict[Expr, int]]:
    """Return the nodes that have to be computed, each after its operands, and how often each is used."""
    uses: dict[Expr, int] = {}
    done: dict[Expr, None] = {}
    stack = list(reversed(roots))
    while stack:
        node = stack[-1]
        args = _arguments(pool, node)
        waiting = [] if node in done else [a for a in args if a not in done]
        if waiting:
            stack.extend(reversed(waiting))
            continue
        stack.pop()
        if node not in done:
            done[node] = None
            for a in args:
                uses[a] = uses.get(a, 0) + 1
    for root in roots:
        uses[root] = 2  # never only a part of another instruction
    return list(done), uses


def _arguments(pool: _Pool, node: Expr) -> tuple[Expr, ...]:
    if isinstance(node, Number) or pool.arranger.is_fixed(node):
        return ()
    if isinstance(node, Call) and node.op in ("rand", "randn"):
        return ()
    return node.args


_Pairs = list[tuple[Expr, Expr]]


def _fused(
    pool: _Pool, node: Call, uses: Mapping[Expr, int]
) -> tuple[str, tuple[Expr, ...]] | None:
    """Return the instruction of a sum that holds products."""
    pairs = _pairs(pool, node, uses, top=True)
    if pairs is not None and len(pairs) in (2, 3):
        return f"lin{len(pairs)}", tuple(x for pair in pairs for x in pair)
    if node.op not in ("add", "sub"):
        return None
    a, b = node.args
    right = _product(pool, b, uses, negated=node.op == "sub")
    if right is not None:
        return "muladd", (*right, a)
    left = _product(pool, a, uses, negated=False)
    if left is not None and node.op == "add":
        return "muladd", (*left, b)
    if left is not None and pool.arranger.is_fixed(b):
        return "muladd", (*left, -b)
    return None


def _pairs(pool: _Pool, node: Expr, uses: Mapping[Expr, int], *, top: bool) -> _Pairs | None:
    """Return the products that a sum consists of, at most three, in order."""
    if not isinstance(node, Call) or (not top and uses[node] > 1):
        return None
    if node.op not in ("add", "sub"):
        product = _product(pool, node, uses, negated=False)
        return None if product is None else [product]
    a, b = node.args
    right = _product(pool, b, uses, negated=node.op == "sub")
    left = _pairs_of_two(pool, a, uses)
    if left is not None and right is not None:
        return [*left, right]
    first = _product(pool, a, uses, negated=False)
    others = _pairs_of_two(pool, b, uses) if node.op == "add" else None
    return [*others, first] if first is not None and others is not None else None


def _pairs_of_two(pool: _Pool, node: Expr, uses: Mapping[Expr, int]) -> _Pairs | None:
    """Return one product, or two that are added."""
    product = _product(pool, node, uses, negated=False)
    if product is not None:
        return [product]
    if not isinstance(node, Call) or node.op not in ("add", "sub") or uses[node] > 1:
        return None
    first = _product(pool, node.args[0], uses, negated=False)
    second = _product(pool, node.args[1], uses, negated=node.op == "sub")
    return None if first is None or second is None else [first, second]


def _product(
    pool: _Pool, node: Expr, uses: Mapping[Expr, int], *, negated: bool
) -> tuple[Expr, Expr] | None:
    """Return the factors of a product that is used once; negated, if one of them is constant."""
    if not isinstance(node, Call) or node.op != "mul" or pool.arranger.is_fixed(node):
        return None
    if uses[node] > 1:
        return None
    a, b = node.args
    if not negated:
        return a, b
    if pool.arranger.is_fixed(b):
        return a, -b
    return (b, -a) if pool.arranger.is_fixed(a) else None


# Places ---------------------------------------------------------------------------------------------------------------


def _scheduled(roots: Sequence[_Value]) -> list[_Value]:
    """Return the values that roots need in the order of their computation: first the operand that needs most registers."""
    done: dict[_Value, None] = {}
    stack = list(reversed(roots))
    while stack:
        value = stack[-1]
        waiting = [v for v in value.operands if isinstance(v, _Value) and v not in done]
        if value not in done and waiting:
            stack.extend(sorted(waiting, key=lambda v: v.need))
            continue
        stack.pop()
        done.setdefault(value)
    return list(done)


def _sink(order: list[_Value], outputs: Mapping[_Value, Slot]) -> None:
    """Move new states behind the last use of the old ones, where that is possible: they need no register then."""
    written = {state: value for value, state in outputs.items()}
    for value, state in outputs.items():
        at = order.index(value)
        last = max((k for k, v in enumerate(order) if state in v.operands), default=at)
        between = order[at + 1 : last + 1]
        if last <= at or any(value in v.operands for v in between):
            continue
        others = (s for s in value.operands if isinstance(s, Slot) and s != state)
        if not any(written.get(s) in between for s in others):
            order.insert(last, order.pop(at))


def _allocated(order: list[_Value], outputs: Mapping[_Value, Slot], mask: _Value | None) -> _Placed:
    """Give each value a place: its state where the old one is not read any more, or else a register."""
    last_read: dict[Slot, int] = {}
    last_use: dict[_Value, int] = {}
    for k, value in enumerate(order):
        for operand in value.operands:
            if isinstance(operand, Slot):
                last_read[operand] = k
            else:
                last_use[operand] = k
    moved: list[_Value] = []
    places: dict[_Value, Slot] = {}
    for k, value in enumerate(order):
        state = outputs.get(value)
        if state is not None and last_read.get(state, -1) <= k:
            places[value] = state
        elif state is not None:
            moved.append(value)
            last_use[value] = len(order)
    if mask is not None:
        last_use[mask] = len(order)
    free: list[int] = []
    registers = 0
    code = []
    for k, value in enumerate(order):
        for operand in dict.fromkeys(value.operands):
            if (
                isinstance(operand, _Value)
                and last_use[operand] == k
                and places[operand].kind == "register"
            ):
                free.append(places[operand].place)
        if value not in places:
            free.sort(reverse=True)
            if not free:
                free.append(registers)
                registers += 1
            places[value] = Slot("register", free.pop())
            if value not in last_use:
                free.append(places[value].place)
        operands = tuple(v if isinstance(v, Slot) else places[v] for v in value.operands)
        code.append(_Instruction(value.op, places[value], operands))
    code += [_Instruction("mov", outputs[v], (places[v],)) for v in moved]
    return _Placed(code, registers, None if mask is None else places[mask])
