"""Convert one network of zoo.py, compare it with its ANN, and print one line of JSON."""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
import zoo
from torch import nn

import spikelet as sl
from spikelet.layers.graded import Graded


def measured(subject: zoo.Subject, steps: int) -> dict[str, Any]:
    """Return how a network converts, or why it does not."""
    ann = subject.ann if isinstance(subject.ann, nn.Module) else str(subject.ann)
    began = process_time()
    try:
        model = sl.convert(ann, subject.calibration, steps=steps, threads=1)
    except (ValueError, TypeError) as refusal:
        return {"refused": str(refusal)}
    spent = process_time() - began
    expected = list(model.ann.run(subject.test, steps=1).outputs.values())
    result = model.run(subject.test)
    found = list(result.outputs.values())
    return {
        "parameters": parameters(subject.ann),
        "spiking": len(model.neurons),
        "graded": sum(isinstance(node.layer, Graded) for node in model.graph),
        "method": model.method,
        "agreement": agreement(expected[0], found[0]),
        "error": error(expected, found),
        "spikes_a_neuron": spikes_a_neuron(model, subject.test),
        "conversion_s": spent,
        "test": len(subject.test),
    }


def parameters(ann: nn.Module | Path) -> int:
    """Return the number of weights and biases."""
    if isinstance(ann, nn.Module):
        return sum(p.numel() for p in ann.parameters())
    import onnx  # noqa: PLC0415  # only where it is used

    return sum(int(np.prod(t.dims)) for t in onnx.load(ann).graph.initializer)


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
    shapes = model.graph.shapes(samples.shape[1:])
    neurons = spikes = 0.0
    few = samples[:4]
    for name in model.neurons:
        raster = model.run(few, record=[f"{name}.spikes"])[f"{name}.spikes"]
        spikes += np.count_nonzero(raster) / len(few)
        neurons += np.prod(shapes[name])
    return float(spikes / neurons) if neurons else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--steps", type=int, default=32)
    args = parser.parse_args()
    found = {entry.name: entry for entry in zoo.entries(every=args.all or not args.list)}
    if args.list:
        print(json.dumps({"names": [(name, entry.source) for name, entry in found.items()]}))
        return
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    try:
        subject = found[args.name].make(args.models)
    except (ImportError, FileNotFoundError) as why:
        print(json.dumps({"missing": str(why)}))
        return
    print(json.dumps(measured(subject, args.steps)))


if __name__ == "__main__":
    main()
