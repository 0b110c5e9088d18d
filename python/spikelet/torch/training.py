"""A plain training loop: seeded, with a checkpoint from which it goes on as if it had never stopped."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spikelet._util import progress as _progress
from spikelet._util.checks import fail, integer
from spikelet.torch import checkpoints
from spikelet.torch.losses import rate
from spikelet.torch.modules import LI, Neuron

__all__ = ["Epoch", "evaluate", "fit"]

Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Epoch:
    """What one pass over the data came to.

    Parameters
    ----------
    epoch : int
        From 1 on.
    loss, accuracy : float
        Means over the samples of training, while the weights changed.
    test_accuracy : float or None
        After it, in eval mode; None without test data.
    spikes : float
        Spikes a neuron sent for one sample, over all steps; of the test data, if there are any.
    seconds : float
        That it took, test included.
    """

    epoch: int
    loss: float
    accuracy: float
    test_accuracy: float | None
    spikes: float
    seconds: float

    def __str__(self) -> str:
        test = "" if self.test_accuracy is None else f", test {self.test_accuracy:.2%}"
        return (
            f"epoch {self.epoch}: loss {self.loss:.4f}, accuracy {self.accuracy:.2%}{test}, "
            f"{self.spikes:.2f} spikes a neuron, {self.seconds:.1f} s"
        )


def fit(
    model: nn.Module,
    train_loader: Batches,
    *,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    epochs: int,
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    test: Batches | None = None,
    readout: Callable[[torch.Tensor], torch.Tensor] = rate,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = True,
    progress: bool | Callable[[Epoch], Any] = False,
) -> list[Epoch]:
    """Train a model.

    Parameters
    ----------
    model : nn.Module
    train_loader, test : iterable of (x, labels)
        A DataLoader, or anything that can be gone through once an epoch. What is drawn in it must come from torch's own
        generator, or from a `torch.Generator` that is its attribute ``generator``, as a DataLoader's is.
    loss : callable
        ``loss(model(x), labels)``, one number; see `spikelet.torch.losses`.
    epochs : int
        In all, those before a resumption included.
    optimizer : torch.optim.Optimizer
    scheduler : LRScheduler, optional
        Stepped after each batch.
    readout : callable
        What makes the model's output to scores, ``[B, classes]``, for the accuracy; by default the mean over time.
    seed : int
        Of torch's generator, for shuffling and dropout. Weights have been drawn already, by whoever made the model.
    checkpoint : path, optional
        Written after each epoch, under another name first: it is whole at any time.
    resume : bool
        Go on from the checkpoint, if there is one. The numbers are those of a run that was never interrupted, bit for bit,
        on the same machine with the same number of threads.
    progress : bool or callable
        Show a progress bar (needs rich), or call ``progress(epoch)`` after each epoch.

    Returns
    -------
    list of Epoch
        Those before a resumption included.

    Raises
    ------
    ValueError
        If the checkpoint is of another model, optimizer or seed, the loss is not finite, or there are no data.
    """
    integer("fit", "epochs", epochs, 1)
    integer("fit", "seed", seed, 0, 2**63 - 1)
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and not path.parent.is_dir():
        fail("fit", "checkpoint", str(path), "must lie in a folder that exists")
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    generator = getattr(train_loader, "generator", None)
    history: list[Epoch] = []
    if path is not None and resume and path.exists():
        history = [Epoch(**epoch) for epoch in checkpoints.load(path, parts, generator, seed)]
    else:
        torch.manual_seed(seed)
    for number in range(len(history) + 1, epochs + 1):
        start = time.perf_counter()
        title = f"epoch {number} of {epochs}"
        show = _progress.images(title, 0, _size(train_loader)) if progress is True else None
        model.train()
        seen, total, right = 0, 0.0, 0
        with count_spikes(model) as spikes, show or contextlib.nullcontext() as update:
            for x, labels in train_loader:
                optimizer.zero_grad()
                output = model(x)
                value = loss(output, labels)
                if not torch.isfinite(value):
                    fail("fit", f"loss in {title}", value.item(), "must be finite: lower the rate")
                value.backward()
                optimizer.step()
                if scheduler is not None:
                    scheduler.step()
                seen += len(labels)
                total += value.item() * len(labels)
                right += int((readout(output.detach()).argmax(-1) == labels).sum())
                if update is not None:
                    update(seen)
        if not seen:
            fail("fit", "train_loader", seen, "must give at least one sample an epoch")
        accuracy, sent = (None, spikes()) if test is None else evaluate(model, test, readout)
        seconds = time.perf_counter() - start
        history.append(Epoch(number, total / seen, right / seen, accuracy, sent, seconds))
        if path is not None:
            checkpoints.save(path, parts, generator, seed, list(map(asdict, history)))
        if callable(progress):
            progress(history[-1])
    return history


def evaluate(
    model: nn.Module, data: Batches, readout: Callable[[torch.Tensor], torch.Tensor] = rate
) -> tuple[float, float]:
    """Return accuracy, and the spikes that a neuron sends for one sample; in eval mode, where the model is left.

    Parameters
    ----------
    model : nn.Module
    data : iterable of (x, labels)
    readout : callable
        As for `fit`.
    """
    model.eval()
    seen = right = 0
    with torch.no_grad(), count_spikes(model) as spikes:
        for x, labels in data:
            right += int((readout(model(x)).argmax(-1) == labels).sum())
            seen += len(labels)
    if not seen:
        fail("evaluate", "data", seen, "must give at least one sample")
    return right / seen, spikes()


@contextlib.contextmanager
def count_spikes(model: nn.Module) -> Iterator[Callable[[], float]]:
    """Count, while it is open, what the neurons of a model send: spikes of a neuron and a sample, over all steps."""
    counts = [0, 0]  # spikes, and neurons times samples

    def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
        sent = (output[0] if isinstance(output, tuple) else output).detach()
        counts[0] += int(torch.count_nonzero(sent))
        counts[1] += sent[0].numel()

    handles = [
        m.register_forward_hook(note)
        for m in model.modules()
        if isinstance(m, Neuron) and not isinstance(m, LI)
    ]
    try:
        yield lambda: counts[0] / max(counts[1], 1)
    finally:
        for handle in handles:
            handle.remove()


def _size(loader: Any) -> int:
    """Return how many samples it has, as far as it says so."""
    return len(loader.dataset) if hasattr(loader, "dataset") else getattr(loader, "samples", 0)
