"""onnxruntime: the ANNs themselves, in float32."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import onnxruntime
import torch

if TYPE_CHECKING:
    from networks_worker import NetworkTask, Prepared


def settings(task: NetworkTask) -> list[dict[str, Any]]:
    """Return the settings to try for speed."""
    return [{"batch": b} for b in task.batches()]


def prepare(task: NetworkTask, setting: dict[str, Any]) -> Prepared:
    """Return the function that classifies a batch, and the batches."""
    batches = task.split(setting["batch"])
    file = io.BytesIO()
    torch.onnx.export(
        task.net, (batches[0],), file, input_names=["x"], dynamic_axes={"x": {0: "batch"}},
        dynamo=False,
    )  # fmt: skip
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = task.threads, 1
    session = onnxruntime.InferenceSession(
        file.getvalue(), options, providers=["CPUExecutionProvider"]
    )
    return lambda x: session.run(None, {"x": x}), [x.numpy() for x in batches]


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"onnxruntime": onnxruntime.__version__, "torch": torch.__version__}
