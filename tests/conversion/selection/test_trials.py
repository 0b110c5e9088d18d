"""The default is the best of several methods, measured on inputs that are held out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.conversions import TEST, X, convert

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion.selection import candidates, trials


def policy(seed: int) -> tuple[list[Any], Any]:
    """A control policy, and observations of which each has a scale of its own and no bounds."""
    rng = np.random.default_rng(seed)
    scale = 10 ** rng.uniform(-2, 2, 11)

    def linear(inputs: int, outputs: int, gain: float = 1.0) -> L.Linear:
        weight = rng.normal(size=(outputs, inputs)) * gain * np.sqrt(2 / inputs)
        return L.Linear(weight, rng.normal(size=outputs) / 10)

    first = linear(11, 32)
    ann = [
        first.replace(weight=first.weight / scale),
        L.ReLU(),
        linear(32, 32),
        L.ReLU(),
        linear(32, 4, 0.5),
        L.Activation("tanh"),
    ]
    return ann, (rng.standard_t(4, size=(700, 11)) * scale).astype(np.float32)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_regressions_are_as_good_as_by_the_best_method(seed: int) -> None:
    ann, x = policy(seed)
    known, test = x[:200], x[200:]

    def wrong(**options: Any) -> float:
        model = sl.convert(ann, known, steps=16, threads=1, **options)
        wanted = model.ann.run(test, 1).output
        assert np.abs(model.run(test).output).max() <= 1
        return float(np.sqrt(np.square(model.run(test).output - wanted).mean()))

    chosen = wrong()
    single = {m: wrong(method=m) for m in ("percentile", "maxnorm", "calibrated", "fitted")}
    assert chosen <= 1.1 * min(single.values())
    assert chosen < single["percentile"]


def test_the_scores_are_those_of_samples_that_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    score = trials.score

    def watching(model: Any, ann: Any, inputs: Any, *args: Any, **options: Any) -> Any:
        seen.append((model, inputs[0], score(model, ann, inputs, *args, **options)))
        return seen[-1][2]

    monkeypatch.setattr(trials, "score", watching)
    model = convert()
    *tried, last = seen
    for candidate, x, _ in tried:
        np.testing.assert_array_equal(x, X[4::5])
        np.testing.assert_array_equal(candidate.ann.run(x, 1).output, model.ann.run(X[4::5], 1).output)  # fmt: skip
    np.testing.assert_array_equal(last[1], X)  # a small network is fitted to all in the end
    assert last[2].delay == model.delay
    assert len(model.scores) == len(tried)
    first = next(iter(model.scores))
    assert first == f"{model.method}/{model.neuron}"
    given = {f"{m.method}/{m.neuron}": s.values for m, _, s in tried}
    assert model.scores == given
    assert model.scores[first]["error"] <= 1.25 * min(s["error"] for s in given.values())


def test_a_large_network_is_not_fitted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_SMALL", 0)
    fitted: list[int] = []
    fit = trials.fit_layers

    def counting(where: str, cal: Any, *args: Any) -> Any:
        fitted.append(cal.count)
        return fit(where, cal, *args)

    monkeypatch.setattr(trials, "fit_layers", counting)
    model = convert()
    assert fitted == [32, 32]
    assert set(model.scores) == {"fitted/predictive", "percentile/soft"}


def test_few_samples_are_not_split() -> None:
    model = convert(x=X[:9])
    assert model.run(TEST).output.shape == (16, 6)
    assert len(model.scores) > 1


def test_progress_names_the_layers() -> None:
    calls: list[tuple[int, int, str]] = []
    convert(method="percentile", progress=lambda *call: calls.append(call))
    assert calls == [(0, 3, "2"), (1, 3, "4"), (2, 3, "8"), (3, 3, "")]
    calls.clear()
    model = convert(progress=lambda *call: calls.append(call))
    total = 3 * (len(model.scores) + 1)
    assert [c[0] for c in calls] == list(range(total + 1))
    assert {c[1] for c in calls} == {total}


def test_a_progress_bar_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")
    convert(method="percentile", progress=True)
    assert "3/3 layers" in capsys.readouterr().err


def test_an_exception_of_the_callback_ends_the_conversion() -> None:
    def stop(done: int, _total: int, _name: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(progress=stop)
