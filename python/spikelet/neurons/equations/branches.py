"""Branches of ``where`` that the parameters alone decide: what they leave out need not be finite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import Call, Expr, nodes

Truth = npt.NDArray[np.bool_]


def taken(roots: Sequence[Expr], values: Mapping[str, npt.ArrayLike]) -> dict[Expr, Truth]:
    """Return for each node of some expressions whether their values can depend on it.

    Parameters
    ----------
    roots : sequence of Expr
        The expressions.
    values : mapping of str to array_like
        What is known: numbers, each one or one for each neuron. Other names may have any value.

    Returns
    -------
    dict of Expr to ndarray of bool
        False where a ``where`` takes another branch, for all or for each neuron.
    """
    known = {name: np.asarray(value, np.float64) for name, value in values.items()}
    order = nodes(*roots)
    found: dict[Expr, Any] = dict.fromkeys(order, False) | dict.fromkeys(roots, True)
    for node in reversed(order):  # each after all that use it
        here = [found[node]] * len(node.args)
        if isinstance(node, Call) and node.op == "select":
            true, false = _possible(node.args[0], known)
            here = [found[node], found[node] & true, found[node] & false]
        for part, used in zip(node.args, here, strict=True):
            found[part] = found[part] | used
    return {node: np.atleast_1d(np.asarray(value, np.bool_)) for node, value in found.items()}


def _possible(condition: Expr, known: Mapping[str, npt.ArrayLike]) -> tuple[Any, Any]:
    """Return whether a condition can be true, and whether it can be false."""
    if isinstance(condition, Call) and condition.op in ("and", "or", "not"):
        parts = [_possible(part, known) for part in condition.args]
        if condition.op == "not":
            return parts[0][1], parts[0][0]
        (true, false), (true_2, false_2) = parts
        if condition.op == "and":
            return true & true_2, false | false_2
        return true | true_2, false & false_2
    draws = any(
        isinstance(node, Call) and node.op in ("rand", "randn") for node in nodes(condition)
    )
    if draws or not condition.names <= known.keys():
        return np.True_, np.True_
    value = evaluate(condition, known)
    return value, ~value
