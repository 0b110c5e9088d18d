"""Data of recordings have checksums: by blocks of entries, of which the last grows, and of attributes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.recorded import assert_same, recorded

import spikelet as sl
from spikelet.recording.hdf5_sums import Count, Growing, Stored, count_of, seal

h5py = pytest.importorskip("h5py")

BLOCK = 8


def group_of(path: Path) -> Any:
    file = h5py.File(path, "w", libver="latest")
    group = file.create_group("g")
    group.create_dataset("done", data=Count(0, -1).packed())
    sums = group.create_dataset("sums", (0, 2), "u4", maxshape=(None, 2), chunks=(4, 2))
    sums.attrs["block"] = BLOCK
    return group


@pytest.mark.parametrize("pieces", [[20], [8, 8, 4], [1] * 20, [3, 9, 0, 8], [16, 4], [7, 1, 12]])
def test_pieces_give_the_sums_of_the_whole(pieces: list[int], tmp_path: Path) -> None:
    stamps, data = np.arange(20), np.random.default_rng(1).random((20, 3))
    group = group_of(tmp_path / "f")
    growing, n = Growing(group), 0
    for size in pieces:
        part = slice(n, n + size)
        count = growing.add(stamps[part], data[part], 7)
        n += size
        group["done"][...] = count.packed()
        sums = Stored(group)
        assert (sums.count.entries, sums.count.step) == (n, 7)
        sums.verify(0, stamps[:n], data[:n])
        sums.verify(0, None, data[:n])
        if n > BLOCK:
            sums.verify(BLOCK, stamps[BLOCK:n], None)
    for at in range(20):
        wrong = stamps.copy()
        wrong[at] += 1
        with pytest.raises(ValueError, match=r"entries .* of g do not match"):
            sums.verify(0, wrong, data)
    assert sums.around(9, 10) == (8, 16)
    assert sums.around(15, 18) == (8, 20)


def test_the_number_of_entries_has_a_checksum(tmp_path: Path) -> None:
    group = group_of(tmp_path / "f")
    good = Count(5, 3, (1, 2)).packed()
    group["done"][...] = good
    assert count_of(group) == Count(5, 3, (1, 2))
    for k in range(len(good)):
        bad = good.copy()
        bad[k] ^= 1 << 20
        group["done"][...] = bad
        with pytest.raises(ValueError, match="number of entries"):
            count_of(group)


def change(path: Path, how: Callable[[Any], Any]) -> None:
    with h5py.File(path, "r+", libver="latest", locking=False) as file:
        how(file)


def set_item(file: Any, key: str, at: Any) -> None:
    values = file[key][...]
    values[at] += 1
    file[key][...] = values


DAMAGE: dict[str, Callable[[Any], Any]] = {
    "stamp": lambda f: set_item(f, "cells.spikes/stamps", 3),
    "id": lambda f: set_item(f, "cells.spikes/ids", 3),
    "element": lambda f: f["cells.spikes.2"].__delitem__("elements"),
    "last": lambda f: set_item(f, "cells.spikes/ids", -1),
    "value": lambda f: set_item(f, "cells.V_m/values", (5, 1)),
    "weight": lambda f: set_item(f, "poisson-cells.weights/values", (-1, 1)),
    "done": lambda f: set_item(f, "cells.spikes/done", 0),
    "attribute": lambda f: f["cells.spikes"].attrs.__setitem__("population", "cellz"),
    "file": lambda f: f.attrs.__setitem__("seed", 4),
    "short": lambda f: f["cells.spikes/stamps"].resize(5, axis=0),
    "missing": lambda f: f["cells.spikes"].__delitem__("done"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(damage: str, tmp_path: Path) -> None:
    net, _ = recorded(tmp_path / "r.h5")
    net.run(20.0)

    def read() -> None:
        for name in sl.recording_names(tmp_path / "r.h5"):
            r: Any = sl.read_recording(tmp_path / "r.h5", name)
            assert len(r.times) == len(r.ids if hasattr(r, "ids") else r.values)
            if hasattr(r, "counts") and damage == "element":
                r.counts()

    read()
    if (
        damage == "element"
    ):  # a part without its list would seem whole; only a data set's own bytes are summed
        flip(tmp_path / "r.h5")
    else:
        change(tmp_path / "r.h5", DAMAGE[damage])
    with pytest.raises(ValueError, match=r"recording .*r\.h5"):
        read()


def flip(path: Path) -> None:
    """Flip a bit of the list of recorded elements."""
    data = bytearray(path.read_bytes())
    at = data.index(np.array([70, 3, 12], np.uint32).tobytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("key", ["stamps", "ids"])
def test_a_search_is_not_led_astray(key: str, tmp_path: Path) -> None:
    """Parts are found by bisection: the stamps that it reads must be right."""
    net, _ = recorded(tmp_path / "r.h5")
    net.run(100.0)
    r: Any = sl.read_recording(tmp_path / "r.h5", "cells.spikes")
    middle = len(r) // 2

    def astray(file: Any) -> None:
        values = file[f"cells.spikes/{key}"][...]
        values[middle] = 0
        file[f"cells.spikes/{key}"][...] = values

    change(tmp_path / "r.h5", astray)
    with pytest.raises(ValueError, match="do not match their checksum"):
        r.between(60.0, 80.0)


def test_full_blocks_are_verified_one_by_one(tmp_path: Path) -> None:
    net = sl.Network(threads=1)
    source = net.population(400, sl.PoissonSource(500.0))
    net.record(source, "spikes", to=tmp_path / "r.h5")
    net.run(120.0)
    net.run(120.0)
    r: Any = sl.read_recording(tmp_path / "r.h5")
    assert len(r) > 2 * (1 << 14)
    late = r.between(220.0)[1]
    change(tmp_path / "r.h5", lambda f: set_item(f, f"{r.name}/ids", 100))
    np.testing.assert_array_equal(r.between(220.0)[1], late)  # its blocks are right
    with pytest.raises(ValueError, match="entries 0 to 16384"):
        r.between(0.0, 1.0)


def as_version_1(file: Any) -> None:
    """Make a file what the version before wrote."""
    file.attrs["version"] = 1
    for group in (file, *file.values()):
        del group.attrs["check"]
        for name, value in group.attrs.items():
            if isinstance(value, bytes) and name != "writer":
                group.attrs[name] = value.decode()
    for group in file.values():
        done = group["done"][:2]
        for name in ("sums", "done"):
            del group[name]
        group.create_dataset("done", data=done)


def test_files_of_the_version_before_are_read_and_go_on(tmp_path: Path) -> None:
    straight, _ = recorded()
    straight.run(50.0)
    net, _ = recorded(tmp_path / "r.h5")
    net.run(30.0, save=tmp_path / "c")
    del net
    change(tmp_path / "r.h5", as_version_1)
    assert len(sl.read_recording(tmp_path / "r.h5", "cells.spikes").times) > 10
    found = sl.Network.load(tmp_path / "c")
    found.run(20.0)
    for f, e in zip(found.recorders, straight.recorders, strict=True):
        assert_same(f, e)
    with h5py.File(tmp_path / "r.h5") as file:
        assert file.attrs["version"] == 2
        assert "sums" in file["cells.spikes"]


@pytest.mark.parametrize("dt", [0.0, -0.1, float("nan"), float("inf"), "/", 1])
def test_a_time_step_that_cannot_be_is_refused(dt: Any, tmp_path: Path) -> None:
    """Also where the checksum is right."""
    net, _ = recorded(tmp_path / "r.h5")
    net.run(2.0)
    change(tmp_path / "r.h5", lambda f: seal(f, {"dt": dt}))
    with pytest.raises(ValueError, match="dt must be a time > 0"):
        sl.read_recording(tmp_path / "r.h5", "cells.V_m")


@pytest.mark.parametrize("size", [-1, 2**32, float("-inf"), 5.0, "/"])
def test_a_size_that_cannot_be_is_refused(size: Any, tmp_path: Path) -> None:
    net, _ = recorded(tmp_path / "r.h5")
    net.run(2.0)
    change(tmp_path / "r.h5", lambda f: seal(f["cells.spikes"], {"size": size}))
    with pytest.raises(ValueError, match="size must be a number of elements"):
        sl.read_recording(tmp_path / "r.h5", "cells.spikes")
