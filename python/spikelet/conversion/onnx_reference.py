"""The values of all nodes of an ONNX model, by ONNX's reference implementation."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["evaluated"]

_FIRST_TRAINING_MODE = 14  # of BatchNormalization


def evaluated(model: Any, opset: int, inputs: dict[str, Any]) -> list[Any]:
    """Return the outputs of a model.

    Parameters
    ----------
    model : onnx.ModelProto
    opset : int
        Version of its operators.
    inputs : dict of arrays
    """
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415  # only where it is used

    with np.errstate(all="ignore"):  # values that are not finite are reported later
        found: list[Any] = ReferenceEvaluator(model, new_ops=_mended(opset)).run(None, inputs)
    return found


def _mended(opset: int) -> list[Any]:
    """Return the operators of these versions that the reference implementation lacks or gets wrong (onnx 1.15 to 1.23)."""
    from onnx.reference.op_run import OpRun  # noqa: PLC0415

    class BatchNormalization(OpRun):  # type: ignore[misc]  # onnx has no types
        """In inference; the reference updates the statistics by the default momentum, as in training."""

        def _run(
            self,
            x: Any,
            scale: Any,
            bias: Any,
            mean: Any,
            var: Any,
            epsilon: float = 1e-5,
            **_: Any,
        ) -> tuple[Any]:
            inner = (-1, *[1] * (x.ndim - 2))
            scale, bias, mean, var = (p.reshape(inner) for p in (scale, bias, mean, var))
            y = scale * (x - mean) / np.sqrt(var + epsilon) + bias
            return (y.astype(x.dtype),)

    class Upsample(OpRun):  # type: ignore[misc]  # onnx has no types
        """With scales as an attribute, which the reference does not take."""

        def _run(self, x: Any, given: Any = None, scales: Any = None, **_: Any) -> tuple[Any]:
            for axis, scale in enumerate(np.ravel(scales if given is None else given)):
                n = x.shape[axis]
                # In float32, in which scales are given.
                places = np.arange(int(n * scale)) / np.float32(scale)
                x = x.take(np.minimum(places.astype(np.int64), n - 1), axis)
            return (x,)

    class Resize(Upsample):
        """Version 10, which the reference lacks, repeats pixels like Upsample."""

    mended: list[Any] = []
    if opset < _FIRST_TRAINING_MODE:
        mended.append(BatchNormalization)
    if opset < 9:
        mended.append(Upsample)
    if opset == 10:
        mended.append(Resize)
    return mended
