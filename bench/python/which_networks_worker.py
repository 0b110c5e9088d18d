"""Convert one network of zoo.py, and compare it with its ANN; `worker.py` calls `run`."""

from __future__ import annotations

import resource
import warnings
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import zoo
from torch import nn

import spikelet as sl
from spikelet.layers.graded import Graded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SAME = 1e-3
"""Greatest difference of the ANN as read from PyTorch's, in standard deviations of its outputs."""

PLAIN = {"Conv2d", "Linear", "ReLU", "Flatten", "Reshape", "Affine", "Constant"}
"""Layers that the table does not name."""

CALLED = {
    "leaky_relu": "(P)LeakyReLU",
    "silu": "SiLU",
    "gelu": "GELU",
    "gelu_tanh": "GELU",
    "Multiply": "products",
}
"""Names of functions and layers as their users call them."""


def measured(subject: zoo.Subject, steps: Iterable[int]) -> dict[str, Any]:
    """Return how a network converts, or why it does not."""
    ann = str(subject.ann) if isinstance(subject.ann, Path) else subject.ann
    at: dict[str, Any] = {}
    for t in steps:
        began = process_time()
        try:
            model = sl.convert(ann, subject.calibration, steps=t, threads=1, **subject.options)
        except (ValueError, TypeError) as refusal:
            return {"refused": str(refusal)}
        spent = process_time() - began
        expected = list(model.ann.run(subject.test, steps=1).outputs.values())
        if (
            not at
            and isinstance(ann, nn.Module)
            and (off := difference(ann, subject.test, expected)) > SAME
        ):
            return {
                "failed": f"the ANN as read differs from PyTorch's by {off:g} standard deviations"
            }
        found = list(model.run(subject.test).outputs.values())
        at[str(t)] = {
            "method": model.method,
            "agreement": agreement(expected[0], found[0]),
            "error": error(expected, found),
            "spikes_a_neuron": spikes_a_neuron(model, subject.test),
            "conversion_s": spent,
        }
    return {
        "parameters": parameters(subject.ann),
        "operators": operators(model.ann.graph),
        "spiking": len(model.neurons),
        "graded": sum(isinstance(node.layer, Graded) for node in model.graph),
        "test": len(subject.test),
        "at": at,
    }


def difference(ann: nn.Module, samples: NDArray[Any], found: list[NDArray[Any]]) -> float:
    """Return the greatest difference of outputs from PyTorch's, in standard deviations."""
    with torch.inference_mode():
        outputs = ann(torch.from_numpy(samples))
    first = outputs
    while not isinstance(first, torch.Tensor):
        first = next(iter(first.values() if isinstance(first, dict) else first))
    expected = first.numpy()
    return float(np.abs(expected - found[0]).max() / max(float(expected.std()), 1e-12))


def operators(graph: Any) -> list[str]:
    """Return the names of what a network has beside convolutions, linear layers and ReLUs."""
    found: dict[str, None] = {}
    for node in graph:
        layer = node.layer
        name = getattr(layer, "function", type(layer).__name__)
        groups = getattr(layer, "groups", 1)
        if name == "ReLU" and layer.upper is not None:
            name = "ReLU6"
        elif groups > 1 and name.startswith("Conv"):
            depthwise = np.shape(layer.weight)[1] == 1
            name = f"{'depthwise' if depthwise else 'grouped'} {name}"
        if name not in PLAIN:
            found[CALLED.get(name, name)] = None
    return sorted(found, key=str.lower)


def parameters(ann: Any) -> int:
    """Return the number of weights and biases."""
    if isinstance(ann, nn.Module):
        return sum(p.numel() for p in ann.parameters())
    import onnx  # noqa: PLC0415  # only where it is used

    model = onnx.load(ann) if isinstance(ann, Path) else ann
    nodes = [a.t for node in model.graph.node if node.op_type == "Constant" for a in node.attribute]
    numbers = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    tensors = [t for t in (*model.graph.initializer, *nodes) if t.data_type in numbers]
    return sum(int(np.prod(t.dims)) for t in tensors)


def agreement(expected: np.ndarray, found: np.ndarray) -> float | None:
    """Return the share of samples with the same greatest output in per cent, for classes."""
    if expected.ndim != 2 or expected.shape[1] < 2:
        return None
    return 100 * float(np.mean(expected.argmax(1) == found.argmax(1)))


def error(expected: list[np.ndarray], found: list[np.ndarray]) -> float:
    """Return the greatest root mean square error of an output, in standard deviations of the ANN's."""
    return max(
        float(np.sqrt(np.mean((f - e) ** 2)) / max(float(np.std(e)), 1e-12))
        for e, f in zip(expected, found, strict=True)
    )


def spikes_a_neuron(model: Any, samples: np.ndarray) -> float:
    """Return the mean number of spikes of a neuron in a run."""
    records = [f"{name}.spikes" for name in model.neurons]
    neurons = spikes = 0.0
    for k in range(min(2, len(samples))):  # one at a time: rasters are large
        result = model.run(samples[k : k + 1], record=records) if records else {}
        for name in records:
            spikes += np.count_nonzero(result[name])
            neurons += result[name][0].size
    return float(spikes / neurons) if neurons else 0.0


def listed() -> dict[str, Any]:
    """Return the names and sources of the networks."""
    return {"names": [(entry.name, entry.source) for entry in zoo.entries()]}


def run(*, name: str, models: str, steps: list[int], memory: float) -> dict[str, Any]:
    """Return how a network converts, with at most `memory` GB."""
    entry = next(entry for entry in zoo.entries() if entry.name == name)
    most = int(memory * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    try:
        subject = entry.make(Path(models))
    except FileNotFoundError as why:
        return {"missing": str(why)}
    versions = {"spikelet": sl.__version__, "torch": torch.__version__}
    return measured(subject, steps) | {"versions": versions}
