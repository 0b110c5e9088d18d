"""Event files: one of each format that has a writer. Most have no checksum: a damaged file may be another valid one."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from tests.mutation.format import Format
from tests.mutation.mutate import Random, mutant
from tests.mutation.values import pick
from tests.support import event_files as writers

from spikelet import datasets

_LONGEST = 100_000  # events: the files have a few


class EventFiles(Format):
    needs = ("lz4", "zstandard")
    summed = False

    def write(self, folder: Path, seed: int) -> None:
        import lz4.frame  # noqa: PLC0415
        import zstandard  # noqa: PLC0415

        rng = np.random.default_rng(seed)
        events = writers.random_events(int(rng.integers(1, 60)), (10, 10), 10_000, seed)
        writers.nmnist(folder / "a.bin", events)
        writers.aedat2(folder / "b.aedat", events)
        writers.aedat3(folder / "c.aedat", events, 20)
        writers.aedat4(folder / "d.aedat4", events, 1, lz4.frame.compress)
        writers.aedat4(folder / "e.aedat4", events, 3, zstandard.compress)
        writers.dat(folder / "f.dat", events)
        writers.evt2(folder / "g.raw", events)
        writers.evt3(folder / "h.raw", events)
        writers.st_mnist(folder / "i.mat", events)
        np.save(folder / "j.npy", events)

    def read(self, folder: Path) -> Any:
        return [self._one(path) for path in self.targets(folder)]

    def craft(self, folder: Path, rng: Random) -> str:
        path = pick(rng, self.targets(folder))
        data = bytearray(path.read_bytes())
        if rng.random() < 0.5:
            at = int(rng.integers(0, max(1, len(data) - 4)))
            value = pick(rng, (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**24, int(rng.integers(2**32))))
            data[at : at + 4] = struct.pack("<I", value)
            what = f"{value} at {at}"
        else:
            changed, what = mutant(bytes(data), rng)
            data = bytearray(changed)
        path.write_bytes(data)
        return f"{path.name}: {what}"

    @staticmethod
    def _one(path: Path) -> Any:
        events = datasets.read_events(path, unsorted="keep")
        assert len(events) <= _LONGEST
        assert (
            (events["x"] >= 0) & (events["y"] >= 0) & (events["p"] >= 0) & (events["p"] <= 1)
        ).all()
        return events


FORMAT = EventFiles()
