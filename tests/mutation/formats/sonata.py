"""SONATA's files: `sl.io.write_sonata`, `sl.io.read_sonata`. They have no checksums, so what is damaged may be valid."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from tests.mutation.format import Format
from tests.mutation.mutate import Random
from tests.mutation.values import NUMBERS, change_array, change_json, pick

import spikelet as sl


def _network(seed: int) -> sl.Network:
    rng = np.random.default_rng(seed)
    net = sl.Network(seed=seed, threads=1, dtype="float64")
    n = int(rng.integers(2, 20))
    cells = net.population(n, sl.LIF(I_e=rng.uniform(300.0, 500.0, n)), name="cells")
    other = net.population(5, sl.AdEx(), name="other")
    given = net.population(3, sl.SpikeSource([1.0, 2.0, 2.5], [0, 1, 2]), name="given")
    rule = sl.STDP(w_max=40.0, coincidence="ignore")
    net.connect(given, cells, sl.AllToAll(), weight=20.0, plasticity=rule)
    net.connect(
        cells, other, sl.FixedIndegree(3), weight=sl.Uniform(1.0, 2.0), delay=sl.Uniform(1.0, 2.0)
    )
    net.inject(cells[1:], sl.StepCurrent([1.0, 3.0], [50.0, 0.0]))
    net.record(cells[::2], "V_m", every=0.5)
    return net


class SonataFiles(Format):
    needs = ("h5py", "pandas")
    errors = (ValueError, OSError)  # OSError: a path in a configuration leads nowhere

    def write(self, folder: Path, seed: int) -> None:
        sl.io.write_sonata(_network(seed), folder, tstop=4.0)

    def read(self, folder: Path) -> Any:
        """Read, and return no result: a changed weight is a weight."""
        self.use(folder)

    def use(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sets and spikes that are not there any more
            found = sl.io.read_sonata(folder / "simulation_config.json", threads=1)
            found.network.prepare()
            assert "SonataNetwork" in repr(found)

    def craft(self, folder: Path, rng: Random) -> str:
        path = pick(rng, self.targets(folder))
        if path.suffix == ".h5":
            return f"{path.name}: {_change_dataset(path, rng)}"
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            value = json.loads(text)
            what = change_json(value, rng)
            text = json.dumps(value)
        else:
            lines = [line.split(" ") for line in text.splitlines()]
            row = pick(rng, lines)
            at = int(rng.integers(len(row)))
            row[at] = str(pick(rng, (*NUMBERS, "", "NULL", "-1", "x")))
            what = f"field {at} to {row[at]!r}"
            text = "\n".join(" ".join(line) for line in lines)
        path.write_text(text, encoding="utf-8", errors="replace")
        return f"{path.name}: {what}"


def _change_dataset(path: Path, rng: Random) -> str:
    import h5py  # noqa: PLC0415 - may be missing

    names: list[str] = []
    with h5py.File(path, "r+") as file:
        file.visit(names.append)
        name = pick(rng, names)
        item = file[name]
        if isinstance(item, h5py.Group) or rng.random() < 0.1:
            del file[name]
            return f"without {name}"
        attributes = dict(item.attrs)
        values, what = change_array(item[...], rng)
        if values.dtype.kind in "MUO":
            values, what = np.zeros(0), "emptied"
        del file[name]
        data = file.create_dataset(name, data=values)
        for key, attribute in attributes.items():
            data.attrs[key] = attribute
        return f"{name}: {what}"


FORMAT = SonataFiles()
