"""DVS128-Gesture: a recording and its table."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support import event_files as writers

from spikelet import datasets

EVENTS = writers.random_events(1000, (128, 128))


def test_parts_of_a_recording(tmp_path):
    spans = [(2, 100_000, 200_000), (11, 300_000, 300_500), (1, 900_000, 5_000_000)]
    writers.gestures(tmp_path, "user01_led", spans, EVENTS)
    parts = datasets.read_gestures(
        tmp_path / "user01_led.aedat", tmp_path / "user01_led_labels.csv"
    )
    assert [label for _, label in parts] == [1, 10, 0]
    assert datasets.GESTURES[parts[0][1]] == "right hand wave"
    for (events, _), (_, start, stop) in zip(parts, spans, strict=True):
        expected = EVENTS[(EVENTS["t"] >= start) & (EVENTS["t"] < stop)]
        expected["t"] -= start
        np.testing.assert_array_equal(events, expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with the line class,startTime_usec,endTime_usec, got 'nothing'"),
        ("a,b,c\n", "must begin with the line"),
        (
            "class,startTime_usec,endTime_usec\n12,0,1\n",
            r"line 2 of the table must be a class in 1 \.\. 11",
        ),
        ("class,startTime_usec,endTime_usec\n1,0,1\n1,5,4\n", "line 3 of the table must be"),
        ("class,startTime_usec,endTime_usec\n1,0\n", "line 2 of the table must be"),
        ("class,startTime_usec,endTime_usec\n1,0,x\n", "line 2 of the table must be"),
    ],
    ids=range(6),
)
def test_damaged_tables(tmp_path, text, message):
    writers.gestures(tmp_path, "a", [], EVENTS)
    (tmp_path / "a_labels.csv").write_text(text)
    with pytest.raises(ValueError, match=rf"^datasets.read_gestures: .*a_labels\.csv.*{message}"):
        datasets.read_gestures(tmp_path / "a.aedat", tmp_path / "a_labels.csv")


def test_damaged_recording(tmp_path):
    writers.aedat3(tmp_path / "a.aedat", writers.random_events(100, (200, 128)))
    (tmp_path / "a.csv").write_text("class,startTime_usec,endTime_usec\n1,0,1000000\n")
    with pytest.raises(ValueError, match=r"a\.aedat: byte \d+: x must lie in 0 \.\. 127"):
        datasets.read_gestures(tmp_path / "a.aedat", tmp_path / "a.csv")
