"""Checkpoints from which training resumes as if it had never stopped."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from spikelet._util import reading
from spikelet._util.checks import fail
from spikelet._util.files import replaced

__all__ = ["load", "save"]

_OWN = {"seed", "history", "random", "generator"}


def save(
    path: Path, parts: dict[str, Any], generator: Any, seed: int, history: list[dict[str, Any]]
) -> None:
    """Save the state of training; the file is replaced atomically, so it is always complete."""
    state = {name: part.state_dict() for name, part in parts.items() if part is not None}
    state |= {"seed": seed, "history": history}
    state["random"] = torch.get_rng_state()
    state["generator"] = None if generator is None else generator.get_state()
    with _checksums(), replaced(path) as file:
        torch.save(state, file)


def load(
    path: Path, parts: dict[str, Any], generator: Any, seed: int, epoch: type[Any]
) -> list[dict[str, Any]]:
    """Restore a saved state, and return the history.

    Parameters
    ----------
    path : Path
    parts : dict of name to object or None
        Model, optimizer and scheduler.
    generator : torch.Generator or None
    seed : int
    epoch : type
        Dataclass of an item of the history.

    Raises
    ------
    ValueError
        If the file is damaged, or belongs to other parts or another seed. Nothing has been changed then.
    """
    where = f"fit: checkpoint {path}"
    try:
        reading.check_archive(path)  # torch.load verifies no checksums
        # Mapped, an array cannot reach beyond the file, which torch.load does not check; the copy needs no file.
        state = copy.deepcopy(torch.load(path, weights_only=True, mmap=True))
        if not isinstance(state, dict):
            fail(where, "content", type(state).__name__, "must be a dict")
        if type(state["seed"]) is not int or state["seed"] != seed:
            fail(where, "seed", seed, f"must be {state['seed']}, as in the saved run")
        for name, part in parts.items():
            if (part is None) != (name not in state):
                kind = type(part).__name__
                fail(where, name, kind, "must be given if and only if it was in the saved run")
        if unknown := state.keys() - _OWN - parts.keys():
            fail(where, "content", sorted(map(str, unknown)), "must not hold anything else")
        _check_history(where, state["history"], epoch)
        if parts["model"] is not None:
            _check_model(where, parts["model"].state_dict(), state["model"])
        if parts["optimizer"] is not None:
            _check_optimizer(where, parts["optimizer"], state["optimizer"])
        if parts["scheduler"] is not None:
            _check_scheduler(where, parts["scheduler"], state["scheduler"])
        torch.Generator().set_state(state["random"])
        if generator is not None and state["generator"] is not None:
            torch.Generator(generator.device).set_state(state["generator"])
        with _all_or_none(parts):
            for name, part in parts.items():
                if part is not None:
                    groups = [set(group) for group in getattr(part, "param_groups", ())]
                    part.load_state_dict(state[name])
                    for before, after in zip(
                        groups, getattr(part, "param_groups", ()), strict=True
                    ):
                        if lost := sorted(before - after.keys()):
                            fail(where, name, lost, "must have all options", got="without")
    except (
        ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, EOFError, UnpicklingError,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split()).removeprefix(f"{where}: ")[:500]
        msg = f"{where} does not fit this training ({reason}); pass resume=False to start anew"
        raise ValueError(msg) from None
    torch.set_rng_state(state["random"])
    if generator is not None and state["generator"] is not None:
        generator.set_state(state["generator"])
    history: list[dict[str, Any]] = state["history"]
    return history


@contextlib.contextmanager
def _checksums() -> Iterator[None]:
    """Have torch.save write checksums, which can be switched off since PyTorch 2.6."""
    options = getattr(torch.serialization, "get_crc32_options", None)
    if options is None or options():
        yield
        return
    torch.serialization.set_crc32_options(True)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(False)


@contextlib.contextmanager
def _all_or_none(parts: Mapping[str, Any]) -> Iterator[None]:
    """Restore all parts after an error."""
    present = [part for part in parts.values() if part is not None]
    before = [copy.deepcopy(part.state_dict()) for part in present]
    try:
        yield
    except BaseException:
        for part, state in zip(present, before, strict=True):
            part.load_state_dict(state)
        raise


def _check_history(where: str, history: Any, epoch: type[Any]) -> None:
    names = {field.name for field in dataclasses.fields(epoch)}
    if not isinstance(history, list):
        fail(where, "history", type(history).__name__, "must be a list")
    for k, past in enumerate(history, 1):
        if not isinstance(past, dict) or past.keys() != names or past["epoch"] != k:
            fail(where, "history", k, "must have the results of all epochs", got="epoch")
        for name, value in past.items():
            kinds = Real if name != "test_accuracy" else Real | None
            if not isinstance(value, kinds) or isinstance(value, bool):
                fail(where, f"history: {name}", type(value).__name__, "must be a number")


def _check_model(where: str, own: Mapping[str, Any], saved: Any) -> None:
    found = saved.keys() if isinstance(saved, Mapping) else set()
    # What a module keeps in addition to its tensors may be newer than the checkpoint.
    late = {name for name in own.keys() - found if name.endswith("_extra_state")}
    if not isinstance(saved, Mapping) or found | late != own.keys():
        differ = sorted(map(str, own.keys() ^ found))[:5]
        fail(where, "model", differ, "must have the same parameters", got="differences in")
    for name, value in own.items():
        if name in late:
            continue
        if not isinstance(value, torch.Tensor):
            if type(saved[name]) is not type(value):
                kind = type(value).__name__
                fail(where, f"model: {name}", type(saved[name]).__name__, f"must be a {kind}")
        elif not torch.nn.parameter.is_lazy(value):
            _check_tensor(where, f"model: {name}", saved[name], value, value.shape)


def _check_tensor(where: str, name: str, saved: Any, own: Any, *shapes: Any) -> None:
    if not isinstance(saved, torch.Tensor) or saved.is_meta or saved.layout != own.layout:
        fail(where, name, type(saved).__name__, "must be a tensor")
    if saved.dtype != own.dtype or saved.shape not in shapes:
        got = (saved.dtype, tuple(saved.shape))
        fail(where, name, got, f"must be {own.dtype} of shape {tuple(own.shape)}")


def _check_optimizer(where: str, optimizer: Any, saved: Any) -> None:
    """Check what `load_state_dict` takes as it is: it copies states and options of any kind."""
    groups = [(group, group["params"]) for group in optimizer.param_groups]
    for (own, params), stored in zip(groups, saved["param_groups"], strict=True):
        if len(stored["params"]) != len(params):
            fail(where, "optimizer", len(stored["params"]), f"must have {len(params)} parameters")
        for name in own.keys() & stored.keys() - {"params"}:
            if (
                isinstance(own[name], bool) and stored[name] is not own[name]
            ):  # they choose a method
                kind = type(stored[name]).__name__
                fail(where, f"optimizer: {name}", kind, f"must be {own[name]}")
            _check_kind(where, f"optimizer: {name}", own[name], stored[name])
    params = [p for _, group in groups for p in group]
    ids = [i for group in saved["param_groups"] for i in group["params"]]
    if len(set(ids)) < len(ids) or not saved["state"].keys() <= set(ids):
        fail(where, "optimizer", sorted(saved["state"].keys(), key=str)[:5], "must be of the model")
    if not type(optimizer).__module__.startswith("torch.optim") or isinstance(
        optimizer, torch.optim.LBFGS
    ):
        return  # the state of other optimizers is unknown
    kinds: dict[bool, dict[str, str]] = {}  # of parameters that are matrices, and of others
    for i, parameter in zip(ids, params, strict=True):
        if i in saved["state"]:
            state = saved["state"][i]
            own = {name: _kind_of(where, name, value, parameter) for name, value in state.items()}
            first = kinds.setdefault(parameter.dim() > 1, own)
            alike = first.keys() == own.keys() and all(
                kind == first[name] or "any" in (kind, first[name]) for name, kind in own.items()
            )
            if not alike:
                fail(where, f"optimizer: state {i}", own, f"must be as that of others, {first}")
            missing = _state_names(optimizer, parameter) - own.keys()
            if missing:
                rule = f"must have {', '.join(sorted(missing))}"
                fail(where, f"optimizer: state {i}", sorted(own), rule)


def _state_names(optimizer: Any, parameter: Any) -> set[str]:
    """Return the names of what an optimizer of torch keeps for such a parameter, as a step of a new one shows."""
    probe = torch.nn.Parameter(torch.zeros([1] * parameter.dim()))
    probe.grad = torch.zeros_like(probe)
    fresh = object.__new__(type(optimizer))
    try:
        torch.optim.Optimizer.__init__(fresh, [probe], dict(optimizer.defaults))
        fresh.step()
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError):
        return set()  # one with attributes of its own: nothing is known
    return set(fresh.state[probe])


def _kind_of(where: str, name: str, value: Any, parameter: Any) -> str:
    """Return what a value of an optimizer's state is: a number, or as large as its parameter."""
    if not isinstance(value, torch.Tensor):
        if value is not None and not isinstance(value, Real):
            fail(where, f"optimizer: {name}", type(value).__name__, "must be a tensor or a number")
        return "nothing" if value is None else "number"
    if name == "step" and not (value >= 0).all():
        fail(where, "optimizer: step", value.flatten()[:1].tolist(), "must be at least 0")
    shape, whole = value.shape, parameter.shape
    if value.is_complex() != parameter.is_complex() and len(shape):
        fail(where, f"optimizer: {name}", value.dtype, f"must be as {parameter.dtype}")
    if shape == whole:
        return "any" if whole.numel() == 1 else "whole"
    if value.numel() == 1 and len(shape) < 2:
        return "any" if whole.numel() == 1 else "scalar"
    if shape in ((*whole[:-1], 1), (*whole[:-2], 1, *whole[-1:])):
        return "factor"  # of Adafactor
    rule = f"must have the shape of its parameter, {tuple(whole)}"
    return fail(where, f"optimizer: {name}", tuple(shape), rule, got="shape")


def _check_scheduler(where: str, scheduler: Any, saved: Any) -> None:
    """Check what `load_state_dict` takes as attributes of any name."""
    own = scheduler.state_dict()
    for name, value in saved.items():
        if name in own:
            _check_kind(where, f"scheduler: {name}", own[name], value)
        elif not isinstance(name, str) or hasattr(scheduler, name):
            fail(where, "scheduler", str(name)[:50], "must have only its own state")


def _check_kind(where: str, name: str, own: Any, saved: Any) -> None:
    """Check that a value is of the kind of the present one; options that are None or a bool may have changed."""
    if isinstance(own, str | None) or isinstance(saved, str | None):
        optional = own is None or isinstance(own, bool | None)
        plain = not isinstance(saved, str) and isinstance(saved, bool | Real | None)
        if saved != own and not (optional and plain):
            fail(where, name, type(saved).__name__, f"must be {own!r}")
    elif isinstance(own, Real | torch.Tensor) and isinstance(saved, Real | torch.Tensor):
        if isinstance(saved, torch.Tensor) and (isinstance(own, int) or saved.numel() != 1):
            fail(where, name, tuple(saved.shape), "must be a number", got="tensor of shape")
        if isinstance(saved, int) and not -(2**63) <= saved < 2**63:
            fail(where, name, saved, "must fit 64 bits")
    elif type(own) is not type(saved):
        fail(where, name, type(saved).__name__, f"must be a {type(own).__name__}")
    elif isinstance(own, Sequence):
        if len(own) != len(saved):
            fail(where, name, len(saved), f"must have {len(own)} values")
        for k, (mine, other) in enumerate(zip(own, saved, strict=True)):
            _check_kind(where, f"{name}[{k}]", mine, other)
    elif isinstance(own, Mapping):
        if own.keys() != saved.keys():
            fail(where, name, sorted(map(str, saved.keys()))[:5], f"must have {sorted(own)}")
        for key, value in own.items():
            _check_kind(where, f"{name}[{key!r}]", value, saved[key])
