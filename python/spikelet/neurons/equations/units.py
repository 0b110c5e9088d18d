"""Units as text, and whether the units of an equation fit.

All values of a model are in one system of units, in which equations need no factors: mV, ms, pA and what follows from
them (pF = pA ms/mV, nS = pA/mV, GOhm = mV/pA, kHz = 1/ms), with um, mM and K for length, concentration and temperature.
A value given in another unit of the same dimension is converted once; a rate in Hz is a number per ms afterwards.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from spikelet.neurons.equations.source import Place
from spikelet.neurons.equations.text import Tree, parts

Dimension: TypeAlias = tuple[Fraction, ...]
"""Powers of mV, ms, pA, um, amol and K."""

_BASE = ("mV", "ms", "pA", "um", "amol", "K")
NUMBER: Dimension = (Fraction(0),) * len(_BASE)


@dataclass(frozen=True)
class Unit:
    """A unit: its dimension, and the power of ten that takes a value to the base system."""

    dimension: Dimension
    power: Fraction

    def to_base(self, value: Any) -> Any:
        """Convert a number or an array; the result is rounded once."""
        ten = 10.0 ** float(abs(self.power))  # exact for integers up to 22
        return value * ten if self.power >= 0 else value / ten

    def __mul__(self, other: Unit) -> Unit:
        return Unit(_plus(self.dimension, other.dimension), self.power + other.power)

    def __truediv__(self, other: Unit) -> Unit:
        return self * other ** Fraction(-1)

    def __pow__(self, exponent: Fraction) -> Unit:
        return Unit(_scaled(self.dimension, exponent), self.power * exponent)


def times(a: Dimension | None, b: Dimension | None) -> Dimension | None:
    """Return the dimension of a product, None if one is unknown."""
    return None if a is None or b is None else _plus(a, b)


def over(a: Dimension | None, b: Dimension | None) -> Dimension | None:
    """Return the dimension of a quotient, None if one is unknown."""
    return None if a is None or b is None else _over(a, b)


def _plus(a: Dimension, b: Dimension) -> Dimension:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _scaled(a: Dimension, factor: Fraction) -> Dimension:
    return tuple(x * factor for x in a)


def _over(a: Dimension, b: Dimension) -> Dimension:
    return _plus(a, _scaled(b, Fraction(-1)))


def _base(**powers: int) -> Dimension:
    return tuple(Fraction(powers.get(name, 0)) for name in _BASE)


def _si(power: int, **powers: int) -> Unit:
    return Unit(_base(**powers), Fraction(power))


MS = _base(ms=1)
ONE_UNIT = Unit(NUMBER, Fraction(0))

# One SI unit in the base system.
_SYMBOLS = {
    "V": _si(3, mV=1),
    "s": _si(3, ms=1),
    "A": _si(12, pA=1),
    "F": _si(12, pA=1, ms=1, mV=-1),
    "S": _si(9, pA=1, mV=-1),
    "Ohm": _si(-9, mV=1, pA=-1),
    "Hz": _si(-3, ms=-1),
    "C": _si(15, pA=1, ms=1),
    "m": _si(6, um=1),
    "M": _si(3, amol=1, um=-3),
    "mol": _si(18, amol=1),
    "K": _si(0, K=1),
}
_WORDS = {
    "volt": "V", "second": "s", "amp": "A", "ampere": "A", "farad": "F", "siemens": "S", "ohm": "Ohm", "hertz": "Hz",
    "coulomb": "C", "metre": "m", "meter": "m", "molar": "M", "mole": "mol", "kelvin": "K",
}  # fmt: skip
_PREFIXES = {"f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "c": -2, "k": 3, "M": 6, "G": 9}
_USUAL = {
    "V": "umk", "s": "num", "A": "fpnum", "F": "fpnum", "S": "pnum", "Ohm": "kMG", "Hz": "kM", "C": "fpn", "m": "umc",
    "M": "num",
}  # fmt: skip
"""Prefixes in expressions; others make names that are more often variables, as Gs and km."""


@functools.cache
def _table() -> dict[str, Unit]:
    """Return all units by name."""
    table = dict.fromkeys(("1", "radian", "integer"), ONE_UNIT) | {"amol": _si(0, amol=1)}
    names = {**{symbol: symbol for symbol in _SYMBOLS}, **_WORDS}
    for name, symbol in names.items():
        unit = table[name] = _SYMBOLS[symbol]
        for prefix, power in _PREFIXES.items():
            if prefix != "c" or symbol == "m":
                table[prefix + name] = Unit(unit.dimension, unit.power + power)
    for name in [name for name, unit in table.items() if unit.dimension == _base(um=1)]:
        for power in (2, 3):
            table[f"{name}{power}"] = table[name] ** Fraction(power)
    return table


@functools.cache
def _in_expressions() -> dict[str, Unit]:
    short = [p + symbol for symbol, prefixes in _USUAL.items() for p in prefixes]
    squares = [f"{p}m{power}" for p in _USUAL["m"] for power in (2, 3)]
    words = [p + word for word in _WORDS for p in ("", *_PREFIXES) if p + word in _table()]
    return {name: _table()[name] for name in (*short, *squares, *words, "Ohm", "Hz")}


def in_expressions(name: str) -> Unit | None:
    """Return the unit that a name has within an expression, if it is one.

    Names of one letter are none: V, m, s and M are more often variables whose equation is missing.
    """
    return _in_expressions().get(name)


def read_unit(tree: Tree) -> Unit:
    """Return the unit that a text names: ``mV``, ``nS/mV``, ``mV**2``, ``1/ms``, ``volt``, ``1``.

    Raises
    ------
    ValueError
        If it is no product, quotient or integer power of units that are known.
    """
    done: dict[int, Unit | Fraction] = {}
    for node in tree.nodes():
        done[id(node)] = _unit_of(tree, node, [done[id(part)] for part in parts(node)])
    result = done[id(tree.root)]
    if isinstance(result, Unit):
        return result
    if result == 1:
        return ONE_UNIT
    raise tree.place(tree.root).error("a unit has no number but 1")


def _unit_of(tree: Tree, node: ast.expr, values: list[Unit | Fraction]) -> Unit | Fraction:
    """Return the unit or the number that a node of a unit means."""
    place = tree.place(node)
    match node:
        case ast.Name(id=name):
            unit = _table().get(name)
            if unit is None:
                raise place.error(f"unknown unit '{name}'{_unit_hint(name)}")
            return unit
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return Fraction(value)
        case ast.UnaryOp(op=ast.USub()) if isinstance(values[0], Fraction):
            return -values[0]
        case ast.Call(func=ast.Name(id="sqrt"), args=[_]) if isinstance(values[0], Unit):
            return values[0] ** Fraction(1, 2)
        case ast.BinOp(op=ast.Pow()):
            base, exponent = values
            if (
                isinstance(base, Unit)
                and isinstance(exponent, Fraction)
                and abs(exponent) <= 9
                and (2 * exponent).denominator == 1
            ):
                return base**exponent
            raise place.error("the power of a unit is an integer or a half, from -9 to 9")
        case ast.BinOp(op=ast.Mult() | ast.Div() as operator):
            a, b = (ONE_UNIT if v == 1 else v for v in values)
            if isinstance(a, Unit) and isinstance(b, Unit):
                return a * b if isinstance(operator, ast.Mult) else a / b
            raise place.error("a unit has no number but 1")
    raise place.error("a unit is a product, quotient or power of units: 'nS/mV'")


def _unit_hint(name: str) -> str:
    by_case = [other for other in _table() if other.lower() == name.lower()]
    return (
        f"; did you mean '{by_case[0]}'?"
        if by_case
        else "; known are mV, ms, pA, pF, nS, MOhm, Hz and others"
    )


_DERIVED = {
    "mV": _base(mV=1), "ms": _base(ms=1), "pA": _base(pA=1), "pF": _base(pA=1, ms=1, mV=-1),
    "nS": _base(pA=1, mV=-1), "GOhm": _base(mV=1, pA=-1), "um": _base(um=1), "mM": _base(amol=1, um=-3),
    "K": _base(K=1), "amol": _base(amol=1),
}  # fmt: skip


@functools.cache
def unit_text(dimension: Dimension, one: str = "1") -> str:
    """Return the unit of the base system that a dimension has: ``"pF"``, ``"mV/ms"``, or `one` for a number."""
    if dimension == NUMBER:
        return one
    for name, other in _DERIVED.items():
        if dimension == other:
            return name
    for name, other in _DERIVED.items():
        if dimension == _scaled(other, Fraction(-1)):
            return f"1/{name}"
    for first, second in ((a, b) for a in _DERIVED for b in _DERIVED):
        if dimension == _over(_DERIVED[first], _DERIVED[second]):
            return f"{first}/{second}"
    for first, second in ((a, b) for a in _DERIVED for b in _DERIVED):
        if dimension == _plus(_DERIVED[first], _DERIVED[second]):
            return f"{first}**2" if first == second else f"{first}*{second}"
    powers = list(zip(_BASE, dimension, strict=True))
    above = [_to_the(name, power) for name, power in powers if power > 0]
    below = [_to_the(name, -power) for name, power in powers if power < 0]
    return "/".join(["*".join(above) or "1", *below])


def _to_the(name: str, power: Fraction) -> str:
    number = power if power.denominator == 1 else float(power)
    return name if power == 1 else f"{name}**{number}"


# --- Check of equations ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Quantity:
    """What is known of the unit of an expression.

    A bare number fits any unit, alone and as a factor: what it multiplies is of an unknown unit afterwards. Only where
    it multiplies nothing but names of units, as in ``13*mV``, is it a number.
    """

    dimension: Dimension | None = None  # None: unknown
    bare: bool = False  # made of numbers only
    explicit: bool = False  # made of numbers and names of units only


_UNKNOWN = _Quantity()
_BARE = _Quantity(bare=True, explicit=True)
_PURE = _Quantity(NUMBER)

_SAME = {"abs", "floor", "ceil"}
_COMMON = {"min", "max", "clip", "mod"}


def check_units(tree: Tree, units: Mapping[str, Dimension | None]) -> Dimension | None:
    """Return the dimension of an expression; None if it is not known.

    Parameters
    ----------
    tree : Tree
        The expression.
    units : mapping of str to dimension
        What is known of each name that may occur; None: nothing.

    Raises
    ------
    ValueError
        If a sum, a comparison or the argument of a function does not fit.
    """
    done: dict[int, _Quantity] = {}
    for node in tree.nodes():
        done[id(node)] = _quantity(tree, node, [done[id(part)] for part in parts(node)], units)
    return done[id(tree.root)].dimension


def require_same(
    place: Place, what: str, found: Dimension | None, expected: Dimension | None, has_to: str
) -> None:
    """Check that two dimensions are the same, where both are known."""
    if found is not None and expected is not None and found != expected:
        raise place.error(
            f"units do not fit: {what} is {_in_unit(found)}, but {has_to} {_in_unit(expected)}"
        )


def _in_unit(dimension: Dimension) -> str:
    return "a number without a unit" if dimension == NUMBER else f"in {unit_text(dimension)}"


def _quantity(
    tree: Tree, node: ast.expr, values: list[_Quantity], units: Mapping[str, Dimension | None]
) -> _Quantity:
    match node:
        case ast.Constant(value=bool()):
            return _UNKNOWN
        case ast.Constant():
            return _BARE
        case ast.Name(id=name):
            if name in units:
                return _Quantity(units[name])
            unit = in_expressions(name)
            return _UNKNOWN if unit is None else _Quantity(unit.dimension, explicit=True)
        case ast.UnaryOp(op=ast.Not()) | ast.BoolOp():
            return _UNKNOWN
        case ast.UnaryOp():
            return values[0]
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mod()):
            return _common(tree, parts(node), values)
        case ast.BinOp(op=ast.Mult() | ast.Div() as operator):
            return _product(values[0], values[1], -1 if isinstance(operator, ast.Div) else 1)
        case ast.BinOp(op=ast.Pow(), right=exponent):
            return _power(tree, exponent, values[0], values[1])
        case ast.Compare():
            _common(tree, parts(node), values)
            return _UNKNOWN
        case ast.IfExp():
            return _common(tree, parts(node)[1:], values[1:])
        case ast.Call(func=ast.Name(id=name)):
            return _of_function(tree, node, name, values)
    return _UNKNOWN


def _of_function(tree: Tree, node: ast.Call, name: str, values: list[_Quantity]) -> _Quantity:
    if name in _SAME:
        return values[0]
    if name in _COMMON:
        return _common(tree, node.args, values)
    if name == "where":
        return _common(tree, node.args[1:], values[1:])
    if name == "sqrt":
        known = values[0].dimension
        return _UNKNOWN if known is None else _Quantity(_scaled(known, Fraction(1, 2)))
    if name in ("rand", "randn"):
        return _BARE
    if name not in ("sign", "int"):  # exp and others: what they take and give are numbers
        for part, value in zip(node.args, values, strict=True):
            if value.dimension is not None and value.dimension != NUMBER:
                unit = unit_text(value.dimension)
                msg = f"units do not fit: {name}() takes a number without a unit, but '{tree.text(part)}' is in {unit}"
                raise tree.place(part).error(msg)
    return _PURE


def _common(tree: Tree, operands: list[ast.expr], values: list[_Quantity]) -> _Quantity:
    """Return the unit that operands of a sum, a comparison, min or max share."""
    known: tuple[ast.expr, Dimension] | None = None
    for part, value in zip(operands, values, strict=True):
        if value.dimension is None:
            continue
        if known is None:
            known = part, value.dimension
        elif known[1] != value.dimension:
            a, b = _in_unit(known[1]), _in_unit(value.dimension)
            msg = (
                f"units do not fit: '{tree.text(known[0])}' is {a}, but '{tree.text(part)}' is {b}"
            )
            raise tree.place(part).error(msg)
    explicit = all(v.explicit for v in values)
    if known is not None:
        return _Quantity(known[1], explicit=explicit)
    return _BARE if all(v.bare for v in values) else _UNKNOWN


def _product(a: _Quantity, b: _Quantity, sign: int) -> _Quantity:
    """Return the unit of a product (sign 1) or a quotient (sign -1)."""
    if a.bare and b.bare:
        return _BARE
    if (a.bare or b.bare) and not (a.explicit and b.explicit):
        return _UNKNOWN
    first, second = (NUMBER if v.bare else v.dimension for v in (a, b))
    if first is None or second is None:
        return _UNKNOWN
    return _Quantity(
        _plus(first, _scaled(second, Fraction(sign))), explicit=a.explicit and b.explicit
    )


def _power(tree: Tree, exponent: ast.expr, base: _Quantity, power: _Quantity) -> _Quantity:
    """Return the unit of a power."""
    if power.dimension is not None and power.dimension != NUMBER:
        text, unit = tree.text(exponent), unit_text(power.dimension)
        msg = f"units do not fit: an exponent has no unit, but '{text}' is in {unit}"
        raise tree.place(exponent).error(msg)
    if base.bare:
        return _BARE if power.bare else _UNKNOWN
    if base.dimension is None or base.dimension == NUMBER:
        return base
    value = _constant(exponent)
    if value is None:
        return _UNKNOWN
    return _Quantity(_scaled(base.dimension, value), explicit=base.explicit)


def _constant(node: ast.expr) -> Fraction | None:
    """Return the value of a small number, perhaps with a sign."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _constant(node.operand)
        return None if inner is None else -inner
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, (int, float))
        and abs(node.value) <= 9
    ):
        return Fraction(node.value).limit_denominator(60)
    return None
