"""Positions, profiles and rules of distance, before a network uses them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl
from spikelet.spatial import Profile

D = np.array([0.0, 0.1, 0.25, 1.0])
STEPS = [D, -D]


def test_a_grid_fills_its_extent() -> None:
    net = make()
    cells = net.population(
        6, sl.LIF(), positions=sl.Grid((2, 3), extent=(2.0, 3.0), center=(10.0, 0.0))
    )
    expected = [[x, y] for x in (9.5, 10.5) for y in (-1.0, 0.0, 1.0)]
    np.testing.assert_allclose(cells.positions, expected)
    np.testing.assert_allclose(cells[[4, 0]].positions, [expected[4], expected[0]])
    assert cells.space is not None
    assert cells.space.periodic == (False, False)


def test_free_positions_lie_in_the_box_and_follow_the_seed() -> None:
    places = []
    for seed in (1, 1, 2):
        net = make(seed=seed)
        cells = net.population(
            1000, sl.LIF(), positions=sl.Free((2.0, 0.5, 1.0), center=(0.0, 3.0, 0.0))
        )
        places.append(np.asarray(cells.positions))
    np.testing.assert_array_equal(places[0], places[1])
    assert not np.array_equal(places[0], places[2])
    offset = places[0] - [0.0, 3.0, 0.0]
    assert (np.abs(offset) <= [1.0, 0.25, 0.5]).all()
    np.testing.assert_allclose(
        offset.std(axis=0), np.array([2.0, 0.5, 1.0]) / np.sqrt(12), rtol=0.06
    )


def test_positions_of_a_distribution() -> None:
    net = make()
    where = sl.Free((1.0,), center=5.0, distribution=sl.Normal(0.0, 0.1))
    x = np.asarray(net.population(4000, sl.LIF(), positions=where).positions)
    assert x.shape == (4000, 1)
    assert abs(x.mean() - 5.0) < 0.01
    assert abs(x.std() - 0.1) < 0.005


@pytest.mark.parametrize(
    ("profile", "scale", "expected"),
    [
        ("gaussian", 0.2, np.exp(-0.5 * (D / 0.2) ** 2)),
        ("exponential", 0.2, np.exp(-D / 0.2)),
        ("linear", 0.5, np.maximum(0, 1 - D / 0.5)),
        ("0.1 + 0.2*d", None, 0.1 + 0.2 * D),
        ("1 if dx > dy else 0", None, [0, 1, 1, 1]),
        ("3", None, [3, 3, 3, 3]),
        (lambda d: d**2, None, D**2),
        (lambda d: 7.0, None, [7, 7, 7, 7]),
    ],
    ids=[
        "gaussian",
        "exponential",
        "linear",
        "expression",
        "displacement",
        "constant",
        "function",
        "number",
    ],
)
def test_profiles(profile: Any, scale: Any, expected: Any) -> None:
    found = Profile(profile, scale, factor=2.0).of(D, STEPS)
    np.testing.assert_allclose(found, 2.0 * np.asarray(expected), rtol=1e-14)


def test_values_by_distance_are_clipped() -> None:
    np.testing.assert_allclose(
        sl.ByDistance("d", clip=(0.1, 0.5)).of(D, STEPS), [0.1, 0.1, 0.25, 0.5]
    )


BAD: list[tuple[str, Any, type[Exception], str]] = [
    (
        "no name",
        lambda: Profile("gauss", 1.0),
        ValueError,
        "profile must be one of gaussian, exponential, linear, .*did you mean 'gaussian'",
    ),
    (
        "scale of an expression",
        lambda: Profile("exp(-d)", 1.0),
        ValueError,
        "scale is for profiles with a name only",
    ),
    ("unknown name", lambda: Profile("x + 1"), ValueError, "unknown name 'x'"),
    ("syntax", lambda: Profile("d +"), ValueError, "line 1, column"),
    ("no code", lambda: Profile("__import__('os')"), ValueError, "__import__"),
    ("random", lambda: Profile("rand()"), ValueError, "rand"),
    ("no scale", lambda: Profile("gaussian"), ValueError, "scale must be given"),
    ("scale", lambda: Profile("gaussian", 0.0), ValueError, "scale must be > 0"),
    ("number", lambda: Profile(3.0), TypeError, "must be a name, an expression"),  # type: ignore[arg-type]
    (
        "shape",
        lambda: Profile(lambda d: d[:2]).of(D, STEPS),
        ValueError,
        "one number for each distance",
    ),
    (
        "dimension",
        lambda: sl.ByDistance("d + dz").of(D, STEPS[:1]),
        ValueError,
        "^ByDistance: profile must not depend on dz: positions have no such dimension",
    ),
    ("clip", lambda: sl.ByDistance("d", clip=(2.0, 1.0)), ValueError, "clip must be"),
    (
        "both",
        lambda: sl.DistanceDependent(indegree=1, outdegree=1),
        ValueError,
        "exclude each other",
    ),
    ("cutoff", lambda: sl.DistanceDependent(cutoff=-1.0), ValueError, "cutoff must be > 0"),
    ("box", lambda: sl.DistanceDependent(box=(1.0, 0.0)), ValueError, "box must be"),
    (
        "flag",
        lambda: sl.DistanceDependent(multapses=2),
        TypeError,
        "multapses must be True or False",
    ),  # type: ignore[arg-type]
    (
        "chance",
        lambda: sl.DistanceDependent("2*d").chances(D, STEPS),
        ValueError,
        r"\[0, 1\], also at distance 1",
    ),
    (
        "NaN",
        lambda: sl.DistanceDependent("log(-d - 1)").chances(D, STEPS),
        ValueError,
        "probability",
    ),
    (
        "NaN of a function",
        lambda: sl.DistanceDependent(lambda d: d * np.nan).chances(D, STEPS),
        ValueError,
        "probability in .*, also at distance 0, got nan",
    ),
    ("periodic", lambda: sl.Positions(D, periodic=True), ValueError, "extent must be given"),
    ("flags", lambda: sl.Positions(D, 1.0, 3), TypeError, "periodic must be True or False"),
    ("dimensions", lambda: sl.Positions(np.zeros((3, 4))), ValueError, "1 to 3 dimensions"),
    ("finite", lambda: sl.Positions([[np.inf, 0.0]]), ValueError, "finite"),
    ("grid", lambda: sl.Grid((0, 3)), ValueError, "shape must be >= 1"),
    ("extent", lambda: sl.Grid(3, extent=-1.0), ValueError, "extent must be > 0"),
    ("free", lambda: sl.Free(distribution=3), TypeError, "must be a distribution"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("call", "error", "text"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_descriptions_are_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_positions_must_fit_the_population() -> None:
    net = make()
    with pytest.raises(
        ValueError, match=r"as many places as the population has elements, 5; it has 4"
    ):
        net.population(5, sl.LIF(), positions=sl.Grid((2, 2)))
    with pytest.raises(ValueError, match=r"positions must be \[5, dimensions\]"):
        net.population(5, sl.LIF(), positions=np.zeros((4, 2)))
    cells = net.population(5, sl.LIF(), name="cells")
    assert cells.positions is None
    assert (cells + net.population(1, sl.LIF(), positions=[[0.0, 0.0]])).positions is None
    with pytest.raises(AttributeError, match="positions cannot be set"):
        cells.positions = np.zeros((5, 2))
    assert len(net.populations) == 2
