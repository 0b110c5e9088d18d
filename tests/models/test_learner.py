"""Networks that learn images: what they keep, repeat, refuse, and what the votes are."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.image_networks import pictures, small

import spikelet as sl
from spikelet.models import DiehlCook, WinnerTakeAll
from spikelet.models.voting import assign, classify

KINDS = (DiehlCook, WinnerTakeAll)


@pytest.mark.parametrize("kind", KINDS)
def test_learns_patterns(kind: Any) -> None:
    images, labels = pictures(240)
    test, expected = pictures(60, seed=1)
    # Two passes of few images: DiehlCook learns faster than published, and answers with more spikes.
    # Its accuracy is 0.78 to 1, by the seed; the mean of 48 seeds is 0.953.
    fast: Any = {"plasticity": sl.DiehlCookSTDP(eta_post=0.05), "total": 7.0}
    right = []
    for seed in (1, 2, 3):
        network = small(kind, seed=seed, **(fast if kind is DiehlCook else {}))
        votes = assign(network.fit(images, epochs=2).respond(images), labels, 3)
        right.append(classify(network.respond(test), votes) == expected)
    assert np.mean(right) > 0.9  # chance: 1/3


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
def test_learning_resumes_from_a_checkpoint(kind: Any, tmp_path: Path) -> None:
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
    with pytest.raises(ValueError, match=f"load: the file .* it holds a '{kind.__name__}'"):
        wrong.load(path)
    with pytest.raises(ValueError, match=r"load: the file .* cannot be read: not a complete"):
        wrong.load(Path(__file__))
    sl.Network().save(path)
    with pytest.raises(ValueError, match="it holds a network without a learner"):
        wrong.load(path)


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
    network.net.projections[0].normalize(9.0)
    np.testing.assert_allclose(network.weights.sum(axis=0), 9.0, rtol=1e-5)
    network = small(WinnerTakeAll, total=4.0, plasticity=sl.STDP(A_plus=0.01, A_minus=0.002))
    network.fit(images)
    np.testing.assert_allclose(network.weights.sum(axis=0), 4.0, rtol=1e-5)
    assert network.theta.max() > 0


GOOD = np.full((2, 3, 3), 0.5)


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


def test_a_file_with_an_unknown_rule_is_refused(tmp_path: Path) -> None:
    images, _ = pictures(3)
    learner = small(DiehlCook).fit(images)
    header = learner._header()
    header["plasticity"][0] = "dataclasses"
    learner._header = lambda: header  # type: ignore[method-assign]
    learner.save(tmp_path / "learner.npz")
    with pytest.raises(ValueError, match=r"plasticity must be .*, got 'dataclasses'"):
        DiehlCook.load(tmp_path / "learner.npz")
