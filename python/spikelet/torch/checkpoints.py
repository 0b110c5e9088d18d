"""Checkpoints from which training resumes as if it had never stopped."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from spikelet._util.checks import fail
from spikelet._util.files import replaced

__all__ = ["load", "save"]


def save(
    path: Path, parts: dict[str, Any], generator: Any, seed: int, history: list[dict[str, Any]]
) -> None:
    """Save the state of training; the file is replaced atomically, so it is always complete."""
    state = {name: part.state_dict() for name, part in parts.items() if part is not None}
    state |= {"seed": seed, "history": history}
    state["random"] = torch.get_rng_state()
    state["generator"] = None if generator is None else generator.get_state()
    with replaced(path) as file:
        torch.save(state, file)


def load(path: Path, parts: dict[str, Any], generator: Any, seed: int) -> list[dict[str, Any]]:
    """Restore a saved state, and return the history."""
    where = f"fit: checkpoint {path}"
    try:
        state = torch.load(path, weights_only=True)
        if state["seed"] != seed:
            fail(where, "seed", seed, f"must be {state['seed']}, as in the saved run")
        for name, part in parts.items():
            if (part is None) != (name not in state):
                fail(where, name, part, "must be given if and only if it was in the saved run")
        history: list[dict[str, Any]] = state["history"]
        for name, part in parts.items():
            if part is not None:
                part.load_state_dict(state[name])
    except (RuntimeError, KeyError, TypeError, OSError, EOFError, UnpicklingError) as error:
        reason = " ".join(str(error).split())
        msg = f"{where} does not fit this training ({reason}); pass resume=False to start anew"
        raise ValueError(msg) from None
    torch.set_rng_state(state["random"])
    if generator is not None and state["generator"] is not None:
        generator.set_state(state["generator"])
    return history
