"""Files from which a training goes on as if it had never stopped."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from spikelet._util.checks import fail

__all__ = ["load", "save"]


def save(
    path: Path, parts: dict[str, Any], generator: Any, seed: int, history: list[dict[str, Any]]
) -> None:
    """Write the state of a training under another name, then give it its own: what is there is always whole."""
    state = {name: part.state_dict() for name, part in parts.items() if part is not None}
    state |= {"seed": seed, "history": history}
    state["random"] = torch.get_rng_state()
    state["generator"] = None if generator is None else generator.get_state()
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        try:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).replace(path)


def load(path: Path, parts: dict[str, Any], generator: Any, seed: int) -> list[dict[str, Any]]:
    """Restore what `save` wrote; return the history."""
    where = f"fit: checkpoint {path}"
    try:
        state = torch.load(path, weights_only=True)
        if state["seed"] != seed:
            fail(where, "seed", seed, f"must be {state['seed']}, with which it was made")
        for name, part in parts.items():
            if (part is None) != (name not in state):
                fail(where, name, part, "must be given if and only if it was before")
        history: list[dict[str, Any]] = state["history"]
        for name, part in parts.items():
            if part is not None:
                part.load_state_dict(state[name])
    except (RuntimeError, KeyError, TypeError, OSError, EOFError, UnpicklingError) as error:
        reason = " ".join(str(error).split())
        msg = f"{where} does not fit ({reason}); resume=False starts anew"
        raise ValueError(msg) from None
    torch.set_rng_state(state["random"])
    if generator is not None and state["generator"] is not None:
        generator.set_state(state["generator"])
    return history
