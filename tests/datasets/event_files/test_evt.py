"""What EVT formats share."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet import datasets
from spikelet.datasets.event_files.evt import Held, stated


def test_values_hold_until_the_next_one():
    held = Held(-1)
    marks = np.array([False, True, False, True, True, False])
    assert held(marks, np.array([5, 6, 7]), np.array([0, 1, 2, 3, 5])).tolist() == [-1, 5, 5, 6, 7]
    assert held(marks[:1], np.array([], int), np.array([0])).tolist() == [7]
    assert held(marks[:2], np.array([9]), np.array([0, 1])).tolist() == [7, 9]


@pytest.mark.parametrize(
    ("head", "version"),
    [
        (b"% evt 3.0\n", "3.0"),
        (b"% date 2026\n% format EVT2;width=1\n", "2.0"),
        (b"% format EVT21;width=1\n", "2.1"),
        (b"% date 2026\n\0\1", ""),
        (b"", ""),
    ],
)
def test_stated_version(head, version):
    assert stated(head) == version


def test_another_version(tmp_path):
    (tmp_path / "a.raw").write_bytes(b"% evt 2.1\n% end\n")
    for name, version in (("evt2", "2.0"), ("evt3", "3.0")):
        with pytest.raises(ValueError, match=f"the header must state EVT {version}, got '2.1'"):
            datasets.read_events(tmp_path / "a.raw", name)
