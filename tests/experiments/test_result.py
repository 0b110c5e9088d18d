"""The result of a sweep as a sequence of runs."""

from __future__ import annotations

import numpy as np
import pytest
from tests.experiments.conftest import change
from tests.support.sweeps import square, sweep

import spikelet as sl

pytest.importorskip("pandas")  # tables are compared as its frames


def test_sequence():
    result = sweep(square, {"x": [1, 2, 3]})
    assert len(result) == 3
    assert [run["y"] for run in result] == [1, 4, 9]
    assert result[-1].parameters == {"x": 3}
    assert [run.replicate for run in sweep(square, {"x": [1, 2]}, seeds=2)] == [0, 1, 0, 1]
    assert [run["y"] for run in result[1:]] == [4, 9]
    with pytest.raises(IndexError, match=r"index -?\d+ is out of bounds: there are \d+ runs"):
        result[3]
    with pytest.raises(
        TypeError, match=r'got \'y\'; result.table\["y"\] is this number in all runs'
    ):
        result["y"]


@pytest.mark.parametrize("stored", [False, True])
def test_a_run_knows_the_names_of_its_results(stored, tmp_path):
    def both(x, seed):
        return {"y": x, "a": np.arange(x)}

    run = sweep(both, {"x": [3]}, store=tmp_path / "s" if stored else None)[0]
    assert list(run) == run.keys() == ["y", "a"]
    assert "a" in run
    assert "b" not in run
    assert {name: np.asarray(value).tolist() for name, value in dict(run).items()} == {
        "y": 3, "a": [0, 1, 2],
    }  # fmt: skip


def test_timing_is_apart():
    result = sweep(square, {"x": [1, 2]})
    timing = result.timing
    assert list(timing) == ["key", "seconds", "host", "version", "simd"]
    assert (np.array(timing["seconds"]) >= 0).all()
    assert list(timing["version"]) == [sl.__version__] * 2
    assert list(timing["simd"]) == [sl.simd_level()] * 2


def test_one_result_reads_one_array(sweep, tmp_path):
    def two(x, seed):
        return {"y": x, "a": np.arange(1000), "b": np.arange(2000)}

    sweep([1], two)
    change(tmp_path / "s", "UPDATE arrays SET npy = x'00' WHERE name = 'b'")
    run = sl.load_sweep(tmp_path / "s")[0]
    assert run["y"] == 1
    np.testing.assert_array_equal(run["a"], np.arange(1000))
    for read in (lambda: run["b"], lambda: run.arrays, lambda: run.record):
        with pytest.raises(ValueError, match=r"sweep\.sqlite' cannot be read"):
            read()
    with pytest.raises(KeyError, match="no result 'c'; it has y, a, b"):
        run["c"]
