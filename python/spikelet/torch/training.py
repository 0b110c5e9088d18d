"""A simple seeded training loop, with checkpoints from which it resumes as if it had never stopped."""

from __future__ import annotations

import contextlib
import copy
import inspect
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import GeneratorType
from typing import Any, SupportsIndex, TypeVar, overload

import torch
from torch import nn

from spikelet._util import progress as _progress
from spikelet._util.advice import warn_caller
from spikelet._util.checks import fail, integer
from spikelet.torch import checkpoints
from spikelet.torch.arguments import require_kind
from spikelet.torch.losses import rate
from spikelet.torch.modules import LI, Neuron

_Epoch = TypeVar("_Epoch")


class History(list[_Epoch]):
    """The epochs of a training, in order. Made by `spikelet.torch.fit`.

    `spikelet.plot.training_curves` draws it.
    """

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> _Epoch: ...
    @overload
    def __getitem__(self, index: slice, /) -> History[_Epoch]: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> _Epoch | History[_Epoch]:
        found: Any = super().__getitem__(index)
        return History(found) if isinstance(index, slice) else found

    def __add__(self, other: Iterable[Any], /) -> History[Any]:
        """Return the epochs of two trainings, one after the other."""
        return History([*self, *other]) if isinstance(other, list) else NotImplemented

    def report(self, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
        """Write curves and a table of the epochs as one HTML file, which loads nothing from elsewhere.

        Parameters
        ----------
        path : path
            File to write (.html).
        title : str, optional
            Heading of the page.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ImportError
            If plotly or matplotlib is not installed: ``pip install 'spikelet[report]'``.
        """
        from spikelet.plot.report.training import save  # noqa: PLC0415  # only where it is used

        return save(self, path, title)


_FIRST_BATCHES = 10  # after which a layer that never spiked is reported
_ONCE = (GeneratorType, map, filter, zip, enumerate)  # what a second epoch finds empty
Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class Epoch:
    """The results of one pass over the data.

    Parameters
    ----------
    epoch : int
        Number of the epoch, from 1.
    loss, accuracy : float
        Mean loss and accuracy on the training samples, while the weights changed.
    test_accuracy : float or None
        Test accuracy after the epoch, in eval mode; None without test data.
    spikes : float
        Mean number of spikes of a neuron per sample, over all steps; on the test data, else the validation data, else
        the training data.
    seconds : float
        Duration of the epoch, including test and validation.
    validation_accuracy : float or None
        The same as `test_accuracy` on the validation data.
    """

    epoch: int
    loss: float
    accuracy: float
    test_accuracy: float | None
    spikes: float
    seconds: float
    validation_accuracy: float | None = None

    def __str__(self) -> str:
        checked = {"validation": self.validation_accuracy, "test": self.test_accuracy}
        shown = "".join(f", {name} {x:.2%}" for name, x in checked.items() if x is not None)
        return (
            f"epoch {self.epoch}: loss {self.loss:.4f}, accuracy {self.accuracy:.2%}{shown}, "
            f"{self.spikes:.2f} spikes per neuron, {self.seconds:.1f} s"
        )


def _require_own(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Refuse the optimizer of another model, with which this one would learn nothing."""
    groups = getattr(optimizer, "param_groups", None)
    own = {id(p) for p in model.parameters() if p.requires_grad}
    if groups is None or not own or any(id(p) in own for group in groups for p in group["params"]):
        return
    rule = (
        "must have parameters of the model: make it of model.parameters(), after copies and loading"
    )
    fail("fit", "optimizer", type(optimizer).__name__, rule)


def _require_plain_step(argument: str, given: Any, needed: str, rule: str) -> None:
    """Refuse an optimizer or scheduler whose step needs more than the gradients."""
    try:
        parameter = inspect.signature(given.step).parameters.get(needed)
    except (TypeError, ValueError):  # of a callable without a signature
        return
    if parameter is not None and parameter.default is parameter.empty:
        fail("fit", argument, type(given).__name__, rule)


def _require_repeatable(argument: str, batches: Batches, epochs: int) -> None:
    if isinstance(batches, _ONCE) and epochs > 1:
        rule = (
            f"must give its batches {epochs} times, once per epoch, and such an iterator runs once: pass "
            "a DataLoader or a list"
        )
        fail("fit", argument, type(batches).__name__, rule, got="a")


def _require_numbers(where: str, x: Any) -> None:
    """Refuse NaN in a batch: after spiking layers, which send no spike for it, a loss would not show it.

    The sum of all is NaN then, which is cheaper to look at than each number.
    """
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        return
    if x.layout != torch.strided or x.is_nested:
        return
    if bool(torch.isnan(x.sum())) and (bad := torch.isnan(x)).any():
        first = tuple(bad.nonzero()[0].tolist())
        what = f"x of a batch, at index {first},"
        fail(where, what, float("nan"), "must be a number; fill or drop it")


def _require_finite(model: nn.Module, title: str) -> None:
    """Refuse parameters that are no longer finite: spiking layers can hide it from the loss."""
    for name, parameter in model.named_parameters():
        if parameter.grad is None or torch.isfinite(parameter.sum()):  # no loss reached it, or fine
            continue
        finite = torch.isfinite(parameter)
        if not finite.all():
            rule = (
                "must be finite; look for NaN and infinity in the data, reduce the learning rate or clip the gradients, and "
                "train a new model, or resume from a checkpoint"
            )
            value = parameter.detach()[~finite].flatten()[0].item()
            fail("fit", f"parameter '{name}' after {title}", value, rule)


@contextlib.contextmanager
def _own_random_numbers() -> Iterator[None]:
    """Leave torch's generator as it was."""
    with torch.random.fork_rng(devices=[]):
        yield


@_own_random_numbers()
def fit(
    model: nn.Module,
    train_loader: Batches,
    *,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    epochs: int,
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    test: Batches | None = None,
    validation: Batches | None = None,
    patience: int | None = None,
    readout: Callable[[torch.Tensor], torch.Tensor] = rate,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = True,
    progress: bool | Callable[[Epoch], Any] = False,
) -> History[Epoch]:
    """Train a model.

    Parameters
    ----------
    model : nn.Module
    train_loader, test, validation : iterable of (x, labels)
        A DataLoader, or any iterable that is traversed once per epoch; not a generator, which can only be traversed once
        in total. Its random numbers must come from torch's default generator, or from a `torch.Generator` in its attribute ``generator``, as in a DataLoader.
        Labels are class numbers ``[B]``, or probabilities ``[B, classes]`` (one-hot, mixup), the largest of which counts for the accuracy.
    loss : callable
        Returns a scalar for ``loss(model(x), labels)``; see `spikelet.torch.losses`.
    epochs : int
        Total number of epochs, including those before a resumption.
    optimizer : torch.optim.Optimizer
        One whose step needs no closure: not LBFGS.
    scheduler : LRScheduler, optional
        Stepped after each batch.
    patience : int, optional
        Stop after this many epochs without a better validation accuracy. The model ends with the parameters of its best
        epoch, also if it trains to the end.
    readout : callable
        Converts the output of the model to scores, ``[B, classes]``, for the accuracy; by default the mean over time.
    seed : int
        Seed of torch's generator, for shuffling and dropout. It does not affect the weights, which are already drawn.
        Afterwards, the generator continues as if nothing had drawn from it.
    checkpoint : path, optional
        File that is written after each epoch; it is replaced atomically, so it is always complete.
    resume : bool
        Resume from the checkpoint, if it exists. On the same machine with the same number of threads, the results are
        bit-identical to those of an uninterrupted run.
    progress : bool or callable
        Show a progress bar (needs rich), or call ``progress(epoch)`` after each epoch. The checkpoint is written before
        the call, and does not hold what it changes in the model or the optimizer, such as a learning rate.

    Returns
    -------
    History of Epoch
        All epochs, including those before a resumption: a list that writes a report.

    Raises
    ------
    ValueError
        If the optimizer has no parameter of the model or needs a closure, the checkpoint belongs to another model,
        optimizer or seed, a batch holds NaN, the loss is not finite, a parameter is not after an epoch, the readout does
        not give ``[B, classes]``, the labels are not such as above, or there are no data.

    Warns
    -----
    UserWarning
        If a layer of neurons sends no spike in the first 10 batches; it names the layer.
    """
    _checked_model("fit", model)
    if isinstance(optimizer, type):
        rule = f"must be an optimizer: {optimizer.__name__}(model.parameters(), lr=...)"
        fail("fit", "optimizer", optimizer, rule, error=TypeError)
    if not hasattr(optimizer, "zero_grad"):
        what = type(optimizer).__name__
        fail("fit", "optimizer", what, "must be a torch optimizer", error=TypeError)
    _require_own(model, optimizer)
    # LBFGS computes the loss several times a step.
    rule = "must step without a closure, as Adam and SGD do; for others, write the loop yourself"
    _require_plain_step("optimizer", optimizer, "closure", rule)
    if scheduler is not None:
        if not hasattr(scheduler, "step"):
            what = type(scheduler).__name__
            fail("fit", "scheduler", what, "must be a scheduler of torch, or None", error=TypeError)
        rule = "must step without a value after each batch; call it after each epoch, in progress="
        _require_plain_step("scheduler", scheduler, "metrics", rule)
    require_kind("fit", "checkpoint", checkpoint, str | os.PathLike | None, "a path")
    progress = _progress.wanted("fit", progress)
    integer("fit", "epochs", epochs, 1)
    integer("fit", "seed", seed, 0, 2**63 - 1)
    if patience is not None:
        integer("fit", "patience", patience, 1)
        if validation is None:
            fail("fit", "patience", patience, "needs validation=, the data that decide")
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and not path.parent.is_dir():
        fail("fit", "checkpoint", str(path), "must be in an existing folder")
    best = None if patience is None else _Best(model)
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "best": best}
    generator = getattr(train_loader, "generator", None)
    if path is not None:
        checkpoints.contents(parts, generator, seed, [])  # an error now, not after an epoch
    history: History[Epoch] = History()
    if path is not None and resume and path.exists():
        stored = checkpoints.load(path, parts, generator, seed, Epoch)
        history = History(Epoch(**epoch) for epoch in stored)
    else:
        torch.manual_seed(seed)
    loaders = {"train_loader": train_loader, "test": test, "validation": validation}
    for argument, data in loaders.items():
        if data is not None:
            _require_repeatable(argument, data, epochs - len(history))
    batches = 0
    for number in range(len(history) + 1, epochs + 1):
        if patience is not None and number - 1 - _best_epoch(history) >= patience:
            break
        start = time.perf_counter()
        title = f"epoch {number} of {epochs}"
        show = _progress.images(title, 0, _size(train_loader)) if progress is True else None
        model.train()
        seen, total, right = 0, 0.0, 0
        with count_spikes(model) as spikes, show or contextlib.nullcontext() as update:
            for x, labels in train_loader:
                _require_numbers("fit", x)
                optimizer.zero_grad()
                output = model(x)
                value = loss(output, labels)
                if not torch.isfinite(value):
                    rule = "must be finite; reduce the learning rate"
                    fail("fit", f"loss in {title}", value.item(), rule)
                right += _right("fit", readout(output.detach()), labels)
                value.backward()
                optimizer.step()
                if scheduler is not None:
                    scheduler.step()
                seen += len(labels)
                total += value.item() * len(labels)
                batches += 1
                if batches == _FIRST_BATCHES:
                    _warn_of_silence(spikes.spikes, batches)
                if update is not None:
                    update(seen)
        if 0 < batches < _FIRST_BATCHES and number == 1:
            _warn_of_silence(spikes.spikes, batches)
            batches = _FIRST_BATCHES
        if not seen:
            rule = "must give at least one sample per epoch"
            again = f"; it gave none in {title}: an iterator runs once, a DataLoader or a list each time"
            fail("fit", "train_loader", seen, rule + (again if number > 1 else ""))
        _require_finite(model, title)
        sent, checked = spikes(), dict[str, float | None](validation=None, test=None)
        for name in checked:
            if (data := loaders[name]) is not None:
                checked[name], sent = evaluate(model, data, readout)
        seconds = time.perf_counter() - start
        results = total / seen, right / seen, checked["test"], sent, seconds, checked["validation"]
        history.append(Epoch(number, *results))
        if best is not None and _best_epoch(history) == number:
            best.keep()
        if path is not None:
            checkpoints.save(path, parts, generator, seed, list(map(asdict, history)))
        if callable(progress):
            progress(history[-1])
    if best is not None:
        best.give_back()
    return history


class _Best:
    """The state of a model after its best epoch, a part of a checkpoint."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._state: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        return self._state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._state = state

    def keep(self) -> None:
        self._state = copy.deepcopy(self._model.state_dict())

    def give_back(self) -> None:
        state = self._model.state_dict()  # with the versions of its modules
        state.update(self._state)
        self._model.load_state_dict(state)


def _best_epoch(history: Iterable[Epoch]) -> int:
    """Return the number of the first epoch of the best validation accuracy; 0 before all."""
    best = max(history, key=lambda e: e.validation_accuracy or 0.0, default=None)
    return 0 if best is None else best.epoch


def evaluate(
    model: nn.Module, data: Batches, readout: Callable[[torch.Tensor], torch.Tensor] = rate
) -> tuple[float, float]:
    """Return the accuracy, and the mean number of spikes of a neuron per sample; the model is left in eval mode.

    Parameters
    ----------
    model : nn.Module
    data : iterable of (x, labels)
    readout : callable
        As for `fit`.
    """
    _checked_model("evaluate", model)
    model.eval()
    seen = right = 0
    with torch.no_grad(), count_spikes(model) as spikes:
        for x, labels in data:
            _require_numbers("evaluate", x)
            right += _right("evaluate", readout(model(x)), labels)
            seen += len(labels)
    if not seen:
        fail("evaluate", "data", seen, "must give at least one sample")
    return right / seen, spikes()


class _Counts:
    """Spikes of each layer that ran, and neurons times samples of all."""

    def __init__(self) -> None:
        self.spikes: dict[str, int] = {}
        self.slots = 0

    def __call__(self) -> float:
        """Return the mean per neuron and sample over all steps."""
        return sum(self.spikes.values()) / max(self.slots, 1)


@contextlib.contextmanager
def count_spikes(model: nn.Module) -> Iterator[_Counts]:
    """Count the spikes that the neurons of a model send."""
    counts = _Counts()

    def noting(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
            sent = (output[0] if isinstance(output, tuple) else output).detach()
            counts.spikes[name] = counts.spikes.get(name, 0) + int(torch.count_nonzero(sent))
            counts.slots += sent[0].numel()

        return note

    handles = [
        m.register_forward_hook(noting(name or type(m).__name__))
        for name, m in model.named_modules()
        if isinstance(m, Neuron) and not isinstance(m, LI)
    ]
    try:
        yield counts
    finally:
        for handle in handles:
            handle.remove()


def _checked_model(where: str, model: Any) -> None:
    require_kind(where, "model", model, nn.Module, "a torch.nn.Module")


def _warn_of_silence(spikes: dict[str, int], batches: int) -> None:
    silent = [name for name, n in spikes.items() if n == 0]
    if silent:
        names = ", ".join(f"'{name}'" for name in silent)
        warn_caller(
            f"fit: no neuron of {names} spiked in the first {batches} batches, so what follows gets no input; raise the "
            "gain or the weights before, or lower v_threshold"
        )


def _right(where: str, scores: torch.Tensor, labels: torch.Tensor) -> int:
    """Return the number of right decisions; the wrong dimensions would give an accuracy that means nothing."""
    require_kind(where, "labels", labels, torch.Tensor, "a tensor")
    if scores.ndim != 2 or len(scores) != len(labels):
        rule = f"must give scores [B, classes] for {len(labels)} labels"
        fail(where, "readout", tuple(scores.shape), rule, got="shape")
    if labels.ndim == 2 and labels.shape == scores.shape and _are_shares(labels):
        labels = labels.argmax(-1)
    if labels.ndim != 1:
        shape = tuple(scores.shape)
        rule = f"must be class numbers {list(shape[:1])}, or probabilities of classes {list(shape)}, which add up to 1"
        fail(where, "labels", tuple(labels.shape), rule, got="shape")
    return int((scores.argmax(-1) == labels).sum())


def _are_shares(labels: torch.Tensor) -> bool:
    """Return whether rows are probabilities: one-hot, or mixed (mixup), in half precision too."""
    total = labels.float().sum(-1)
    return bool((labels >= 0).all()) and bool(((total - 1).abs() < 0.02).all())


def _size(loader: Any) -> int:
    """Return the number of samples of a loader, or 0 if it is unknown."""
    return len(loader.dataset) if hasattr(loader, "dataset") else getattr(loader, "samples", 0)
