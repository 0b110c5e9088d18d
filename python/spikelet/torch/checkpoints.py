"""Checkpoints from which training resumes as if it had never stopped."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections import Counter, OrderedDict
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from spikelet._util.checks import fail
from spikelet._util.container import Format

_FORMAT = Format("spikelet training", version=2)
_OWN = {"seed", "history", "random", "generator"}
_OPTIONAL = ("test_accuracy", "validation_accuracy")
_ERRORS = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError,
)  # fmt: skip


def save(
    path: Path, parts: dict[str, Any], generator: Any, seed: int, history: list[dict[str, Any]]
) -> None:
    """Save the state of training; the file is replaced atomically, so it is always complete."""
    _FORMAT.save(path, *contents(parts, generator, seed, history))


def contents(
    parts: dict[str, Any], generator: Any, seed: int, history: list[dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the header and the arrays of a checkpoint.

    Raises
    ------
    TypeError
        If a state holds what cannot be stored.
    """
    state = {name: part.state_dict() for name, part in parts.items() if part is not None}
    state |= {"seed": seed, "history": history, "random": torch.get_rng_state()}
    state["generator"] = None if generator is None else generator.get_state()
    arrays: dict[str, NDArray[Any]] = {}
    header = {name: stored(name, value, arrays) for name, value in state.items()}
    # Versions of modules, which decide how their states are read.
    versions = getattr(state["model"], "_metadata", {})
    return {"state": header, "versions": stored("model", versions, arrays)}, arrays


def stored(name: str, value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    """Return a value as JSON, and add its tensors to the arrays."""
    if isinstance(value, torch.Tensor):
        flat, key = value.detach().cpu().reshape(-1), str(len(arrays))
        try:
            arrays[key] = flat.numpy()
        except TypeError:  # numpy has no such type, e.g. bfloat16
            arrays[key] = flat.view(torch.uint8).numpy()
        dtype = str(value.dtype).removeprefix("torch.")
        return {"is": "tensor", "of": key, "dtype": dtype, "shape": list(value.shape)}
    if isinstance(value, list):
        return [stored(name, v, arrays) for v in value]
    if isinstance(value, tuple):
        return {"is": "tuple", "of": stored(name, list(value), arrays)}
    if isinstance(value, Mapping):
        kind = "counter" if isinstance(value, Counter) else "dict"
        return {"is": kind, "of": [stored(name, list(pair), arrays) for pair in value.items()]}
    if value is not None and not isinstance(value, bool | int | float | str):
        rule = "must hold numbers, strings, tensors, and lists or dictionaries of them to be stored"
        what = f"state of the {name}"
        fail("fit: checkpoint", what, type(value).__name__, rule, error=TypeError)
    return value


def restored(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Return the value of which `stored` made JSON."""
    if isinstance(value, list):
        return [restored(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    kind, of = value["is"], value["of"]
    if kind == "tensor":
        flat = torch.from_numpy(arrays[of].copy())
        return flat.view(getattr(torch, value["dtype"])).reshape(value["shape"])
    kinds: dict[str, Any] = {"tuple": tuple, "dict": OrderedDict, "counter": Counter}
    found = restored(of, arrays)
    return kinds[kind](found if kind == "tuple" else dict(found))


def load(
    path: Path, parts: dict[str, Any], generator: Any, seed: int, epoch: type[Any]
) -> list[dict[str, Any]]:
    """Restore a saved state, and return the history.

    Parameters
    ----------
    path : Path
    parts : dict of name to object or None
        Model, optimizer, scheduler and best state.
    generator : torch.Generator or None
    seed : int
    epoch : type
        Dataclass of an item of the history.

    Raises
    ------
    ValueError
        If the file is damaged, or belongs to other parts or another seed. Nothing has changed then.
    """
    where = f"fit: checkpoint {path}"
    present = {name: part for name, part in parts.items() if part is not None}
    before = {name: copy.deepcopy(part.state_dict()) for name, part in present.items()}
    try:
        header, arrays = _FORMAT.load(path)
        state = {name: restored(value, arrays) for name, value in header["state"].items()}
        vars(state["model"])["_metadata"] = restored(header["versions"], arrays)
        _check(where, state, parts, seed, epoch)
        torch.Generator().set_state(state["random"])
        has_generator = generator is not None and state["generator"] is not None
        if has_generator:
            torch.Generator(generator.device).set_state(state["generator"])
        try:
            for name, part in present.items():
                part.load_state_dict(state[name])
            _check_groups(where, present.get("optimizer"), before)
        except BaseException:
            for name, part in present.items():
                part.load_state_dict(before[name])
            raise
    except _ERRORS as error:
        reason = " ".join(str(error).split()).removeprefix(f"{where}: ")[:500]
        msg = f"{where} does not fit this training ({reason}); pass resume=False to start anew"
        raise ValueError(msg) from None
    torch.set_rng_state(state["random"])
    if has_generator:
        generator.set_state(state["generator"])
    history: list[dict[str, Any]] = state["history"]
    return history


def _check(where: str, state: Any, parts: dict[str, Any], seed: int, epoch: type[Any]) -> None:
    """Refuse a state of other parts: PyTorch loads states of optimizers and schedulers without a look at them."""
    if type(state["seed"]) is not int or state["seed"] != seed:
        fail(where, "seed", seed, f"must be {state['seed']}, as in the saved run")
    for name, part in parts.items():
        if (part is None) != (name not in state):
            kind = type(part).__name__
            fail(where, name, kind, "must be given if and only if it was in the saved run")
    if unknown := state.keys() - _OWN - parts.keys():
        fail(where, "content", sorted(map(str, unknown)), "must not hold anything else")
    number = 0.0
    kinds = {field.name: number for field in dataclasses.fields(epoch)}
    for k, past in enumerate(state["history"], 1):
        own = kinds | {name: None for name in _OPTIONAL if past.get(name, 0) is None}
        _require_alike(where, "history", own, past)
        if past["epoch"] != k:
            fail(where, "history", past["epoch"], f"must have epoch {k} here")
    for name in ("model", "best"):
        if state.get(name):
            _require_alike(where, name, parts["model"].state_dict(), state[name])
    if parts["optimizer"] is not None:
        _check_optimizer(where, parts["optimizer"], state["optimizer"])
    if parts["scheduler"] is not None:
        _require_alike(where, "scheduler", parts["scheduler"].state_dict(), state["scheduler"])


def _check_optimizer(where: str, optimizer: Any, saved: Any) -> None:
    own = optimizer.state_dict()["param_groups"]
    for mine, other in zip(own, saved["param_groups"], strict=True):
        common = mine.keys() & other.keys()  # a newer PyTorch may have more options
        _require_alike(where, "optimizer", *({n: g[n] for n in common} for g in (mine, other)))
        for name in common:
            chosen = name == "params" or isinstance(mine[name], bool)  # a bool chooses a method
            if chosen and other[name] != mine[name]:
                fail(where, f"optimizer: {name}", other[name], f"must be {mine[name]}")
    states = _states_after_a_step(optimizer)
    known = {i for group in own for i in group["params"]}
    for i, found in saved["state"].items():
        if i not in known:
            fail(where, "optimizer", i, "must be of the model", got="state of parameter")
        if states is not None:
            _require_alike(where, f"optimizer: state {i}", states[i], found)


def _states_after_a_step(optimizer: Any) -> dict[int, Any] | None:
    """Return what an optimizer of torch keeps for its parameters, or None if that is unknown."""
    if not type(optimizer).__module__.startswith("torch.optim"):
        return None
    with contextlib.suppress(Exception):  # gradients that it does not take, lazy parameters
        stepped = copy.deepcopy(optimizer)
        for way in ("pre", "post"):  # a user's hooks must not see this step
            getattr(stepped, f"_optimizer_step_{way}_hooks").clear()
        for group in stepped.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.zeros_like(parameter)
        stepped.step()
        states: dict[int, Any] = stepped.state_dict()["state"]
        return states
    return None


def _check_groups(where: str, optimizer: Any, before: Mapping[str, Any]) -> None:
    """Refuse groups without an option that the optimizer needs."""
    if optimizer is None:
        return
    for own, group in zip(before["optimizer"]["param_groups"], optimizer.param_groups, strict=True):
        if lost := sorted(own.keys() - group.keys()):
            fail(where, "optimizer", lost, "must have all options", got="without")


def _require_alike(where: str, name: str, own: Any, saved: Any) -> None:
    """Require that a saved value has the structure of the present one: names, lengths, types and shapes."""
    if isinstance(own, torch.Tensor) and torch.nn.parameter.is_lazy(own):
        return
    if isinstance(own, torch.Tensor) and isinstance(saved, torch.Tensor):
        kinds = [(t.dtype, t.layout, tuple(t.shape), t.is_meta) for t in (own, saved)]
        if kinds[0] != kinds[1]:
            got = (saved.dtype, tuple(saved.shape))
            fail(where, name, got, f"must be {own.dtype} of shape {tuple(own.shape)}")
    elif isinstance(own, Mapping) and isinstance(saved, Mapping):
        if own.keys() != saved.keys():
            differ = sorted(map(str, own.keys() ^ saved.keys()))[:5]
            fail(where, name, differ, "must have the same names", got="differences in")
        for key, value in own.items():
            _require_alike(where, f"{name}: {key}", value, saved[key])
    elif isinstance(own, list | tuple) and type(own) is type(saved):
        if len(own) != len(saved):
            fail(where, name, len(saved), f"must have {len(own)} values")
        for k, (mine, other) in enumerate(zip(own, saved, strict=True)):
            _require_alike(where, f"{name}[{k}]", mine, other)
    elif isinstance(own, bool | None) and isinstance(saved, bool | Real | None):
        pass  # options that may be chosen anew
    elif isinstance(own, Real) and isinstance(saved, Real) and not isinstance(saved, bool):
        if isinstance(saved, int) and not -(2**63) <= saved < 2**63:
            fail(where, name, saved, "must fit 64 bits")
    elif type(own) is not type(saved) or own != saved:
        fail(where, name, type(saved).__name__, f"must be {own!r}")
