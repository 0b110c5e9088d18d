"""Windows with all the ways to pad, against PyTorch and ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from tests.support.onnx_models import model, node
from torch.nn import functional as F

from spikelet.conversion.onnx.reader import read_onnx
from spikelet.layers.spiking_model import SpikingModel

rng = np.random.default_rng(3)
X = rng.normal(size=(2, 3, 8, 7)).astype(np.float32)
W = rng.normal(size=(3, 2, 3, 2)).astype(np.float32)


def output(made: Any, **constants: Any) -> tuple[Any, Any]:
    """Return the values of the layers, and those of ONNX."""
    ann = model([made], (2, 3, 8, 7), 18, **constants)
    graph, _ = read_onnx(ann)
    found = SpikingModel(graph).run(X, steps=1).output
    return found, ReferenceEvaluator(ann).run(None, {"x": X})[0]


@pytest.mark.parametrize(
    ("auto", "pads"),
    [("SAME_UPPER", [0, 0, 1, 1]), ("SAME_LOWER", [1, 1, 0, 0]), ("VALID", [0, 0, 0, 0])],
)
@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
def test_pools_that_pad_by_themselves(kind: str, auto: str, pads: list[int]) -> None:
    """For SAME_LOWER, the reference implementation pads one axis at the wrong end."""
    window: dict[str, Any] = {"kernel_shape": [3, 2], "strides": [2, 1]}
    found, _ = output(node(kind, "x", "y", **window, auto_pad=auto))
    _, expected = output(node(kind, "x", "y", **window, pads=pads))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    "how",
    [
        {"pads": [1, 0, 2, 1], "strides": [2, 3]},
        {"pads": [1, 1, 1, 1], "dilations": [2, 1], "output_padding": [1, 0], "strides": [2, 1]},
        {"output_shape": [17, 15], "strides": [2, 2]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    ],
    ids=["pads", "output_padding", "output_shape", "same"],
)
def test_transposed_convolutions(how: Any) -> None:
    found, expected = output(node("ConvTranspose", "x w", "y", **how), w=W)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_norms_of_windows(p: int) -> None:
    made = node("LpPool", "x", "y", p=p, kernel_shape=[2, 3], strides=[2, 2])
    expected = F.lp_pool2d(torch.tensor(X).abs(), p, (2, 3), 2)
    np.testing.assert_allclose(output(made)[0], expected, rtol=1e-5)


def test_what_cannot_be_resized_is_refused() -> None:
    crop = node("Resize", "x roi scales", "y", coordinate_transformation_mode="tf_crop_and_resize")
    scales = np.float32([1, 1, 2, 2])
    with pytest.raises(ValueError, match=r"\(Resize\): crops; crop with Slice"):
        output(crop, roi=np.zeros(8, np.float32), scales=scales)
    smooth = node("Resize", "x  scales", "y", mode="linear", antialias=1)
    smooth.input[:] = ["x", "", "scales"]
    with pytest.raises(ValueError, match=r"\(Resize\): is antialiased"):
        output(smooth, scales=np.float32([1, 1, 0.5, 0.5]))
