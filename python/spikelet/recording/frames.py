"""Samples as pandas and xarray have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.extras import extra
from spikelet.recording.labels import Labels


def sample_frame(times: npt.NDArray[np.float64], values: npt.NDArray[Any], labels: Labels) -> Any:
    """Return a DataFrame: rows are times [ms], columns are ids, or pairs of pre and post."""
    pandas = extra("pandas", "to_frame")
    names = list(labels.columns)
    arrays = list(labels.columns.values())
    columns = (
        pandas.Index(arrays[0], name=names[0])
        if len(names) == 1
        else pandas.MultiIndex.from_arrays(arrays, names=names)
    )
    frame = pandas.DataFrame(values, index=pandas.Index(times, name="time"), columns=columns)
    frame.attrs.update(labels.about, name=labels.name, units=labels.unit)
    return frame


def sample_array(times: npt.NDArray[np.float64], values: npt.NDArray[Any], labels: Labels) -> Any:
    """Return a DataArray over time and id, or over time and synapse with the coordinates pre and post."""
    xarray = extra("xarray", "to_xarray")
    dimension = "id" if "id" in labels.columns else "synapse"
    coordinates = {name: (dimension, array) for name, array in labels.columns.items()}
    return xarray.DataArray(
        values,
        dims=("time", dimension),
        coords={"time": ("time", times, {"units": "ms"}), **coordinates},
        name=labels.name,
        attrs={**labels.about, "units": labels.unit},
    )
