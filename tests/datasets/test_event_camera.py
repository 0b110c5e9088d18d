"""Films as events, and events as frames."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet import datasets
from spikelet.datasets import event_camera


def test_film_sends_an_event_for_each_change():
    movie = np.zeros((2, 4, 1, 3))
    movie[0, :, 0, 0] = [0, 0.6, 0.6, 0.1]  # three ON in the first ms, two OFF in the last
    movie[0, :, 0, 1] = [0.5, 0.6, 0.71, 0.71]  # one ON, when 0.7 is reached
    (found_events, nothing) = event_camera.film(movie, 0.2)
    assert found_events.dtype == event_camera.EVENT
    assert len(nothing) == 0
    found = [tuple(int(v) for v in event) for event in found_events]
    assert found == [
        (0, 0, 333, 1), (0, 0, 666, 1), (0, 0, 1000, 1), (1, 0, 1909, 1),
        (0, 0, 2400, 0), (0, 0, 2800, 0),
    ]  # fmt: skip


def test_events_sum_up_to_brightness():
    rng = np.random.default_rng(0)
    movies = rng.random((3, 20, 5, 6)).cumsum(1) * rng.choice([-0.2, 0.2], (3, 1, 5, 6))
    for movie, sent in zip(movies, event_camera.film(movies, 0.05), strict=True):
        assert (np.diff(sent["t"]) >= 0).all()
        total = np.zeros((5, 6))
        np.add.at(total, (sent["y"], sent["x"]), np.where(sent["p"], 0.05, -0.05))
        assert np.abs(total - (movie[-1] - movie[0])).max() < 0.05 + 1e-9


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: datasets.moving_digits(label="speed"), ValueError, "label must be"),
        (lambda: datasets.moving_digits(size=4), ValueError, "size must be >= 8"),
        (lambda: datasets.moving_digits(threshold=0), ValueError, "threshold must be"),
        (lambda: datasets.moving_digits(seed=-1), ValueError, "seed must be >= 0"),
        (lambda: event_camera.film(np.zeros((3, 4, 4))), ValueError, r"\[B, frames, H, W\]"),
    ],
)
def test_bad_events(call, error, message):
    with pytest.raises(error, match=message):
        call()
