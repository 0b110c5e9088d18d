"""Train a tutorial's network for some iterations in one program; `worker.py` calls `run`.

With `save`, it writes the loss and the gradients of the first iteration instead, without dropout and with given spikes in
place of the encoder's.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from torch import nn
from tutorials_cases import CASES, batches

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""A function from the input of a batch and its labels to the loss."""

WARM = 2
"""Iterations before those that are timed."""


def keep_freed_memory() -> None:
    """Do for a peer what importing `spikelet.torch` does, where the C library can."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(-3, 1 << 30)
        libc.mallopt(-1, 2**31 - 1)


def first_values(net: nn.Module) -> None:
    """Draw the weights again, as their layers do, in an order that all programs share."""
    torch.manual_seed(1)
    for module in net.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.BatchNorm2d)):
            module.reset_parameters()


def check(program: Any, args: argparse.Namespace) -> dict[str, Any]:
    """Write the loss and the gradients of the first iteration.

    SpikingJelly's are computed in float64: in float32, BatchNorm differs by up to 3e-4 between memory formats, which many
    spikes do not survive. snnTorch's surrogates know float32 only.
    """
    case = CASES[args.case]
    torch.set_default_dtype(torch.float64 if case.library == "spikingjelly" else torch.float32)
    net, loss, _ = program.network(case, args.form)
    first_values(net)
    for module in net.modules():
        if "Dropout" in type(module).__name__:
            module.eval()
    x, labels = (torch.from_numpy(a) for a in batches(case, args.folder, 1)[0])
    if case.net == "linear":
        drawn = np.random.default_rng(2).random((case.steps, *x.shape), np.float32)
        x = torch.from_numpy(drawn) < x
    found = loss(x.to(torch.get_default_dtype()), labels)
    found.backward()
    gradients = [p.grad.contiguous().numpy() for p in net.parameters()]
    np.savez(args.save, found.detach().numpy(), *gradients)
    return {"loss": found.item()}


def measure(program: Any, args: argparse.Namespace) -> dict[str, Any]:
    """Return the seconds of each iteration."""
    case = CASES[args.case]
    net, loss, optimizer = program.network(case, args.form)
    first_values(net)
    given = [
        tuple(torch.from_numpy(a) for a in batch)
        for batch in batches(case, args.folder, args.iterations + WARM)
    ]
    cpu, wall = [], []
    for x, labels in given:
        start, began = perf_counter(), process_time()
        optimizer.zero_grad()
        found = loss(x, labels)
        found.backward()
        optimizer.step()
        cpu.append(process_time() - began)
        wall.append(perf_counter() - start)
    return {"cpu": cpu[WARM:], "wall": wall[WARM:], "loss": found.item()}


def run(
    *, program: str, folder: str, threads: int, save: str | None = None, **how: Any
) -> dict[str, Any]:
    """Return the seconds of each iteration, or the loss of the first one."""
    args = argparse.Namespace(folder=Path(folder), save=save, **how)
    torch.set_num_threads(threads)
    if program != "spikelet" and args.form != "script":
        keep_freed_memory()
    adapter = importlib.import_module(f"tutorials_on_{program}")
    record = check(adapter, args) if save else measure(adapter, args)
    return record | {"versions": adapter.versions()}
