"""Images of all kinds as brightness, and images that are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikelet.models import DiehlCook, WinnerTakeAll
from spikelet.models.images import brightness

KINDS = (DiehlCook, WinnerTakeAll)

GOOD = np.full((2, 3, 3), 0.5)
BAD_IMAGES: list[tuple[Any, Any, str]] = [
    (GOOD - 1.0, ValueError, r"images\[0\] must be in \[0, 1\], or uint8, got -0.5"),
    (GOOD * [[[1]], [[3]]], ValueError, r"images\[1\] must be in \[0, 1\], or uint8, got 1.5"),
    (np.where(GOOD > 0, np.nan, 0), ValueError, r"got nan"),
    (np.full((2, 3, 3), 200, np.int64), ValueError, r"got 200.0"),
    (GOOD[:, :2], ValueError, r"images must have 9 pixels each, got shape \(2, 2, 3\)"),
    (
        np.zeros(9),
        ValueError,
        r"must be \[n, ...\], one row of pixels for each image, got shape \(9,\)",
    ),
    (np.array([["a"]]), TypeError, r"images must be an array of numbers, got <U1"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("images", "error", "text"), BAD_IMAGES)
def test_bad_images(kind: Any, images: Any, error: type[Exception], text: str) -> None:
    network = kind(4, 9).fit(GOOD)
    before = network.weights, network.shown, network.net.t
    for call in (network.fit, network.respond):
        with pytest.raises(error, match=f"{kind.__name__}: .*{text}"):
            call(images)
    np.testing.assert_array_equal(network.weights, before[0])
    assert (network.shown, network.net.t) == before[1:]


def test_images_of_all_kinds() -> None:
    gray = np.array([[0, 51, 255]], np.uint8)
    np.testing.assert_allclose(brightness("x", gray), [[0.0, 0.2, 1.0]], rtol=1e-6)
    np.testing.assert_array_equal(brightness("x", [[True, False]]), [[1.0, 0.0]])
    assert brightness("x", np.zeros((0, 4, 4)), 16).shape == (0, 16)
