"""Samples as Neo has them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.extras import extra
from spikelet.recording.labels import Labels

_UNIT = re.compile(r"(1/)?[A-Za-z]+([*/][A-Za-z]+)*")  # what quantities may evaluate


def signal(
    times: npt.NDArray[np.float64], values: npt.NDArray[Any], regular: bool, labels: Labels
) -> Any:
    """Return an AnalogSignal, or an IrregularlySampledSignal if the recorder paused.

    Parameters
    ----------
    times : array
        Times of samples [ms].
    values : array, [samples, columns]
        Samples.
    regular : bool
        Whether the times are `labels.every` apart.
    labels : Labels
        What they are.
    """
    neo = extra("neo", "to_neo", "neo")
    quantities = extra("quantities", "to_neo", "neo")
    unit, known = _unit(quantities, labels.unit)
    columns = dict(labels.columns)
    if "id" in columns:
        columns["channel_id"] = columns["id"]
    about = {
        "units": unit,
        "name": labels.name,
        "array_annotations": columns,
        **labels.about,
        **({} if known else {"unit": labels.unit}),
    }
    if not regular:
        return neo.IrregularlySampledSignal(times, values, time_units="ms", **about)
    start = quantities.Quantity(times[0] if len(times) else labels.every, "ms")
    period = quantities.Quantity(labels.every, "ms")
    return neo.AnalogSignal(values, t_start=start, sampling_period=period, **about)


def _unit(quantities: Any, unit: str) -> tuple[Any, bool]:
    """Return a unit of quantities, and whether it is the one that was meant."""
    if unit in ("", "1"):
        return quantities.dimensionless, True
    if _UNIT.fullmatch(unit):
        try:
            return quantities.Quantity(1.0, unit).units, True
        except LookupError:
            pass
    return quantities.dimensionless, False
