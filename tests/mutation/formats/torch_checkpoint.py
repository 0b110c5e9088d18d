"""Checkpoints of training: `spikelet.torch.fit` with `checkpoint`."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from tests.mutation.format import Format
from tests.mutation.mutate import Random
from tests.mutation.values import change_array, change_json, pick


def everything(parts: Any, history: Any) -> Any:
    """Return all that a user can see of a run, with the state of the random numbers."""
    import torch  # noqa: PLC0415  # may be missing

    model, _, optimizer, scheduler = parts
    states = [model.state_dict(), optimizer.state_dict(), scheduler.state_dict()]
    seen = [(e.epoch, e.loss, e.accuracy, e.test_accuracy, e.spikes) for e in history]
    return states, seen, torch.get_rng_state()


def tensors(tree: Any) -> list[tuple[Any, Any]]:
    """Return (container, key) of all tensors of a tree."""
    found = []
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        if hasattr(value, "detach"):
            found.append((tree, key))
        elif isinstance(value, dict | list):
            found += tensors(value)
    return found


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
        import torch  # noqa: PLC0415  # may be missing

        path = folder / "run.pt"
        if rng.random() < 0.3:
            return self._craft_pickle(path, rng)
        state = torch.load(path, weights_only=True)
        if rng.random() < 0.5:
            container, key = pick(rng, tensors(state))
            changed, what = change_array(container[key].numpy(), rng)
            try:
                container[key] = torch.from_numpy(np.ascontiguousarray(changed))
            except (TypeError, ValueError):
                container[key], what = None, "removed"
            what = f"{key}: {what}"
        else:
            what = change_json(state, rng)
        with path.open("wb") as file:
            torch.save(state, file)
        return what

    def _craft_pickle(self, path: Path, rng: Random) -> str:
        """Change bytes of the pickle, such as the size of an array."""
        with zipfile.ZipFile(path) as archive:
            files = {member.filename: archive.read(member) for member in archive.infolist()}
        name = next(name for name in files if name.endswith("/data.pkl"))
        data = bytearray(files[name])
        at = int(rng.integers(len(data)))
        if rng.random() < 0.5 and (small := data.find(b"K", at)) >= 0:  # a number of one byte
            data[small : small + 2] = b"J" + struct.pack("<i", pick(rng, (-1, 10**6, 2**31 - 1)))
            at = small
        else:
            data[at] ^= 1 << int(rng.integers(8))
        files[name] = bytes(data)
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        path.write_bytes(memory.getvalue())
        return f"byte {at} of the pickle"

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
