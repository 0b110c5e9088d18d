"""AEDAT 2.0: address maps, and what is no event of a pixel."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from tests.support import event_files as writers

from spikelet import datasets

SIZES = {"dvs128": (128, 128), "davis240": (240, 180), "davis346": (346, 260)}


@pytest.mark.parametrize("camera", SIZES)
def test_cameras(tmp_path, camera):
    events = writers.random_events(2000, SIZES[camera], 2**34)  # four turns of the clock
    writers.aedat2(tmp_path / "a.aedat", events, camera)
    np.testing.assert_array_equal(datasets.read_events(tmp_path / "a.aedat"), events)


def test_addresses_of_jaer(tmp_path):
    """A DVS128's bit of polarity is 0 for ON, a DAVIS's is 1; both count from the lower right corner."""
    head = b"#!AER-DAT2.0\r\n"
    for camera, address, expected in (
        ("dvs128", 5 << 8 | 3 << 1, (9, 124, 122, 1)),
        ("dvs128", 5 << 8 | 3 << 1 | 1, (9, 124, 122, 0)),
        ("davis240", 5 << 22 | 3 << 12 | 1 << 11, (9, 236, 174, 1)),
        ("davis346", 5 << 22 | 3 << 12, (9, 342, 254, 0)),
    ):
        (tmp_path / "a.aedat").write_bytes(head + struct.pack(">II", address, 9))
        assert datasets.read_events(tmp_path / "a.aedat", camera=camera).tolist() == [expected]


def test_other_samples_are_left_out(tmp_path):
    events = writers.random_events(20, (240, 180))
    writers.aedat2(tmp_path / "a.aedat", events, others=[1 << 31 | 500 << 22, 1 << 10])
    np.testing.assert_array_equal(datasets.read_events(tmp_path / "a.aedat"), events)


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        (b"#!AER-DAT1.0\r\n", {}, 'the header must begin with "#!AER-DAT2.0"'),
        (b"", {}, 'the header must begin with "#!AER-DAT2.0"'),
        (
            b"#!AER-DAT2.0\r\n",
            {},
            "must name a camera of dvs128, davis240, davis346 as AEChip.*got 'none'",
        ),
        (b"#!AER-DAT2.0\r\n# AEChip: a.b.Cochlea\r\n", {}, "pass camera=, got 'a.b.Cochlea'"),
        (
            b"#!AER-DAT2.0\r\n",
            {"camera": "foo"},
            'camera must be "dvs128", "davis240" or "davis346"',
        ),
        (
            b"#!AER-DAT2.0\r\n\0\0\0",
            {"camera": "dvs128"},
            "byte 14: the data must be events of 8 bytes",
        ),
        (
            b"#!AER-DAT2.0\r\n" + struct.pack(">II", 999 << 12, 0),
            {"camera": "davis240"},
            "byte 14: x must lie in",
        ),
    ],
    ids=range(7),
)
def test_refused(tmp_path, data, arguments, message):
    (tmp_path / "a.aedat").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        datasets.read_events(tmp_path / "a.aedat", "aedat2", **arguments)
