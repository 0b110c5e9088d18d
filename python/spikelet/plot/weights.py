"""Learned weights as images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from spikelet._util.checks import fail, integer, numbers
from spikelet.plot.figures import axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def receptive_fields(
    weights: ArrayLike,
    shape: tuple[int, int],
    *,
    ax: Axes | None = None,
    columns: int | None = None,
    **style: Any,
) -> Axes:
    """Draw the weights onto each neuron as a small image, in a mosaic.

    Parameters
    ----------
    weights : array-like, [height * width, n_neurons]
        From pixels to neurons; ``projection.weights.reshape(len(pixels), -1)`` of an all-to-all
        projection.
    shape : (height, width)
        Shape of one image.
    ax : Axes, optional
        Axes to draw on.
    columns : int, optional
        Images in a row; by default about as many as there are rows.
    **style
        For ``Axes.imshow``: ``cmap``, ``vmin``, ``vmax``, ...

    Returns
    -------
    Axes
    """
    where = "plot.receptive_fields"
    fields = numbers(where, "weights", weights, "", 2, nan=True)
    if not isinstance(shape, (tuple, list)) or len(shape) != 2:
        fail(where, "shape", shape, "must be (height, width)")
    height, width = (integer(where, "shape", side, 1) for side in shape)
    if fields.ndim != 2 or fields.shape[0] != height * width:
        rule = f"must be [{height * width}, n_neurons] for images of {height} x {width}"
        fail(where, "weights", fields.shape, rule, got="shape")
    n = fields.shape[1]
    if columns is None:
        columns = max(1, math.ceil(math.sqrt(n)))
    columns = integer(where, "columns", columns, 1)
    rows = max(1, math.ceil(n / columns))
    tiles = np.full(
        (rows * columns, height + 1, width + 1), np.nan
    )  # gaps are NaN, which is not drawn
    tiles[:n, :height, :width] = fields.T.reshape(n, height, width)
    mosaic = tiles.reshape(rows, columns, height + 1, width + 1).swapaxes(1, 2)
    ax = axes(where, ax)
    image = mosaic.reshape(rows * (height + 1), -1)[:-1, :-1]
    ax.imshow(image, **{"cmap": "magma", "interpolation": "nearest", **style})
    ax.set_axis_off()
    return ax


def feature_maps(weights: ArrayLike, *, ax: Axes | None = None, **style: Any) -> Axes:
    """Draw what each map of a first convolutional layer responds to, in a mosaic.

    Parameters
    ----------
    weights : array-like, [kernel, kernel, 2, maps]
        Weights from on- and off-centre cells: ``model.weights[0]`` of a `ConvSTDP`. On minus off is drawn,
        bright where the map responds to light.
    ax : Axes, optional
        Axes to draw on.
    **style
        As for `receptive_fields`.

    Returns
    -------
    Axes
    """
    kernels = numbers("plot.feature_maps", "weights", weights, "", 4, nan=True)
    if kernels.ndim != 4 or kernels.shape[2] != 2:
        fail(
            "plot.feature_maps",
            "weights",
            kernels.shape,
            "must be [kernel, kernel, 2, maps]",
            got="shape",
        )
    height, width, _, maps = kernels.shape
    contrast = (kernels[:, :, 0] - kernels[:, :, 1]).reshape(height * width, maps)
    style = {"cmap": "gray", "vmin": -1.0, "vmax": 1.0, **style}
    return receptive_fields(contrast, (height, width), ax=ax, **style)
