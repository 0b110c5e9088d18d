"""Expressions of a model: immutable nodes, of which there is one for each value.

Two expressions with the same operations are the same object, so ``is`` compares them and a dictionary keyed by nodes
shares what is common. No function here recurses: an expression may be as deep as memory allows.

Constructors simplify only what changes no result but the sign of a zero: ``x + 0``, ``x * 1``, ``-(-x)``, numbers with
numbers. ``x * 0`` stays, because x may be infinite, and so do ``exp(1)`` and other values of the mathematical library.
"""

from __future__ import annotations

import math
import operator
import os
import threading
import weakref
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, Self, TypeAlias

BOOLEAN_NAMES = frozenset({"not_refractory"})
"""Names that stand for a truth value; all others are numbers."""

OPERATIONS: dict[str, str] = {
    **dict.fromkeys(("add", "sub", "mul", "div", "min", "max", "pow", "mod"), "nn>n"),
    **dict.fromkeys(
        ("neg", "abs", "sqrt", "exp", "expm1", "exprel", "log", "log1p", "sin", "cos", "tan", "tanh", "sinh", "cosh",
         "asin", "acos", "atan", "floor", "ceil", "sign"), "n>n"),
    **dict.fromkeys(("lt", "le", "eq", "ne"), "nn>b"),
    **dict.fromkeys(("and", "or"), "bb>b"),
    "not": "b>b",
    "select": "bnn>n",
    "to_number": "b>n",
    **dict.fromkeys(("rand", "randn"), "n>n"),
}  # fmt: skip
"""Operations: what they take and give (n: a number, b: a truth value).

They are named as the core's opcodes in lower case. ``rand`` and ``randn`` have no opcode: their argument is the number
of the stream, a `Number`.
"""

Operand: TypeAlias = "Expr | float"


class Expr:
    """A node; `names` are the names that occur in it, `boolean` says that its value is a truth value."""

    __slots__ = ("__weakref__", "boolean", "names")

    names: frozenset[str]
    boolean: bool

    @property
    def args(self) -> tuple[Expr, ...]:
        """The nodes that this one is made of."""
        return ()

    def __add__(self, other: Operand) -> Expr:
        return call("add", self, other)

    def __radd__(self, other: float) -> Expr:
        return call("add", other, self)

    def __sub__(self, other: Operand) -> Expr:
        return call("sub", self, other)

    def __rsub__(self, other: float) -> Expr:
        return call("sub", other, self)

    def __mul__(self, other: Operand) -> Expr:
        return call("mul", self, other)

    def __rmul__(self, other: float) -> Expr:
        return call("mul", other, self)

    def __truediv__(self, other: Operand) -> Expr:
        return call("div", self, other)

    def __rtruediv__(self, other: float) -> Expr:
        return call("div", other, self)

    def __pow__(self, other: Operand) -> Expr:
        return call("pow", self, other)

    def __neg__(self) -> Expr:
        return call("neg", self)

    def __str__(self) -> str:
        return to_text(self)

    def __setattr__(self, name: str, value: object) -> None:
        msg = f"an expression cannot be changed: {name}"
        raise AttributeError(msg)

    def __copy__(self) -> Expr:
        return self

    def __deepcopy__(self, memo: object) -> Expr:
        return self


_interned: weakref.WeakValueDictionary[tuple[object, ...], Expr] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def _unlock() -> None:
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)  # another thread of the parent may have held it


def _intern(cls: type[Any], key: tuple[object, ...], **attributes: object) -> Any:
    """Return the node with a key, made if there is none."""
    with _lock:
        node = _interned.get(key)
        if node is None:
            node = object.__new__(cls)
            for name, value in attributes.items():
                object.__setattr__(node, name, value)
            _interned[key] = node
    return node


class Number(Expr):
    """A number; 0.0 and -0.0 differ."""

    __slots__ = ("value",)
    value: float

    def __new__(cls, value: float) -> Self:
        """Return the node of a number."""
        value = float(value)
        key = ("number", value.hex())
        node: Self = _intern(cls, key, value=value, names=frozenset(), boolean=False)
        return node

    def __reduce__(self) -> tuple[Any, ...]:
        return Number, (self.value,)

    def __repr__(self) -> str:
        return f"Number({self.value!r})"


class Name(Expr):
    """A state, a parameter, ``t``, ``weight`` or noise: whatever has a name."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, name: str) -> Self:
        """Return the node of a name."""
        boolean = name in BOOLEAN_NAMES
        node: Self = _intern(
            cls, ("name", name), name=name, names=frozenset({name}), boolean=boolean
        )
        return node

    def __reduce__(self) -> tuple[Any, ...]:
        return Name, (self.name,)

    def __repr__(self) -> str:
        return f"Name({self.name!r})"


class Call(Expr):
    """An operation of `OPERATIONS` as it is, not simplified; `call` simplifies."""

    __slots__ = ("_args", "op")
    op: str
    _args: tuple[Expr, ...]

    def __new__(cls, op: str, args: Iterable[Expr]) -> Self:
        """Return the node of an operation."""
        args = tuple(args)
        takes, gives = OPERATIONS[op].split(">")
        if [a.boolean for a in args] != [kind == "b" for kind in takes]:
            kinds = ", ".join("boolean" if a.boolean else "number" for a in args)
            msg = f"{op} takes {takes} (n: number, b: boolean), got ({kinds})"
            raise TypeError(msg)
        inside = args[0].names.union(*(a.names for a in args[1:]))
        key = (
            "call",
            op,
            *map(id, args),
        )  # the node keeps its arguments alive, so their ids stay theirs
        node: Self = _intern(cls, key, op=op, _args=args, names=inside, boolean=gives == "b")
        return node

    @property
    def args(self) -> tuple[Expr, ...]:
        """Its operands."""
        return self._args

    def __reduce__(self) -> tuple[Any, ...]:
        return Call, (self.op, self._args)

    def __repr__(self) -> str:
        return f"<{to_text(self)}>"


ZERO = Number(0.0)
ONE = Number(1.0)
TRUE = Call("eq", (ZERO, ZERO))
FALSE = Call("ne", (ZERO, ZERO))


# --- Construction ----------------------------------------------------------------------------------------------------

_FOLDED: dict[str, Callable[..., float]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
    "abs": abs,
    "sqrt": math.sqrt,
    "floor": math.floor,
    "ceil": math.ceil,
    "lt": operator.lt,
    "le": operator.le,
    "eq": operator.eq,
    "ne": operator.ne,
}
"""Operations that IEEE 754 defines to the last bit, and so may be carried out here."""


def call(op: str, *args: Operand) -> Expr:
    """Return an operation, simplified where that is exact.

    Parameters
    ----------
    op : str
        A key of `OPERATIONS`; also ``"gt"`` and ``"ge"``, which become ``"lt"`` and ``"le"``.
    *args : Expr or float
        Its operands.

    Raises
    ------
    TypeError
        If an operand is a number where a truth value is needed, or the reverse, or their number is wrong.
    """
    operands = tuple(a if isinstance(a, Expr) else Number(a) for a in args)
    if op in ("gt", "ge"):
        op, operands = {"gt": "lt", "ge": "le"}[op], operands[::-1]
    node = Call(op, operands)  # checks the operands
    values = [a.value for a in operands if isinstance(a, Number)]
    if len(values) == len(operands):
        return _folded(node, values)
    simplify = _SIMPLER.get(op)
    return node if simplify is None else simplify(node, *operands)


def _folded(node: Call, values: list[float]) -> Expr:
    """Carry out an operation on numbers if that is exact and its result finite."""
    if node.op == "pow":
        return _simpler_pow(node, *node.args)
    if node.op not in _FOLDED:
        return node
    try:
        value = _FOLDED[node.op](*values)
    except (ZeroDivisionError, ValueError, OverflowError):
        return node
    if node.boolean:
        return TRUE if value else FALSE
    return Number(value) if math.isfinite(value) else node


def _is_neg(node: Expr) -> bool:
    return isinstance(node, Call) and node.op == "neg"


def _is_number(node: Expr, value: float) -> bool:
    return isinstance(node, Number) and node.value == value


def _simpler_add(node: Call, a: Expr, b: Expr) -> Expr:
    if _is_number(a, 0):
        return b
    if _is_number(b, 0):
        return a
    return call("sub", a, b.args[0]) if _is_neg(b) else node


def _simpler_sub(node: Call, a: Expr, b: Expr) -> Expr:
    if _is_number(a, 0):
        return call("neg", b)
    if _is_number(b, 0):
        return a
    return call("add", a, b.args[0]) if _is_neg(b) else node


def _simpler_mul(node: Call, a: Expr, b: Expr) -> Expr:
    for one, other in ((a, b), (b, a)):
        if _is_number(one, 1):
            return other
        if _is_number(one, -1):
            return call("neg", other)
    return call("mul", a.args[0], b.args[0]) if _is_neg(a) and _is_neg(b) else node


def _simpler_div(node: Call, a: Expr, b: Expr) -> Expr:
    if _is_number(b, 1):
        return a
    if _is_number(b, -1):
        return call("neg", a)
    return call("div", a.args[0], b.args[0]) if _is_neg(a) and _is_neg(b) else node


def _simpler_pow(node: Call, a: Expr, b: Expr) -> Expr:
    if _is_number(b, 0) or _is_number(a, 1):
        return ONE
    if isinstance(a, Number) and isinstance(b, Number) and abs(b.value) <= 16:
        power = math.prod([a.value] * int(abs(b.value)))
        if b.value.is_integer() and 0 < abs(power) < math.inf:
            return Number(power if b.value > 0 else 1 / power)
    return a if _is_number(b, 1) else node


def _simpler_neg(node: Call, a: Expr) -> Expr:
    return a.args[0] if _is_neg(a) else node


def _simpler_not(node: Call, a: Expr) -> Expr:
    if a is TRUE or a is FALSE:
        return FALSE if a is TRUE else TRUE
    return a.args[0] if isinstance(a, Call) and a.op == "not" else node


def _simpler_and(node: Call, a: Expr, b: Expr) -> Expr:
    if a is FALSE or b is FALSE:
        return FALSE
    if a is TRUE:
        return b
    return a if b is TRUE or a is b else node


def _simpler_or(node: Call, a: Expr, b: Expr) -> Expr:
    if a is TRUE or b is TRUE:
        return TRUE
    if a is FALSE:
        return b
    return a if b is FALSE or a is b else node


def _simpler_select(node: Call, condition: Expr, a: Expr, b: Expr) -> Expr:
    if condition is TRUE or a is b:
        return a
    return b if condition is FALSE else node


def _simpler_to_number(node: Call, a: Expr) -> Expr:
    if a is TRUE or a is FALSE:
        return ONE if a is TRUE else ZERO
    return node


_SIMPLER: dict[str, Any] = {
    "add": _simpler_add, "sub": _simpler_sub, "mul": _simpler_mul, "div": _simpler_div, "pow": _simpler_pow,
    "neg": _simpler_neg, "not": _simpler_not, "and": _simpler_and, "or": _simpler_or, "select": _simpler_select,
    "to_number": _simpler_to_number,
}  # fmt: skip


# --- Traversal -------------------------------------------------------------------------------------------------------


def nodes(*roots: Expr, known: Container[Expr] = ()) -> list[Expr]:
    """Return the different nodes of expressions, each after its arguments, in the order of evaluation.

    What is below a node in `known` is left out, and so is the node.
    """
    done: dict[Expr, None] = {}
    stack = [root for root in reversed(roots) if root not in known]
    while stack:
        node = stack[-1]
        waiting = [] if node in done else [a for a in node.args if a not in done and a not in known]
        if waiting:
            stack.extend(reversed(waiting))
        else:
            done[node] = None
            stack.pop()
    return list(done)


def names(expr: Expr) -> frozenset[str]:
    """Return the names that occur in an expression."""
    return expr.names


def count(*exprs: Expr) -> int:
    """Return the number of different operations in expressions."""
    return sum(isinstance(node, Call) for node in nodes(*exprs))


def substitute(expr: Expr, values: Mapping[str, Expr]) -> Expr:
    """Replace names by expressions, all at once, and simplify again."""
    if expr.names.isdisjoint(values):
        return expr
    new: dict[Expr, Expr] = {}
    for node in nodes(expr):
        if node.names.isdisjoint(values):
            new[node] = node
        elif isinstance(node, Name):
            new[node] = values[node.name]
        else:
            assert isinstance(node, Call)
            new[node] = call(node.op, *(new[a] for a in node.args))
    return new[expr]


# --- Text ------------------------------------------------------------------------------------------------------------

_INFIX = {
    "or": (" or ", 1), "and": (" and ", 2),
    "lt": (" < ", 4), "le": (" <= ", 4), "eq": (" == ", 4), "ne": (" != ", 4),
    "add": (" + ", 5), "sub": (" - ", 5), "mul": ("*", 6), "div": ("/", 6), "mod": (" % ", 6), "pow": ("**", 8),
}  # fmt: skip
_NOT, _SIGN, _ATOM = 3, 7, 9
_SPELLED = {"select": "where", "to_number": "int"}


_LONGEST = 100_000


def to_text(expr: Expr) -> str:
    """Return the text of an expression.

    Parsing it gives the expression back, but for the numbers of ``rand()``. After 100 000 characters it ends in an
    ellipsis: what an expression shares may be written out more often than memory allows.
    """
    pieces: list[str] = []
    length = 0
    waiting: list[str | tuple[Expr, int]] = [(expr, 0)]
    while waiting:
        piece = waiting.pop()
        if isinstance(piece, str):
            pieces.append(piece)
            length += len(piece)
            if length > _LONGEST:
                return "".join([*pieces, " ..."])
        else:
            node, least = piece
            inside, level = _written(node)
            waiting.extend(reversed(inside if level >= least else ["(", *inside, ")"]))
    return "".join(pieces)


def _written(node: Expr) -> tuple[list[str | tuple[Expr, int]], int]:
    """Return text and operands, each with how tightly it has to bind, and how tightly the whole binds."""
    if isinstance(node, Number):
        text = repr(node.value).removesuffix(".0")
        return [text], _SIGN if text.startswith("-") else _ATOM
    if isinstance(node, Name):
        return [node.name], _ATOM
    assert isinstance(node, Call)
    if node.op in _INFIX:
        sign, level = _INFIX[node.op]
        # A power binds to the right, a comparison to neither side (a < b < c is two of them), others to the left.
        left = level if level not in (4, 8) else level + 1
        right = _SIGN if node.op == "pow" else level + 1
        return [(node.args[0], left), sign, (node.args[1], right)], level
    if node.op == "neg":
        return ["-", (node.args[0], _INFIX["pow"][1])], _SIGN
    if node.op == "not":
        return ["not ", (node.args[0], _NOT)], _NOT
    if node.op in ("rand", "randn"):
        return [f"{node.op}()"], _ATOM
    listed: list[str | tuple[Expr, int]] = []
    for arg in node.args:
        listed += [", ", (arg, 0)] if listed else [(arg, 0)]
    return [_SPELLED.get(node.op, node.op), "(", *listed, ")"], _ATOM
