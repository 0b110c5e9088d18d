"""Divisions that give 0 where the divisor is 0, as TensorFlow's `div_no_nan`, without a comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from spikelet.conversion.onnx.operation import Input, Operation

__all__ = ["guarded"]

_TINY = np.array(np.finfo(np.float32).tiny, np.float32)


def guarded(
    choice: Operation, makers: Mapping[str, Operation], is_zero: Callable[[Input], bool]
) -> list[Operation]:
    """Return operations that compute a ``Where(d == 0, 0, n / d)``: n (d / (d d + tiny)).

    Parameters
    ----------
    choice : Operation
        Of kind "Where".
    makers : mapping of str to Operation
        The operations that make values, by the names of these.
    is_zero : callable
        Returns whether an input is a constant of zeros.

    Returns
    -------
    list of Operation
        Empty if it is another choice.
    """
    condition, otherwise, quotient = choice.inputs
    comparison, division = (makers.get(x) if isinstance(x, str) else None for x in (condition, quotient))  # fmt: skip
    if comparison is None or division is None or not is_zero(otherwise):
        return []
    if comparison.kind != "Equal" or division.kind != "Div":
        return []
    numerator, divisor = division.inputs
    if divisor not in comparison.inputs or not any(map(is_zero, comparison.inputs)):
        return []
    square, bounded, inverse = (f"{choice.outputs[0]}\0{part}" for part in ("square", "bounded", "inverse"))  # fmt: skip

    def part(kind: str, inputs: tuple[Input, ...], output: str) -> Operation:
        return choice.changed(kind=kind, inputs=inputs, outputs=(output,))

    return [
        part("Mul", (divisor, divisor), square),
        part("Add", (square, _TINY), bounded),
        part("Div", (divisor, bounded), inverse),
        part("Mul", (numerator, inverse), choice.outputs[0]),
    ]
