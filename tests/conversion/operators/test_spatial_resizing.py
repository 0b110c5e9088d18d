"""Interpolation: repeated pixels where possible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.operator_calls import X, call, kinds, samples, values

from spikelet.conversion.building import Data
from spikelet.conversion.operators.spatial import resize


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"coordinates": "asymmetric", "rounding": "floor"}, "Upsample"),
        ({"coordinates": "half_pixel", "rounding": "round_prefer_ceil"}, "Upsample"),
        ({"coordinates": "half_pixel", "rounding": "floor"}, "Resize"),
        ({"coordinates": "asymmetric", "rounding": "floor", "scale": (2.1, 3.0)}, "Resize"),
        ({"mode": "linear"}, "Resize"),
    ],
)
def test_repeated_pixels_are_an_upsample(options: dict[str, Any], expected: str) -> None:
    c = call(2, 4, 3)
    assert kinds(c, resize(c, X, (8, 9), **options)) == [expected]


def test_values() -> None:
    x = samples(2, 4, 3)
    for size, mode, options in (
        ((8, 9), "nearest", {"coordinates": "asymmetric"}),
        ((7, 5), "nearest", {"coordinates": "asymmetric"}),
        ((7, 5), "linear", {}),
        ((3, 2), "cubic", {"coordinates": "align_corners"}),
    ):
        c = call(2, 4, 3)
        how = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
        corners = None if mode == "nearest" else mode == "cubic"
        wanted = F.interpolate(torch.tensor(x), size, mode=how, align_corners=corners)
        np.testing.assert_allclose(values(c, resize(c, X, size, mode, **options), x), wanted, rtol=1e-8, atol=1e-10)  # type: ignore[arg-type]  # fmt: skip


def test_samples_come_first() -> None:
    with pytest.raises(ValueError, match="in which samples do not come first"):
        resize(call(2, 4, 3), Data("input", axis=1), (8, 6))
