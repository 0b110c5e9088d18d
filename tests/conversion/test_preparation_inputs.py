"""Calibration inputs, and inputs on another scale than these."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from spikelet.conversion.preparation import calibration_inputs, on_another_scale, range_of

IMAGES = np.random.default_rng(0).random((20, 3, 8, 8))
NORMAL = (IMAGES - 0.45) / 0.22


@pytest.mark.parametrize(
    ("x", "calibration", "differs"),
    [
        (IMAGES, IMAGES, False),
        (255 * IMAGES, IMAGES, True),
        (IMAGES, 255 * IMAGES, True),
        (IMAGES / 10, IMAGES, False),  # dark images
        (0 * IMAGES, NORMAL, False),
        (IMAGES, NORMAL, True),  # raw images, where normalised ones are expected
        (NORMAL / 2, IMAGES, True),
        (NORMAL[:1], NORMAL, False),
        (np.abs(NORMAL[0, 0, 0]), NORMAL, False),  # too few values to say
    ],
    ids=["same", "bytes", "of-bytes", "dark", "black", "raw", "normalised", "one", "few"],
)
def test_another_scale(x: Any, calibration: Any, differs: bool) -> None:
    assert on_another_scale(x, range_of(calibration)) == differs


def test_tensors_and_several_inputs() -> None:
    x = torch.tensor(IMAGES, dtype=torch.bfloat16, requires_grad=True)
    found = calibration_inputs("convert", (x, IMAGES[:, 0]))
    assert [a.shape for a in found] == [(20, 3, 8, 8), (20, 8, 8)]
    assert all(a.dtype == np.float32 for a in found)
    (only,) = calibration_inputs("convert", IMAGES)
    np.testing.assert_array_equal(only, IMAGES.astype(np.float32))


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        ((), "calibration must hold an array for each input"),
        ((IMAGES, IMAGES[:5]), r"calibration\[1\] must have as many samples as the first input, 20, got samples 5"),
        ((IMAGES, IMAGES * np.nan), r"calibration\[1\] must be finite"),
        (np.ones((4, 2)), "calibration must not be constant, got nothing but 1.0"),
        (np.ones(4), r"calibration must be \[N, ...\] and not empty, got shape \(4,\)"),
    ],
    ids=["none", "samples", "nan", "constant", "shape"],
)  # fmt: skip
def test_what_is_refused(calibration: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"convert: {message}"):
        calibration_inputs("convert", calibration)


def test_bytes_are_reported() -> None:
    with pytest.warns(UserWarning, match="convert: calibration holds integers up to 25"):
        calibration_inputs("convert", (255 * IMAGES).astype(np.uint8))


def test_a_data_set_is_no_calibration() -> None:
    data = torch.utils.data.TensorDataset(torch.rand(8, 3))
    loader = torch.utils.data.DataLoader(data)
    for given, way_out in ((data, r"dataset\.tensors\[0\]"), (loader, r"torch\.cat")):
        with pytest.raises(TypeError, match=rf"convert: calibration must be an array .*{way_out}"):
            calibration_inputs("convert", given)
    found = calibration_inputs("convert", data.tensors[0])[0]
    np.testing.assert_array_equal(found, data.tensors[0].numpy())
