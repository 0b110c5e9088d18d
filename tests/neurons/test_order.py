"""A reset that reaches the threshold is refused by every ready-made model that has both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import spikelet as sl


@pytest.mark.parametrize(
    ("model", "low", "high"),
    [
        (sl.AdEx, "V_reset", "V_peak"),
        (sl.EIF, "V_reset", "V_peak"),
        (sl.Izhikevich, "c", "V_th"),
        (sl.LIFCondAlpha, "V_reset", "V_th"),
        (sl.LIFCondSFA, "V_reset", "V_th"),
        (sl.LIFNMDA, "V_reset", "V_th"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_reset_lies_below_the_threshold(model: Callable[..., Any], low: str, high: str) -> None:
    assert getattr(model(**{low: [-70.0, -65.0], high: 5.0}), low).tolist() == [-70.0, -65.0]
    name = model.__name__
    with pytest.raises(ValueError, match=f"{name}: {low} must lie below {high} = 5 mV, got 5"):
        model(**{low: [-70.0, 5.0], high: 5.0})
    with pytest.raises(ValueError, match=f"{low} must lie below {high} = -71 mV, got -70"):
        model(**{low: -70.0, high: [5.0, -71.0]})


def test_multisynapse() -> None:
    with pytest.raises(ValueError, match="LIFMultisynapse: V_reset must lie below V_th"):
        sl.LIFMultisynapse(tau_syn=[2.0], V_reset=-50.0)
