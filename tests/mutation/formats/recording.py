"""Recordings on disk, closed, or as a writer leaves them that has died: `net.record(..., to=...)`, `read_recording`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tests.mutation.format import Format
from tests.mutation.mutate import Random
from tests.mutation.values import NUMBERS, OTHERS, change_array, pick

import spikelet as sl


def mark(path: Path) -> None:
    """Mark a file as open for writing, as HDF5 does."""
    from spikelet.recording import hdf5_metadata as metadata  # noqa: PLC0415 - h5py may be missing

    data = bytearray(path.read_bytes())
    data[11] = 5
    data[44:48] = metadata.checksum(bytes(data[:44])).to_bytes(4, "little")
    path.write_bytes(data)


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
    needs = ("h5py",)

    def write(self, folder: Path, seed: int) -> None:
        rng = np.random.default_rng(seed)
        path = folder / "rec.h5"
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
        if rng.random() < 0.5:
            mark(path)

    def read(self, folder: Path) -> Any:
        return seen(folder / "rec.h5")

    def craft(self, folder: Path, rng: Random) -> str:
        """Change something by HDF5, which makes its own checksums right."""
        import h5py  # noqa: PLC0415 - may be missing

        from spikelet.recording import hdf5_sums  # noqa: PLC0415

        path = folder / "rec.h5"
        data = bytearray(path.read_bytes())
        if data[11]:  # HDF5 opens no file that is marked as open
            from spikelet.recording import hdf5_metadata as metadata  # noqa: PLC0415

            data[11] = 0
            data[44:48] = metadata.checksum(bytes(data[:44])).to_bytes(4, "little")
            path.write_bytes(data)
        with h5py.File(path, "r+", libver="latest", locking=False) as file:
            group = file[pick(rng, file)]
            where = pick(rng, (file, group, group, group, group))
            if where is file or rng.random() < 0.3:
                name = pick(rng, where.attrs)
                value = pick(rng, [x for x in (*NUMBERS, *OTHERS) if not _odd(x)])
                if name == "size" and isinstance(value, int) and value > 2**20:
                    value = 2**20  # a user who counts spikes gets one number for each element
                where.attrs[name] = value
                if rng.random() < 0.9:
                    hdf5_sums.seal(where, {})
                return f"attribute {name} of {where.name} to {value!r}"
            name = pick(rng, group)
            values, what = change_array(group[name][...], rng)
            if values.dtype.kind in "MU":
                values, what = np.zeros(0), "emptied"
            del group[name]
            if rng.random() < 0.9:
                group.create_dataset(name, data=values)
            return f"{group.name}/{name}: {what}"


def _odd(value: Any) -> bool:
    """Return whether HDF5 cannot store a value as an attribute."""
    if value is None or isinstance(value, list | dict):
        return True
    return (isinstance(value, int) and not -(2**63) <= value < 2**64) or value == "\0"


FORMAT = RecordingFile()
