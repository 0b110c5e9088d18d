"""Spikes as pandas and xarray have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import Float
from spikelet._util.extras import extra


def spike_frame(times: Float, ids: npt.NDArray[np.int64], about: Mapping[str, Any]) -> Any:
    """Return a DataFrame with a row for each spike."""
    pandas = extra("pandas", "to_frame")
    frame = pandas.DataFrame({"time": times, "id": ids})
    frame.attrs.update(about)
    return frame


def spike_dataset(times: Float, ids: npt.NDArray[np.int64], about: Mapping[str, Any]) -> Any:
    """Return a Dataset over the dimension ``spike``."""
    xarray = extra("xarray", "to_xarray")
    variables = {"time": ("spike", times, {"units": "ms"}), "id": ("spike", ids)}
    return xarray.Dataset(variables, attrs=dict(about))
