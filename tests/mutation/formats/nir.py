"""Graphs of NIR: `io.read_nir`.

The format has no checksums, so damage to a number cannot be told from another number: what a reader gives is not compared,
but it must be a ValueError or a graph that runs.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from tests.mutation.format import Format
from tests.mutation.mutate import Random
from tests.mutation.values import change_array, pick

import spikelet as sl
import spikelet.io


class NirFile(Format):
    needs = ("nir", "h5py")

    def write(self, folder: Path, seed: int) -> None:
        import nir  # noqa: PLC0415 - may be missing
        from tests.support.nir_graphs import random_graph  # noqa: PLC0415

        nir.write(folder / "model.nir", sl.io.read_nir(random_graph(seed)).graph)

    def read(self, folder: Path) -> Any:
        model = sl.io.read_nir(folder / "model.nir")
        assert "nodes" in repr(model)
        return []

    def use(self, folder: Path) -> None:
        model = sl.io.read_nir(folder / "model.nir")
        if sum(math.prod(shape) for shape in model.inputs.values()) > 10**5:
            return
        x = {name: np.ones((3, *shape)) for name, shape in model.inputs.items()}
        with np.errstate(all="ignore"):  # numbers near the largest
            for values in model.run(x, dt=1e-3).outputs.values():
                assert len(values) == 3

    def craft(self, folder: Path, rng: Random) -> str:
        import h5py  # noqa: PLC0415 - may be missing

        with h5py.File(folder / "model.nir", "r+") as file:
            names: list[str] = []
            file.visititems(
                lambda name, item: names.append(name) if hasattr(item, "shape") else None
            )
            name = pick(rng, names)
            if rng.random() < 0.2:
                del file[name]
                return f"{name} deleted"
            value = np.asarray(file[name][()])
            if value.dtype.kind == "O":
                del file[name]
                file[name] = pick(rng, ["LIF", "NIRGraph", "", "x" * 1000])
                return f"{name} replaced"
            values, what = change_array(value, rng)
            if values.dtype.kind in "MUOm":
                values, what = np.zeros(0), "emptied"
            del file[name]
            file.create_dataset(name, data=values)
            return f"{name}: {what}"


FORMAT = NirFile()
