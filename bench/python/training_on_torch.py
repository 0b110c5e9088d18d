"""The code shared by all libraries, which all use PyTorch: a pass, its time and its memory."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from measure import peak_above
from training import checks

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from training import Layer, Task

LEAST = 5
"""Smallest number of timed passes, however long they take."""

REFUSED = (TypeError, ValueError, NotImplementedError, RuntimeError)


def tensors(task: Task) -> dict[str, torch.Tensor]:
    """Return the arrays of a task."""
    return {name: torch.from_numpy(array) for name, array in task.arrays().items()}


def check(lif: Callable[..., Any], task: Task) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return spikes, final potentials and gradients of each neuron in `checks`, and the failures.

    ``lif(x, **parameters)`` returns spikes and final potential.
    """
    found: dict[str, NDArray[Any]] = {}
    failed: dict[str, str] = {}
    given = tensors(task)
    dtype = given["x"].dtype
    for name, wanted in checks(task.convention, task.neurons).items():
        parameters = dict(wanted)
        learned = parameters.pop("learn", [])
        learned += [key for key, value in parameters.items() if isinstance(value, np.ndarray)]
        for key in learned:
            parameters[key] = torch.as_tensor(parameters[key], dtype=dtype).requires_grad_()
        x = given["x"].clone().requires_grad_()
        try:
            spikes, v = lif(x, **parameters)
            torch.autograd.backward(
                [spikes, v], [given["by_spikes"].to(spikes.dtype), given["by_v"].to(v.dtype)]
            )
        except REFUSED as error:
            failed[name] = f"{type(error).__name__}: {error}"
            continue
        found[f"{name}/spikes"] = (spikes != 0).numpy()
        found[f"{name}/last v"] = v.detach().numpy()
        for key, leaf in {"x": x, **{key: parameters[key] for key in learned}}.items():
            found[f"{name}/by {key}"] = leaf.grad.numpy()
    return found, failed


def once(layer: Layer, x: torch.Tensor, by_spikes: torch.Tensor) -> tuple[float, float, Any]:
    """Return the seconds of a forward and of a backward pass, and the spikes."""
    x.grad = None
    start = perf_counter()
    spikes = layer(x)
    middle = perf_counter()
    spikes.backward(by_spikes)
    return middle - start, perf_counter() - middle, spikes


def warm(layer: Layer, x: torch.Tensor, by_spikes: torch.Tensor) -> torch.Tensor:
    """Run twice, because a second state may trigger another compilation; return the spikes."""
    once(layer, x, by_spikes)
    return once(layer, x, by_spikes)[2]


def time(layer: Layer, task: Task, seconds: float) -> dict[str, Any]:
    """Return the median times of forward and backward passes, over `seconds` or `LEAST` passes."""
    given = tensors(task)
    x, by_spikes = given["x"].requires_grad_(), given["by_spikes"]
    start = perf_counter()
    spikes = warm(layer, x, by_spikes)
    first = perf_counter() - start
    what = {"spikes": int((spikes != 0).sum()), "gradient": float(x.grad.double().norm())}
    del spikes
    passes: list[tuple[float, float]] = []
    start = perf_counter()
    while len(passes) < LEAST or perf_counter() - start < seconds:
        passes.append(once(layer, x, by_spikes)[:2])
    return what | {
        "first_s": first,
        "forward_s": median(a for a, _ in passes),
        "backward_s": median(b for _, b in passes),
        "wall_s": median(a + b for a, b in passes),
        "passes": len(passes),
    }


def memory(layer: Layer, task: Task) -> dict[str, Any]:
    """Return the memory that a pass needs in addition to its input and the gradient of its spikes.

    It includes the spikes and the gradient of the input. Memory that a program keeps for its next
    pass must count, so only passes of a few neurons warm it up. Compiled code needs warm-up passes
    of the full shape; afterwards, `trim` returns all memory that PyTorch keeps.
    """
    given = tensors(task)
    x, by_spikes = given["x"].requires_grad_(), given["by_spikes"]
    if task.method.startswith("compiled"):
        warm(layer, x, by_spikes)
        x.grad = None
    else:
        warm(layer, x.detach()[:, :1, :8].clone().requires_grad_(), by_spikes[:, :1, :8].clone())
    gc.collect()
    trim()
    return {"peak_mb": peak_above(lambda: once(layer, x, by_spikes)), "x_mb": x.nbytes / 1e6}


def trim() -> None:
    """Return free memory to the system, if the C library can."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
