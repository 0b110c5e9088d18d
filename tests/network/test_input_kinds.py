"""How inputs become the core's arrays: what is refused, and large counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make, trace
from tests.network.test_inject import FLEETING, METER
from tests.support.counts import assert_poisson

import spikelet as sl


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("mean", [50_000.0, 100_000.0, 2.0**18])
def test_counts_beyond_16_bits(mean: float, array: bool, dtype: str) -> None:
    """1e9 Hz are 100 000 events a step; 34 468 arrived."""
    n, steps = 64, 4
    net = make(dtype=dtype)
    cells = net.population(n, FLEETING)
    net.inject(
        cells, sl.PoissonInput(rate=np.full(n, mean * 1e4) if array else mean * 1e4, weight=1.0)
    )
    counts = trace(net, cells, "I_syn_ex", steps * 0.1).astype(np.float64)
    z = (counts - mean) / np.sqrt(mean)
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / z.size)


@pytest.mark.parametrize("array", [False, True])
def test_small_counts_of_a_part_follow_the_distribution(array: bool) -> None:
    net = make()
    cells = net.population(5000, FLEETING)
    part = cells[::41]
    n = len(part)
    rate = np.full(n, 7e3) if array else 7e3
    net.inject(part, sl.PoissonInput(rate=rate, weight=1.0))
    counts = trace(net, part, "I_syn_ex", 150.0)
    assert_poisson(counts.astype(np.int64).reshape(-1), 0.7)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (
            sl.PoissonInput(rate=2.7e9, weight=1.0),
            ("rate", "2.621e+09 Hz", "262144 events", "0.1 ms"),
        ),
        (sl.PoissonInput(rate=[1.0, 1e300], weight=1.0), ("rate", "2.621e+09 Hz", "1e+300")),
        (sl.PoissonInput(rate=1e9, weight=1e34), ("weight", "1e+34", "3.4e+38", "float32")),
        (sl.PoissonInput(rate=1.0, weight=1e300), ("weight", "1e+300", "float32")),
        (sl.CurrentInput([1e300]), ("values", "1e+300", "float32")),
        (sl.NoiseInput(every=1e20), ("every", "1e+20", "2^53 steps")),
        (sl.NoiseInput(mean=1e300), ("mean and std", "1e+300", "float32")),
        (sl.NoiseInput(std=[1.0, 1e38]), ("mean and std", "1e+38", "float32")),
    ],
)
def test_what_the_network_cannot_represent_is_refused(what: Any, words: tuple[str, ...]) -> None:
    net = make(dtype="float32")
    cells = net.population(2, sl.LIF(), name="cells")
    with pytest.raises(ValueError, match="inject cells: ") as caught:
        net.inject(cells, what)
    for word in words:
        assert word in str(caught.value)
    assert net.inputs == ()
    net.run(0.1)


def test_the_bound_of_a_rate_follows_dt() -> None:
    net = make(dt=1.0)
    cells = net.population(2, sl.LIF())
    net.inject(cells, sl.PoissonInput(rate=2.6e8, weight=1e-9))
    with pytest.raises(
        ValueError, match=r"at most 2\.621e\+08 Hz, 262144 events in a step of 1 ms"
    ):
        net.inject(cells, sl.PoissonInput(rate=2.7e8, weight=1.0))


def test_the_largest_weight_and_rate_stay_finite() -> None:
    net = make(dtype="float32")
    cells = net.population(3, METER)
    net.inject(cells, sl.NoiseInput(std=1e36))
    net.inject(cells, sl.CurrentInput([1e37]))
    net.run(0.1)
    assert np.isfinite(cells.V_m[:]).all()


TWO = sl.Equations(
    "da/dt = 0; db/dt = 0", receptors={"a": "a += weight", "b": "b += weight"}, name="Two"
)


def test_poisson_events_at_a_named_receptor(tmp_path: Path) -> None:
    net = make()
    cells = net.population(4, TWO())
    drive = net.inject(cells[:2], sl.PoissonInput(5000.0, 2.0, receptor="b"))
    net.run(10.0)
    drive.weight = -1.0
    assert drive.receptor == "b"
    net.save(tmp_path / "net.npz")
    other = sl.Network.load(tmp_path / "net.npz")
    assert other.inputs[0].receptor == "b"
    for n in (net, other):
        n.run(10.0)
        population = n.populations[0]
        assert not np.any(population.a)
        assert not np.any(population.b[2:])
        assert np.all(np.abs(population.b[:2]) > 0)
    np.testing.assert_array_equal(cells.b, other.populations[0].b)


def test_a_receptor_has_to_exist() -> None:
    net = make()
    cells, lif = net.population(2, TWO()), net.population(2, sl.LIF())
    with pytest.raises(ValueError, match=r'must be given: Two has the receptors "a", "b"'):
        net.inject(cells, sl.PoissonInput(10.0, 1.0))
    for population in (cells, lif):
        with pytest.raises(ValueError, match=r"receptor must be .* got 'c'"):
            net.inject(population, sl.PoissonInput(10.0, 1.0, receptor="c"))
    with pytest.raises(TypeError, match="receptor must be the name of a receptor, got 3"):
        sl.PoissonInput(10.0, 1.0, receptor=3)  # type: ignore[arg-type]
    assert len(net.inputs) == 0


def test_a_named_receptor_of_a_built_in_model() -> None:
    net = make()
    cells = net.population(2, sl.LIFCond(V_th=1000.0))
    net.inject(cells[:1], sl.PoissonInput(5000.0, 1.0, receptor="in"))
    net.inject(cells[1:], sl.PoissonInput(5000.0, 1.0, receptor="ex"))
    net.run(10.0)
    assert cells.g_in[0] > 0 == cells.g_in[1]
    assert cells.g_ex[1] > 0 == cells.g_ex[0]


def test_an_input_of_plain_numbers_is_its_own_description() -> None:
    """Networks of an ensemble may share what describes them."""
    what = sl.PoissonInput(rate=8000.0, weight=35.0)
    nets = [sl.Network(dt=0.1, seed=seed) for seed in (1, 1)]
    drives = [net.inject(net.population(5, sl.LIF()), what) for net in nets]
    assert all(drive.input is what for drive in drives)
    drives[0].set(rate=1.0)
    assert (float(what.rate), float(drives[1].input.rate)) == (8000.0, 8000.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.0, 1e3, 2.6214e9, 2.622e9, 1e300])
@pytest.mark.parametrize("weight", [1.0, -4e36, 4.8e36, -1e305, 1e308])
def test_one_rate_and_weight_are_checked_as_arrays_are(
    rate: float, weight: float, dtype: Any
) -> None:
    """There is a shorter way for one number of each."""

    def outcome(*values: Any) -> str:
        net = make(dtype=dtype)
        cells = net.population(2, sl.LIF())
        try:
            net.inject(cells, sl.PoissonInput(*values))
        except ValueError as error:
            return str(error)
        return "fine"

    assert outcome(rate, weight) == outcome([rate, rate], [weight, weight])
