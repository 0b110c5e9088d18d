"""Code constant inputs as spikes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spikelet import encode
from spikelet._util.checks import fail

__all__ = ["coded"]


def coded(
    where: str,
    x: NDArray[np.generic],
    steps: int,
    coding: Literal["poisson", "latency"],
    *,
    input_scale: float,
    seed: int = 0,
) -> NDArray[np.int8]:
    """Return spikes of value ``input_scale`` and of both signs, int8 [T, B, ...], that stand for x [B, ...].

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    x : array, [B, ...]
    steps : int
    coding : "poisson" or "latency"
        See `SpikingModel.run`.
    input_scale : float
    seed : int

    Raises
    ------
    ValueError
        If an input is larger than `input_scale`.
    """
    size = np.abs(x.astype(np.float64)) / input_scale
    if size.size and size.max() > 1:
        rule = f"must lie within the model's input_scale = {input_scale:g}"
        fail(where, "x", float(np.abs(x).max()), rule)
    if coding == "poisson":
        raster = np.asarray(encode.rate(size, steps, seed=seed)).astype(np.int8)
    else:
        # An input is on for the last part of the run, whose share of the run is its value.
        on = steps - np.rint(size * steps)
        raster = (np.arange(steps).reshape(-1, *[1] * x.ndim) >= on).astype(np.int8)
    return np.asarray(raster * np.sign(x).astype(np.int8))
