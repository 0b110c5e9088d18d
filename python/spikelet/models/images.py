"""Check the images that drive the pixels of a learning network."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import fail


def brightness(where: str, images: ArrayLike, n_pixels: int | None = None) -> NDArray[np.float32]:
    """Check images, and return them as rows of pixels in [0, 1].

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    images : array-like, [n, ...]
        uint8 in 0 .. 255, or numbers in [0, 1].
    n_pixels : int, optional
        Number of pixels that each image must have.

    Returns
    -------
    array, [n, n_pixels]

    Raises
    ------
    TypeError
        If the images are not numbers.
    ValueError
        If the shape or the range is wrong, or a value is NaN.
    """
    array = np.asarray(images)
    if array.dtype.kind not in "buif":
        raise TypeError(f"{where}: images must be an array of numbers, got {array.dtype}")
    if array.ndim < 2:
        fail(
            where,
            "images",
            array.shape,
            "must be [n, ...], one row of pixels for each image",
            got="shape",
        )
    flat = array.reshape(len(array), -1) if array.size else array.reshape(len(array), n_pixels or 0)
    if n_pixels is not None and flat.shape[1] != n_pixels:
        fail(where, "images", array.shape, f"must have {n_pixels} pixels each", got="shape")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(flat, np.float32) / np.float32(255)
    flat = np.ascontiguousarray(flat, np.float32)
    bad = ~((flat >= 0) & (flat <= 1))  # NaN included
    if bad.any():
        k = int(np.flatnonzero(bad.any(axis=1))[0])
        fail(where, f"images[{k}]", float(flat[bad][0]), "must be in [0, 1], or uint8")
    return flat
