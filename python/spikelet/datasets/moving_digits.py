"""Moving digits as seen by a simulated event camera."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import choice, integer, number, require
from spikelet._util.spelling import spelled
from spikelet.datasets.event_camera import film
from spikelet.datasets.images import Split, load

if TYPE_CHECKING:
    from os import PathLike


@spelled
def moving_digits(
    data_dir: str | PathLike[str] | None = None,
    split: Split = "train",
    n: SupportsIndex | None = None,
    *,
    label: Literal["digit", "direction"] = "digit",
    size: int = 24,
    duration: int = 60,
    threshold: float = 0.2,
    seed: int = 0,
) -> tuple[list[NDArray[Any]], NDArray[np.uint8]]:
    """Record moving digits with a simulated event camera; see `spikelet.datasets.event_camera.film`.

    Parameters
    ----------
    data_dir, split, n
        The digits, as for `load`: MNIST's, or scikit-learn's without `data_dir`.
    label : "digit" or "direction"
        "digit": the digit moves along a triangle back to its start, as in N-MNIST (Orchard et al., Frontiers in
        Neuroscience 9, 2015), but each digit along a triangle of its own; the label is the digit. "direction": it
        crosses the centre on a straight line; the label is one of 8 directions, counted clockwise from 0 (to the
        right), which no single frame shows.
    size : int >= 8
        Height and width of the sensor [pixels]; a digit is two thirds as high. Use 34 for MNIST.
    duration : int
        Length of each recording [ms].
    threshold : float
        Change of brightness, which is in [0, 1], that triggers an event.
    seed : int
        Random seed of the paths and directions.

    Returns
    -------
    events : list of structured arrays with the fields x, y, t [us], p
        In tonic's format; `spikelet.events` converts them to frames and spikes.
    labels : uint8 array ``[n]``
    """
    where = "datasets.moving_digits"
    choice(where, "label", label, "digit", "direction")
    side, length = integer(where, "size", size, 8, 1024), integer(where, "duration", duration, 2)
    step = number(where, "threshold", threshold)
    require(where, "threshold", step, "finite and > 0")
    rng = np.random.default_rng([integer(where, "seed", seed, 0), split == "test"])
    images, labels = load(data_dir, split, n)
    along = np.linspace(0, 1, length)
    if label == "digit":
        corners = np.exp(2j * np.pi * np.array([0, 1, 2, 0]) / 3)
        turn = np.exp(2j * np.pi * rng.random(len(images)))
        path = np.interp(3 * along, range(4), corners.real) + 1j * np.interp(
            3 * along, range(4), corners.imag
        )
        where_to = side / 8 * turn[:, None] * path
    else:
        labels = rng.integers(0, 8, len(images)).astype(np.uint8)
        where_to = side / 3 * np.exp(2j * np.pi * labels / 8)[:, None] * (along - 0.5)
    events: list[NDArray[Any]] = []
    for begin in range(0, len(images), 256):  # movies are large
        part = slice(begin, begin + 256)
        events += film(_moved(images[part], where_to[part], side), float(step))
    return events, labels


def _moved(images: NDArray[Any], shift: NDArray[Any], size: int) -> NDArray[np.float64]:
    """Return movies [B, frames, size, size] of the images, shifted by (real, imaginary) pixels."""
    side = images.shape[1]
    zoom = size * 2 / 3 / side

    def interpolation(offset: NDArray[Any]) -> NDArray[np.float64]:
        """Return weights of linear interpolation, [B, frames, screen, image]."""
        screen = np.arange(size) - (size - 1) / 2
        at = (screen - offset[..., None]) / zoom + (side - 1) / 2
        return np.asarray(np.maximum(0, 1 - np.abs(at[..., None] - np.arange(side))))

    rows, columns = interpolation(shift.imag), interpolation(shift.real)
    return np.asarray(rows @ images[:, None] @ columns.swapaxes(2, 3))
