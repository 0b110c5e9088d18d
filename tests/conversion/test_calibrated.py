"""Calibration of bias and initial potential."""

from __future__ import annotations

import numpy as np
from tests.support.conversions import Z2, V, convert, tiny


def test_calibration_makes_means_right() -> None:
    wanted = np.maximum(Z2, 0).mean(0)
    wrong = {}
    for method in ("least_error", "calibrated"):
        model = convert(tiny(), V, method=method, steps=4, delay=0)
        wrong[method] = np.abs(model.run(V, record="n2.mean")["n2.mean"].mean(0) - wanted)
    assert (wrong["calibrated"] < 0.3 * wrong["least_error"]).any()
    assert wrong["calibrated"].max() < 0.02
