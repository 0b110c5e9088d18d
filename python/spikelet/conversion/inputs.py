"""Calibration inputs: what is accepted, and how their scale is remembered."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail
from spikelet._util.tensors import array_of
from spikelet.conversion.calibration import Floats

__all__ = ["Scale", "calibration_inputs"]

# Factors between the largest magnitudes, above and below that of the calibration, that are taken for another scale.
_ABOVE, _BELOW = 2.0, 20.0
_SIGNED = 0.05  # least share of negative values that says something
_ENOUGH = 64  # values from which a missing sign is not chance


@dataclass(frozen=True)
class Scale:
    """The scale of an input.

    Parameters
    ----------
    low, high : float
        Range of the values.
    negative : float
        Share of values below 0.
    """

    low: float
    high: float
    negative: float

    @classmethod
    def of(cls, x: NDArray[Any]) -> Scale:
        """Return the scale of an array that is not empty."""
        return cls(float(x.min()), float(x.max()), float((x < 0).mean()))

    @property
    def largest(self) -> float:
        """The largest magnitude."""
        return max(self.high, -self.low)

    def differs(self, x: NDArray[Any]) -> bool:
        """Return whether inputs seem to be on another scale: of other magnitudes, or of one sign only."""
        other = Scale.of(x)
        if other.largest == 0:
            return False
        if other.largest > _ABOVE * self.largest or other.largest * _BELOW < self.largest:
            return True
        one_sided = x.size >= _ENOUGH and other.negative == 0
        return (one_sided and self.negative > _SIGNED) or (
            self.negative == 0 and other.negative > _SIGNED
        )

    def __str__(self) -> str:
        """Return the range."""
        return f"{self.low:g} to {self.high:g}"


def calibration_inputs(where: str, calibration: Any) -> tuple[Floats, ...]:
    """Return one float32 array [N, ...] for each input of the ANN.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    calibration : array-like, or tuple of these for several inputs
    """
    several = isinstance(calibration, tuple)
    given = calibration if several else (calibration,)
    if not given:
        fail(where, "calibration", given, "must hold an array for each input")
    names = [f"calibration[{k}]" if several else "calibration" for k in range(len(given))]
    arrays = tuple(_array(where, n, x) for n, x in zip(names, given, strict=True))
    for name, x in zip(names, arrays, strict=True):
        if len(x) != len(arrays[0]):
            rule = f"must have as many samples as the first input, {len(arrays[0])}"
            fail(where, name, len(x), rule, got="samples")
    return arrays


def _array(where: str, name: str, value: Any) -> Floats:
    x = array_of(where, name, value)
    if x.ndim < 2 or x.size == 0:
        fail(where, name, x.shape, "must be [N, ...] and not empty", got="shape")
    if x.dtype.kind in "iu" and int(x.max()) > 1:
        warnings.warn(
            f"{where}: {name} holds integers up to {x.max()}, which the ANN gets as they are; pass inputs "
            "preprocessed as for the ANN, or as floating-point numbers if it was trained on these",
            stacklevel=4,
        )
    x = np.ascontiguousarray(x, np.float32)
    if not np.isfinite(x).all():
        fail(where, name, float(x[~np.isfinite(x)][0]), "must be finite")
    if x.min() == x.max():
        fail(where, name, float(x.flat[0]), "must not be constant", got="nothing but")
    return x
