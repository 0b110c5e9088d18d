"""The yin-yang data set."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet import datasets


def test_yin_yang_is_balanced_and_seeded():
    points, labels = datasets.yin_yang(3001, seed=3)
    assert points.shape == (3001, 4)
    assert points.dtype == np.float32
    assert labels.dtype == np.uint8
    assert np.bincount(labels).tolist() == [1001, 1000, 1000]
    assert 200 < np.count_nonzero(labels[:900] == 2) < 400  # in random order
    np.testing.assert_allclose(points[:, :2] + points[:, 2:], 1, atol=1e-7)
    again, other = datasets.yin_yang(3001, seed=3)[0], datasets.yin_yang(3001, seed=4)[0]
    np.testing.assert_array_equal(points, again)
    assert (points != other).any()
    assert datasets.yin_yang(0)[0].shape == (0, 4)


def test_yin_yang_geometry():
    points, labels = datasets.yin_yang(6000)
    x, y = points[:, :2].T.astype(float)
    assert np.hypot(x - 0.5, y - 0.5).max() <= 0.5
    near = np.minimum(np.hypot(x - 0.25, y - 0.5), np.hypot(x - 0.75, y - 0.5))
    np.testing.assert_array_equal(labels == 2, near <= 0.1)
    for right, above, there in ((0, 1, [0]), (1, 1, [0, 1]), (0, 0, [0, 1]), (1, 0, [1])):
        quarter = labels[((x > 0.5) == right) & ((y > 0.5) == above)]
        assert [c for c in (0, 1) if np.count_nonzero(quarter == c) > 100] == there
        assert set(quarter) == {*there, 2}
    # Half a turn about the centre makes yang of yin.
    yin, yang = (points[labels == c, :2].mean(0) for c in (0, 1))
    np.testing.assert_allclose(yin, 1 - yang, atol=0.03)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": -1}, ValueError, "n must be >= 0"),
        ({"n": 2.5}, TypeError, "n must be an integer"),
        ({"n": 3, "seed": -1}, ValueError, "seed must be >= 0"),
        ({"n": 3, "r_small": 0.3}, ValueError, "must be 0 < r_small < r_big / 2"),
        ({"n": 3, "r_small": float("nan")}, ValueError, "r_small must not contain NaN"),
        ({"n": 3, "r_big": "x"}, TypeError, "r_big must be a number"),
    ],
)
def test_yin_yang_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=f"datasets.yin_yang: .*{message}"):
        datasets.yin_yang(**arguments)
