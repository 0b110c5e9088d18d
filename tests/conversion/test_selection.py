"""The choice of the best conversion: what is tried, on which inputs, and how models are scored."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.support.conversions import TEST, V, X, convert, residual, tiny

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion import Auto, Neurons, Percentile
from spikelet.conversion import selection as module
from spikelet.conversion.layerwise.activity import Calibration
from spikelet.conversion.selection import Score, best, candidates, is_small, method_of, score
from spikelet.layers import samples
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

# The candidates

SMALL = ["fitted/predictive", "fitted/soft", "percentile/soft", "maxnorm/soft", "least_error/soft", "calibrated/soft"]  # fmt: skip


def tried(method: Any = "auto", neuron: str | None = None, steps: int = 32, ann: Any = None) -> list[str]:  # fmt: skip
    cal = Calibration(Graph(ann or tiny()), {"input": V}, steps, 1)
    return [str(c) for c in candidates("test", method_of("test", method), Neurons(neuron), cal)]


def test_small_networks_try_several_methods() -> None:
    assert tried() == SMALL
    assert tried(neuron="multi") == [
        f"{m}/multi" for m in ("fitted", "percentile", "maxnorm", "least_error", "calibrated")
    ]
    assert tried(neuron="predictive") == ["fitted/predictive"]


def test_large_networks_try_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SMALL", 6 * len(V) * 32)
    assert tried() == SMALL
    monkeypatch.setattr(module, "_SMALL", 6 * len(V) * 32 - 1)
    assert not is_small(Calibration(Graph(tiny()), {"input": V}, 32, 1))
    assert tried() == ["fitted/predictive", "percentile/soft"]


def test_a_given_method() -> None:
    assert tried("fitted") == ["fitted/predictive"]
    assert tried("fitted", steps=8) == ["fitted/predictive", "fitted/soft"]
    assert tried("fitted", "hard") == ["fitted/hard"]
    assert tried("rmp") == ["rmp/soft"]
    with pytest.raises(ValueError, match=r'test: method must be "fitted" with .* got \'rmp\''):
        tried("rmp", "predictive")


def test_a_delay_leaves_rates() -> None:
    def late(*given: str | None) -> list[str]:
        cal = Calibration(Graph(tiny()), {"input": V}, 32, 1)
        method = method_of("test", given[0] or "auto")
        return [str(c) for c in candidates("test", method, Neurons(given[1], delay=2), cal)]

    assert late(None, None) == SMALL[1:]
    assert late("fitted", None) == ["fitted/soft"]
    assert late("fitted", "signed") == ["fitted/signed"]
    assert late(None, "multi")[0] == "percentile/multi"
    for neuron in ("predictive", "multi"):
        with pytest.raises(ValueError, match=rf'test: delay must be 0 or "auto" with {neuron}'):
            late("fitted", neuron)


def test_networks_trained_with_levels_try_these() -> None:
    layer = L.ReLU(upper=2.0, levels=8)
    ann = [L.Linear(np.eye(3)), layer, L.Linear(np.eye(3)), layer, L.Linear(np.eye(3))]
    assert tried(ann=ann) == [*SMALL, "qcfs/soft"]


def test_given_methods() -> None:
    both = Auto(["rmp", Percentile(), Percentile(99)])
    assert tried(both) == ["rmp/soft", "percentile/soft", "Percentile(percentile=99)/soft"]
    assert tried(Auto(["rmp", "fitted"]), "predictive") == ["fitted/predictive"]
    assert Auto("rmp") == Auto(["rmp"])
    with pytest.raises(ValueError, match=r"^Auto: method must be .*, got 'fast'"):
        Auto(["fast"])
    with pytest.raises(TypeError, match=r"^Auto: method must be a name"):
        Auto([Auto()])  # type: ignore[list-item]  # that is the point
    with pytest.raises(TypeError, match=r"test: method must be a name .* got 3"):
        method_of("test", 3)


# The models


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
    score = module.score

    def watching(model: Any, ann: Any, inputs: Any, *args: Any, **options: Any) -> Any:
        seen.append((model, inputs[0], score(model, ann, inputs, *args, **options)))
        return seen[-1][2]

    monkeypatch.setattr(module, "score", watching)
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
    monkeypatch.setattr(module, "_SMALL", 0)
    fitted: list[int] = []
    fit = module.fit_layers

    def counting(where: str, cal: Any, *args: Any) -> Any:
        fitted.append(cal.count)
        return fit(where, cal, *args)

    monkeypatch.setattr(module, "fit_layers", counting)
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


# The scores


def scored(model: Any, x: Any = X, delay: int | None = None) -> Score:
    return score(model, model.ann, [x], model.steps, delay=delay)


def test_the_delay_with_the_least_error_is_found() -> None:
    model = convert(residual(), method="percentile", steps=10)
    wanted = model.ann.run(X, 1).output
    runs = [model.run(X, delay=d).output for d in range(6)]
    errors = [float(np.square(y - wanted).mean()) for y in runs]
    result = scored(model)
    assert result.delay == int(np.argmin(errors)) > 0
    at = runs[result.delay]
    assert result.agreement == (at.argmax(1) == wanted.argmax(1)).mean()
    squares = np.square(at - wanted).mean(0)
    shares = squares / (squares + wanted.var(0))
    assert result.error == pytest.approx(np.sqrt(shares.mean()), rel=1e-5)
    assert scored(model, delay=3).delay == 3


def test_a_relu_behind_spikes_takes_its_mean_from_the_delay_on() -> None:
    last = convert().neurons[-1]
    model = convert(keep=last)
    wanted = model.ann.run(X, 1).output
    errors = [
        float(np.square(SpikingModel.run(model, X, 16, delay=d).output - wanted).mean())
        for d in range(2)
    ]
    assert errors[0] < 0.1 * errors[1]  # the first spikes are the largest
    assert scored(model).delay == model.delay == 0


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = convert(steps=6, method="percentile")
    whole = scored(model)
    monkeypatch.setattr(samples, "_BATCH_BYTES", 4 * 6 * 6 * 7)
    parts = scored(model)
    assert (parts.delay, parts.agreement) == (whole.delay, whole.agreement)
    assert parts.error == pytest.approx(whole.error, rel=1e-9)


def test_outputs_count_by_their_own_spread() -> None:
    ann = SpikingModel([L.Linear(np.diag([1.0, 1000.0]))], threads=1)
    off = SpikingModel([L.Linear(np.diag([1.5, 1000.0]))], threads=1)
    x = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    assert score(off, ann, [x], 2, delay=0).error > 0.3


def test_one_output_has_no_decision() -> None:
    ann = SpikingModel([L.Linear([[1.0, 2.0]])], threads=1)
    result = score(ann, ann, [TEST[:, 0, 0, :2]], 3, delay=None)
    assert (result.error, result.delay, result.samples) == (pytest.approx(0.0, abs=1e-6), 0, 16)
    assert math.isnan(result.agreement)


def test_the_least_error_is_best_unless_decisions_differ_clearly() -> None:
    def of(**values: tuple[float, float]) -> str:
        return best({name: Score(e, a, 0, 100) for name, (e, a) in values.items()})

    assert of(a=(0.2, 0.9), b=(0.1, 0.9)) == "b"
    assert of(a=(0.1, 0.9), b=(0.11, 0.92)) == "a"  # may be chance
    assert of(a=(0.1, 0.7), b=(0.11, 0.95)) == "b"
    assert of(a=(0.1, 0.7), b=(0.3, 0.95)) == "a"
    assert of(a=(0.2, math.nan), b=(0.1, math.nan)) == "b"
