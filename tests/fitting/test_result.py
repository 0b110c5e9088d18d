"""Results: the best models, tables, pickles."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import spikelet as sl

from .conftest import MODEL

VARY = {"tau_m": (5.0, 50.0), "V_reset": (-69.0, -60.0)}


@pytest.fixture(scope="module")
def result(recording):
    return sl.fit(MODEL, vary=VARY, data=recording, candidates=200)


def test_the_best_come_first(result, recording):
    frame = result.to_frame().sort_values("loss")
    assert [model.tau_m for model in result.models] == pytest.approx(frame["tau_m"][:10].tolist())
    assert result.model == result.models[0]
    assert result.model.C_m == MODEL.C_m
    assert result.parameters == {"tau_m": result.model.tau_m, "V_reset": result.model.V_reset}
    assert result.loss == result.losses.min() == result.history[-1]
    assert (np.diff(result.history) <= 0).all()


def test_the_response_has_the_loss(result, recording):
    assert sl.fitting.AlignedError()(result.responses, recording) == pytest.approx(
        [result.loss], rel=1e-12
    )


def test_it_pickles(result):
    again = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(again.losses, result.losses)
    assert again.model == result.model
    assert repr(again) == repr(result)


def test_it_is_read_only(result):
    with pytest.raises(ValueError, match="read-only"):
        result.losses[0] = 0.0
    with pytest.raises(AttributeError):
        result.seed = 3


def test_texts(result):
    assert repr(result).startswith(f"FitResult(200 candidates, loss {result.loss:.4g}: tau_m=")
    assert "tau_m" in result._repr_html_()


def test_plot(result):
    pytest.importorskip("matplotlib").use("Agg")
    assert len(result.plot().axes) == 3
