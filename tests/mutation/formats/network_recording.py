"""Checkpoints of networks that record to disk, together with the recording that they go on with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.mutation.format import Format
from tests.mutation.formats import network, recording
from tests.mutation.mutate import Random
from tests.mutation.values import change_npz

import spikelet as sl


class RecordingNetwork(Format):
    errors = network.NetworkFile.errors

    def write(self, folder: Path, seed: int) -> None:
        net = sl.Network(seed=seed, threads=1)
        cells = net.population(5, sl.LIF(I_e=600.0), name="cells")
        net.record(cells, "spikes", to=folder / "rec.rec")
        net.record(cells[1:4], "V_m", every=0.5, to=folder / "rec.rec")
        net.record(cells, "spikes")
        net.run(20.0 + seed % 7)
        net.save(folder / "net.npz", recorders=True)

    def read(self, folder: Path) -> Any:
        net = sl.Network.load(folder / "net.npz", threads=1)
        return network.seen(net), recording.seen(folder / "rec.rec")

    def craft(self, folder: Path, rng: Random) -> str:
        return change_npz(folder / "net.npz", rng)

    def use(self, folder: Path) -> None:
        copy = folder.parent / "copy"  # a run writes to the recording
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        sl.Network.load(copy / "net.npz", threads=1).run(5.0)


FORMAT = RecordingNetwork()
