"""Damaged structures of recordings are found before HDF5 waits for a writer to mend them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import spawn
from tests.mutation.formats.recording import mark

import spikelet as sl
from spikelet.recording import hdf5_metadata

h5py = pytest.importorskip("h5py")


@pytest.fixture
def recorded(small: tuple[sl.Network, Any], tmp_path: Path) -> Path:
    net, cells = small
    net.record(cells, "spikes", to=tmp_path / "r.h5")
    net.record(cells, "V_m", to=tmp_path / "r.h5")
    net.run(30.0)
    return tmp_path / "r.h5"


def test_the_checksum_is_that_of_hdf5(recorded: Path) -> None:
    head = recorded.read_bytes()[:48]
    assert hdf5_metadata.checksum(head[:44]).to_bytes(4, "little") == head[44:]
    assert hdf5_metadata.superblock(recorded) == head
    # From the author's driver program: http://burtleburtle.net/bob/c/lookup3.c
    assert hdf5_metadata.checksum(b"Four score and seven years ago") == 0x17770551
    assert hdf5_metadata.checksum(b"") == 0xDEADBEEF


def test_every_bit_of_the_superblock_counts(recorded: Path) -> None:
    whole = recorded.read_bytes()
    for at in (*range(0, 48, 5), 11, 47):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        recorded.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"r\.h5: not a recording on disk"):
            sl.recording_names(recorded)


def test_a_file_whose_writer_died_is_read(recorded: Path) -> None:
    expected = sl.read_recording(recorded, "cells.V_m").values
    mark(recorded)
    hdf5_metadata.check(recorded, h5py)
    assert (sl.read_recording(recorded, "cells.V_m").values == expected).all()


@pytest.mark.skipif(sys.platform == "win32", reason="the time limit kills by a signal")
def test_damage_to_the_structure_of_a_file_whose_writer_died_is_found(recorded: Path) -> None:
    """In SWMR mode HDF5 reads a block whose checksum is wrong again and again, for longer than anyone waits."""
    mark(recorded)
    whole = recorded.read_bytes()
    blocks = [
        m.start() for m in re.finditer(rb"OHDR|OCHK|EAHD|EAIB|FRHP|FHDB|BTHD|BTLF|FAHD", whole)
    ]
    assert len(blocks) > 8
    cases = []
    for at in blocks[::3]:
        damaged = bytearray(whole)
        damaged[at + 12] ^= 1
        path = recorded.with_name(f"{at}.h5")
        path.write_bytes(damaged)
        cases.append(str(path))
    said = spawn(f"""
import signal
import spikelet as sl
for path in {cases!r}:
    signal.alarm(30)
    try:
        for name in sl.recording_names(path):
            sl.read_recording(path, name).times
        print("equal")
    except ValueError as error:
        assert path in str(error)
        print("refused")
""").split()
    assert said.count("refused") >= len(cases) - 1
