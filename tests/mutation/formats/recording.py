"""Recordings on disk, closed, or (the crafted ones) as a writer leaves them that has died: `read_recording`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tests.mutation.format import Format
from tests.mutation.mutate import Random
from tests.mutation.values import NUMBERS, OTHERS, pick
from tests.support.recorded import craft

import spikelet as sl


def seen(path: Path) -> list[Any]:
    """Return all that a user can see of the recordings in a file."""
    found: list[Any] = []
    for name in sl.recording_names(path):
        r = sl.read_recording(path, name)
        found += [name, {k: np.asarray(v) for k, v in r.attributes.items()}, r.t, len(r)]
        assert name in repr(r)
        found += [r.times, r.ids if hasattr(r, "ids") else r.values, *r.between(2.0, 11.0)]
        if hasattr(r, "counts"):
            found += [r.counts(3.0), r.rates()]
    return found


class RecordingFile(Format):
    def write(self, folder: Path, seed: int) -> None:
        rng = np.random.default_rng(seed)
        path = folder / "rec.rec"
        net = sl.Network(seed=seed, threads=1)
        cells = net.population(int(rng.integers(1, 30)), sl.LIF(I_e=600.0), name="cells")
        noise = net.population(3, sl.PoissonSource(300.0))
        rule = sl.STDP(w_max=40.0)
        synapses = net.connect(noise, cells, sl.AllToAll(), weight=20.0, plasticity=rule)
        net.record(cells, "spikes", to=path)
        net.record(cells[::2], "V_m", every=0.5, to=path)
        if rng.random() < 0.5:
            net.record(synapses, "weights", every=2.0, to=path)
        for _ in range(int(rng.integers(1, 4))):
            net.run(float(rng.integers(1, 60)))

    def read(self, folder: Path) -> Any:
        return seen(folder / "rec.rec")

    def craft(self, folder: Path, rng: Random) -> str:
        """Change something in the description, or cut the file as if its writer had died."""
        path, what = folder / "rec.rec", ""

        def change(described: Any) -> None:
            nonlocal what
            recording = pick(rng, described["recordings"])
            where = pick(
                rng, (described["header"], recording, recording["attributes"], recording["arrays"])
            )
            if not where:
                what = "nothing"
                return
            name, value = pick(rng, where), pick(rng, (*NUMBERS, *OTHERS))
            if name == "size" and isinstance(value, int) and value > 2**20:
                value = 2**20  # a user who counts spikes gets one number for each element
            where[name] = value
            what = f"{name} to {value!r}"

        closed = bool(rng.random() < 0.5)
        craft(path, change, closed=closed)
        if not closed:
            data = path.read_bytes()
            at = int(rng.integers(len(data)))
            path.write_bytes(data[:at])
            what += f", cut to {at} bytes"
        return what


FORMAT = RecordingFile()
