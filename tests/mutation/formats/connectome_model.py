"""Networks of connectomes: `ConnectomeModel.save` and `ConnectomeModel.load`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from tests.mutation.format import Format
from tests.mutation.mutate import Random
from tests.mutation.values import change_npz

from spikelet.models import ConnectomeModel, GradedNeuron, connectome


class ConnectomeFile(Format):
    def write(self, folder: Path, seed: int) -> None:
        edges = ([0, 1, 2, 2, 5], [1, 2, 0, 3, 4], [300, 200, -100, 150, 10])
        options: dict[str, Any] = (
            {"model": GradedNeuron(C_m=9.0), "gaps": ([0], [1], [2])} if seed % 2 else {}
        )
        model = connectome(edges, scale=0.2 / 9 ** (seed % 2), seed=seed % 99, threads=1, **options)
        if not seed % 2:
            model.activate([0, 2], rate=200.0)
        model.silence([1])
        model.lesion([4])
        model.advance(5.0)
        model.save(folder / "model.npz")

    def read(self, folder: Path) -> Any:
        model = ConnectomeModel.load(folder / "model.npz", threads=1)
        weights = [p.weights for p in model.projections]
        return repr(model), model.ids, dict(model.columns), weights, model.coupling is None

    def craft(self, folder: Path, rng: Random) -> str:
        return change_npz(folder / "model.npz", rng)

    def use(self, folder: Path) -> None:
        model = ConnectomeModel.load(folder / "model.npz", threads=1)
        every = model.network.dt if model.coupling is None else model.coupling.every
        with suppress(FloatingPointError):  # a valid file may hold currents that no cell bears
            if every < 1.0:
                model.advance(every)
        model.restore()
        model.silence(np.arange(len(model.ids)))
        model.save(folder.parent / "again.npz")
        ConnectomeModel.load(folder.parent / "again.npz", threads=1)


FORMAT = ConnectomeFile()
