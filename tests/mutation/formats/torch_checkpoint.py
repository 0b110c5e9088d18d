"""Checkpoints of training: `spikelet.torch.fit` with `checkpoint`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from tests.mutation.format import Format
from tests.mutation.mutate import Random
from tests.mutation.values import change_npz


def everything(parts: Any, history: Any) -> Any:
    """Return all that a user can see of a run, with the state of the random numbers."""
    import torch  # noqa: PLC0415  # may be missing

    model, _, optimizer, scheduler = parts
    states = [model.state_dict(), optimizer.state_dict(), scheduler.state_dict()]
    seen = [(e.epoch, e.loss, e.accuracy, e.test_accuracy, e.spikes) for e in history]
    return states, seen, torch.get_rng_state()


class TorchCheckpoint(Format):
    needs = ("torch",)

    def write(self, folder: Path, seed: int) -> None:
        from tests.support.torch_runs import run, setup  # noqa: PLC0415  # needs torch

        run(1 + seed % 2, setup(), checkpoint=folder / "run.pt")

    def read(self, folder: Path) -> Any:
        from tests.support.torch_runs import run, setup  # noqa: PLC0415  # needs torch

        parts = setup()
        _, history = run(1, parts, checkpoint=folder / "run.pt")  # none is left to do
        return everything(parts, history)

    def craft(self, folder: Path, rng: Random) -> str:
        return change_npz(folder / "run.pt", rng)

    def use(self, folder: Path) -> None:
        from tests.support.torch_runs import run, setup  # noqa: PLC0415  # needs torch

        parts = setup()
        copy = folder.parent / "going-on.pt"  # training goes on, and saves
        copy.write_bytes((folder / "run.pt").read_bytes())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run(3, parts, checkpoint=copy)
        except (ValueError, RuntimeError) as error:
            # Weights that are not finite, and options of any size, are as those of a user.
            if "loss" in str(error) or "without overflow" in str(error):
                return
            raise


FORMAT = TorchCheckpoint()
