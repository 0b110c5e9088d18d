"""Calibration inputs: what is accepted, and whether other inputs are on the same scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet._util.advice import warn_caller
from spikelet._util.checks import fail
from spikelet._util.tensors import array_of
from spikelet.conversion.layerwise.calibration import Floats

__all__ = ["Range", "calibration_inputs", "on_another_scale", "range_of"]

# Factors between the largest magnitudes, above and below that of the calibration, that are taken for another scale.
_ABOVE, _BELOW = 2.0, 20.0
_SIGNED = 0.1  # of the largest magnitude, which a least value goes below 0 if it says something
_ENOUGH = 64  # values from which a missing sign is not chance

Range: TypeAlias = tuple[float, float]


def range_of(x: NDArray[Any]) -> Range:
    """Return the least and the largest value."""
    return float(x.min()), float(x.max())


def on_another_scale(x: NDArray[Any], calibration: Range) -> bool:
    """Return whether inputs seem to be on another scale than the calibration: of other magnitudes, or of one sign only."""
    low, high = range_of(x)
    largest, usual = max(high, -low), max(calibration[1], -calibration[0])
    if largest == 0:
        return False
    if largest > _ABOVE * usual or largest * _BELOW < usual:
        return True
    unsigned = low >= 0 and x.size >= _ENOUGH
    return (unsigned and calibration[0] < -_SIGNED * usual) or (
        calibration[0] >= 0 and low < -_SIGNED * usual
    )


def calibration_inputs(where: str, calibration: Any) -> tuple[Floats, ...] | dict[str, Floats]:
    """Return one float32 array [N, ...] for each input of the ANN.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    calibration : array-like; for several inputs a tuple of these, or a mapping by name
    """
    if isinstance(calibration, Mapping):
        given = {f"calibration['{name}']": x for name, x in calibration.items()}
    elif isinstance(calibration, tuple):
        given = {f"calibration[{k}]": x for k, x in enumerate(calibration)}
    else:
        given = {"calibration": calibration}
    if not given:
        fail(where, "calibration", calibration, "must hold an array for each input")
    arrays = {name: _array(where, name, x) for name, x in given.items()}
    count = len(next(iter(arrays.values())))
    for name, x in arrays.items():
        if len(x) != count:
            rule = f"must have as many samples as the first input, {count}"
            fail(where, name, len(x), rule, got="samples")
    if isinstance(calibration, Mapping):
        return dict(zip(calibration, arrays.values(), strict=True))
    return tuple(arrays.values())


def _array(where: str, name: str, value: Any) -> Floats:
    x = array_of(where, name, value)
    if x.ndim < 2 or x.size == 0:
        fail(where, name, x.shape, "must be [N, ...] and not empty", got="shape")
    if x.dtype.kind in "iu" and int(x.max()) > 1:
        warn_caller(
            f"{where}: {name} holds integers up to {x.max()}, which the ANN gets as they are; pass inputs "
            "preprocessed as for the ANN, or as floating-point numbers if it was trained on these"
        )
    x = np.ascontiguousarray(x, np.float32)
    if not np.isfinite(x).all():
        fail(where, name, float(x[~np.isfinite(x)][0]), "must be finite")
    if x.min() == x.max():
        fail(where, name, float(x.flat[0]), "must not be constant", got="nothing but")
    return x
