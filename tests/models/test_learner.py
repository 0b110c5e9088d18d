"""Networks that learn images: what they keep, repeat, refuse, and what the votes are."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet.models import DiehlCook, WinnerTakeAll
from spikelet.models.images import brightness
from spikelet.models.voting import assign, classify

KINDS = (DiehlCook, WinnerTakeAll)


def pictures(n: int, side: int = 6, seed: int = 0) -> Any:
    """Return noisy versions of 3 patterns, and which it is."""
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(7).random((3, side, side)) < 0.4
    labels = np.arange(n) % 3
    return (patterns[labels] * rng.integers(150, 256, (n, side, side))).astype(np.uint8), labels


def small(kind: Any, **kwargs: Any) -> Any:
    """Make a network whose images take little time."""
    short = {"show": 100.0, "rest": 20.0, "intensity": 6.0} if kind is DiehlCook else {}
    return kind(12, 36, **{"seed": 3, **short, **kwargs})


@pytest.mark.parametrize("kind", KINDS)
def test_learns_patterns(kind: Any) -> None:
    images, labels = pictures(240)
    # Two passes of few images: DiehlCook learns faster than published, and answers with more spikes.
    fast: Any = {"plasticity": sl.DiehlCookSTDP(eta_post=0.05), "total": 7.0}
    network = small(kind, **(fast if kind is DiehlCook else {})).fit(images, epochs=2)
    votes = assign(network.respond(images), labels, 3)
    test, expected = pictures(60, seed=1)
    assert np.mean(classify(network.respond(test), votes) == expected) > 0.9  # chance: 1/3


@pytest.mark.parametrize("kind", KINDS)
def test_threads_do_not_matter(kind: Any) -> None:
    images, _ = pictures(6)
    one, three = (small(kind, threads=n).fit(images) for n in (1, 3))
    assert one.theta.any()
    np.testing.assert_array_equal(one.weights, three.weights)
    np.testing.assert_array_equal(one.theta, three.theta)
    counts = one.respond(images)
    assert counts.sum() > 6
    np.testing.assert_array_equal(counts, three.respond(images))
    other = small(kind, seed=4).fit(images)
    assert (other.weights != one.weights).mean() > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_answers_do_not_depend_on_the_other_images(kind: Any) -> None:
    images, _ = pictures(30)
    network = small(kind).fit(images)
    counts = network.respond(images)
    assert counts.sum() > 30
    order = np.random.default_rng(0).permutation(30)[:17]
    np.testing.assert_array_equal(network.respond(images[order]), counts[order])


@pytest.mark.parametrize("kind", KINDS)
def test_answering_changes_nothing(kind: Any) -> None:
    images, _ = pictures(40)
    network, other = small(kind), small(kind)
    for part in (10, 25, 40):
        network.fit(images[:part])
        network.respond(images[:5])
        _ = network.weights, network.theta
    # What was annealed depends on the plan, so the other one has the same.
    for part in (10, 25, 40):
        other.fit(images[:part])
    np.testing.assert_array_equal(network.weights, other.weights)
    np.testing.assert_array_equal(network.theta, other.theta)


@pytest.mark.parametrize("kind", KINDS)
def test_goes_on_from_a_checkpoint(kind: Any, tmp_path: Path) -> None:
    images, _ = pictures(12)
    whole = small(kind).fit(images, epochs=2)

    class Stop(Exception):
        pass

    def stop(shown: int) -> None:
        if shown == 17:
            raise Stop

    path = tmp_path / "network.npz"
    with pytest.raises(Stop):
        small(kind).fit(images, epochs=2, progress=stop, checkpoint=path, every=8)
    assert [p.name for p in tmp_path.iterdir()] == ["network.npz"]
    again = kind.load(path, threads=2)
    assert again.shown == 16
    assert again.plasticity == whole.plasticity
    again.fit(images, epochs=2, checkpoint=path, every=8)
    np.testing.assert_array_equal(again.weights, whole.weights)
    np.testing.assert_array_equal(again.theta, whole.theta)
    np.testing.assert_array_equal(kind.load(path).respond(images), whole.respond(images))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(again)).weights, whole.weights)
    wrong = DiehlCook if kind is WinnerTakeAll else WinnerTakeAll
    for bad in (path, Path(__file__)):
        with pytest.raises(ValueError, match=r"load: path must be a file written by save, got"):
            wrong.load(bad)


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_no_network_before_fit(kind: Any, tmp_path: Path) -> None:
    network = kind(4, 9)
    for use in (
        lambda: network.weights, lambda: network.theta, lambda: network.respond(GOOD),
        lambda: network.save(tmp_path / "x"), network.frozen,
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match=f"{kind.__name__} has learned nothing yet"):
            use()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "rule",
    [
        sl.STDP(A_plus=0.01, A_minus=0.01, w_min=-1.0),
        sl.STDP(A_plus=0.01, A_minus=0.01, dependence="power_law", mu_plus=0.4),
    ],
)
def test_other_rules_answer_as_well(kind: Any, rule: Any) -> None:
    """Their bounds, below 0 or infinite, are none of the frozen network's."""
    images, _ = pictures(20)
    network = small(kind, plasticity=rule).fit(images)
    before = network.weights
    assert network.respond(images).sum() > 0
    np.testing.assert_array_equal(network.weights, before)


def test_weights_keep_their_sum() -> None:
    images, _ = pictures(40)
    network = small(DiehlCook, total=9.0).fit(images)
    network.net.projections[0].normalise(9.0)
    np.testing.assert_allclose(network.weights.sum(axis=0), 9.0, rtol=1e-5)
    network = small(WinnerTakeAll, total=4.0, plasticity=sl.STDP(A_plus=0.01, A_minus=0.002))
    network.fit(images)
    np.testing.assert_allclose(network.weights.sum(axis=0), 4.0, rtol=1e-5)
    assert network.theta.max() > 0


def test_dim_images_are_shown_brighter() -> None:
    images, _ = pictures(4)
    network = small(DiehlCook, show=350.0, least_spikes=5)
    network.fit(images // 8)
    assert network.net.t > 4 * 370.0  # some were shown again
    network = small(DiehlCook)
    network.fit(np.zeros((2, 6, 6), np.uint8))
    assert network.net.t == 2 * 120.0  # nothing helps a black one


def test_amplitudes_shrink() -> None:
    images, _ = pictures(40)
    network = small(WinnerTakeAll, anneal=0.25).fit(images)
    rule: Any = network.net.projections[0].plasticity
    assert 0.25 <= rule.A_plus / network.plasticity.A_plus < 0.3


def test_rates_share_one_sum_and_empty_images_stay_dark() -> None:
    network = WinnerTakeAll(3, 4, input_rate=100.0)
    rates = network.rates(np.array([[0.0, 1.0, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0]], np.float32))
    np.testing.assert_allclose(rates, [[0.0, 50.0, 25.0, 25.0], [0.0] * 4])


def test_votes() -> None:
    counts = np.array([[4, 0, 0], [2, 0, 1], [0, 3, 1]])
    shares = assign(counts, [7, 7, 1], by="shares")
    assert shares.weight.shape == (3, 10)
    assert shares.weight[0, 7] == shares.weight[1, 1] == 1.0
    np.testing.assert_allclose(shares.weight[2, [1, 7]], [2 / 3, 1 / 3])  # means 1 and 0.5
    silent = assign(np.zeros((3, 3)), [7, 7, 1], by="shares")
    np.testing.assert_array_equal(silent.weight, 0.0)
    most = assign(counts, [7, 7, 1], by="most")
    np.testing.assert_array_equal(most.weight[:, 7], [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(most.weight[:, 1], [0.0, 0.5, 0.5])  # two share a vote
    likely = assign(counts, [7, 7, 1])
    np.testing.assert_array_equal(likely.classes, [7, 1, 1])
    np.testing.assert_allclose(likely.bias[[1, 7]], [-4.0, -3.5])  # of a Poisson distribution
    np.testing.assert_allclose(likely.weight[0, 7], np.log(3.0), rtol=0.01)
    for votes in (shares, most, likely):
        np.testing.assert_array_equal(classify(counts, votes), [7, 7, 1])
    with pytest.raises(ValueError, match=r"assign: by must be .*got 'luck'"):
        assign(counts, [7, 7, 1], by="luck")  # type: ignore[arg-type]  # on purpose


GOOD = np.full((2, 3, 3), 0.5)
BAD_IMAGES: list[tuple[Any, Any, str]] = [
    (GOOD - 1.0, ValueError, r"images\[0\] must be in \[0, 1\], or uint8, got -0.5"),
    (GOOD * [[[1]], [[3]]], ValueError, r"images\[1\] must be in \[0, 1\], or uint8, got 1.5"),
    (np.where(GOOD > 0, np.nan, 0), ValueError, r"got nan"),
    (np.full((2, 3, 3), 200, np.int64), ValueError, r"got 200.0"),
    (GOOD[:, :2], ValueError, r"images must have 9 pixels each, got shape \(2, 2, 3\)"),
    (
        np.zeros(9),
        ValueError,
        r"must be \[n, ...\], one row of pixels for each image, got shape \(9,\)",
    ),
    (np.array([["a"]]), TypeError, r"images must be an array of numbers, got <U1"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("images", "error", "text"), BAD_IMAGES)
def test_bad_images(kind: Any, images: Any, error: type[Exception], text: str) -> None:
    network = kind(4, 9).fit(GOOD)
    before = network.weights, network.shown, network.net.t
    for call in (network.fit, network.respond):
        with pytest.raises(error, match=f"{kind.__name__}: .*{text}"):
            call(images)
    np.testing.assert_array_equal(network.weights, before[0])
    assert (network.shown, network.net.t) == before[1:]


def test_images_of_all_kinds() -> None:
    grey = np.array([[0, 51, 255]], np.uint8)
    np.testing.assert_allclose(brightness("x", grey), [[0.0, 0.2, 1.0]], rtol=1e-6)
    np.testing.assert_array_equal(brightness("x", [[True, False]]), [[1.0, 0.0]])
    assert brightness("x", np.zeros((0, 4, 4)), 16).shape == (0, 16)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([0, 1], r"counts and labels must be \[n, n_neurons\] and \[n\], got shapes"),
        ([0, 1, 10], r"labels must be whole numbers in 0 .. 9, got \[0, 1, 10\]"),
        ([0, 1, -1], r"labels must be whole numbers"),
        ([0.5, 1.0, 2.0], r"labels must be whole numbers"),
    ],
)
def test_labels_that_do_not_fit(labels: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        assign(np.ones((3, 2)), labels)


@pytest.mark.parametrize(
    ("kind", "kwargs", "text"),
    [
        (DiehlCook, {"show": 0.0}, "DiehlCook: show must be finite and > 0|show must be > 0"),
        (DiehlCook, {"total": -1.0}, "DiehlCook: total must be"),
        (DiehlCook, {"least_spikes": -1}, "DiehlCook: least_spikes must be >= 0, got -1"),
        (DiehlCook, {"n_neurons": 0}, "DiehlCook: n_neurons must be >= 1, got 0"),
        (WinnerTakeAll, {"anneal": 0.0}, "WinnerTakeAll: anneal must be"),
        (WinnerTakeAll, {"pause": float("nan")}, "WinnerTakeAll: pause must"),
        (WinnerTakeAll, {"seed": -1}, "WinnerTakeAll: seed must be >= 0"),
    ],
)
def test_bad_parameters(kind: Any, kwargs: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        kind(**kwargs)


def test_amplitudes_of_a_rule_can_be_changed_and_nothing_else() -> None:
    net = sl.Network(dt=0.1)
    X, E = net.population(3, sl.PoissonSource(100.0)), net.population(2, sl.LIF(), name="E")
    p = net.connect(X, E, sl.AllToAll(), weight=0.5, plasticity=sl.STDP())
    p.plasticity = sl.STDP(A_plus=0.5)
    assert p.plasticity == sl.STDP(A_plus=0.5)
    for rule, text in (
        (sl.STDP(tau_plus=10.0), r"plasticity.tau_plus must stay 20.0: only amplitudes"),
        (sl.STDP(w_max=2.0), r"plasticity.w_max must stay 1.0"),
        (sl.STDP(pairing="nearest_symmetric"), r"plasticity.pairing must stay 'all_to_all'"),
        (sl.TripletSTDP(), r"must be of the kind that the projection was made with \(STDP\)"),
        (None, r"must be of the kind"),
    ):
        with pytest.raises(ValueError, match=text):
            p.plasticity = rule
    static = net.connect(X, E, sl.AllToAll())
    with pytest.raises(ValueError, match=r"must be of the kind it was made with \(none\)"):
        static.plasticity = sl.STDP()
    assert dataclasses.replace(sl.STDP(), A_plus=0.5) == p.plasticity


@pytest.mark.parametrize("layout", ["dense", "one delay", "many delays"])
def test_amplitudes_act_from_now_on(layout: str) -> None:
    net = sl.Network(dt=0.1, seed=2, dtype="float64")
    X, E = net.population(20, sl.PoissonSource(50.0)), net.population(30, sl.LIF(I_e=400.0))
    rule: Any = sl.AllToAll() if layout == "dense" else sl.FixedProbability(0.2)
    delay: Any = sl.Uniform(0.5, 4.0) if layout == "many delays" else 1.5
    stdp = sl.STDP(A_plus=1.0, A_minus=1.0, w_max=100.0)
    p = net.connect(X, E, rule, weight=50.0, delay=delay, plasticity=stdp)
    net.run(300.0)
    before = p.weights
    assert (before != 50.0).mean() > 0.5
    p.plasticity = dataclasses.replace(stdp, A_plus=0.0, A_minus=0.0)
    net.run(200.0)
    np.testing.assert_array_equal(p.weights, before)
    p.plasticity = dataclasses.replace(stdp, A_minus=0.0)
    net.run(200.0)
    assert (p.weights >= before).all()
    assert (p.weights > before).any()
