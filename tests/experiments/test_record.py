"""Records of runs: which results are kept, and which fail their run; records as JSON."""

from __future__ import annotations

import enum
import json

import numpy as np
import pytest
from tests.support.sweeps import column, sweep

import spikelet as sl
from spikelet.experiments.record import Record, scalars_and_arrays


def spiking(current, seed):
    net = sl.Network(dt=0.1, seed=seed)
    neurons = net.population(3, sl.LIF(I_e=current))
    spikes, v = net.record(neurons, "spikes"), net.record(neurons, "V_m", every=1.0)
    synapses = net.connect(neurons, neurons, sl.AllToAll(), weight=1.0)
    w = net.record(synapses, "weights", every=10.0)
    net.run(50.0)
    return {
        "spikes": spikes, "v": v, "w": w, "rate": spikes.rates().mean(), "name": "abc",
        "more": {"n": np.int32(len(spikes.times)), "b": np.bool_(True), "list": [1, 2]},
        "nothing": None, "z": 1 + 2j,
    }  # fmt: skip


def test_arrays_of_all_kinds_are_kept_as_they_are(tmp_path):
    big = np.arange(12).reshape(3, 4)
    arrays = [
        big, big.T, np.asfortranarray(big), big[:, ::2], np.array(5.0 + 0j), np.zeros((0, 3)),
        np.array(["a", "ü"]), np.array([b"x"]), np.array(["2020-01-01"], "M8[D]"),
        np.array([True]), np.zeros(2, ">f4"), np.zeros(2, [("t", "f8"), ("ü", "i4")]),
        np.array([""]).astype("U0"), np.longdouble("0.1"),
    ]  # fmt: skip
    result = sweep(
        lambda k, seed: {"a": arrays[k]}, {"k": range(len(arrays))}, store=tmp_path / "s"
    )
    for run, array in zip(result, arrays, strict=True):
        assert run.status == "done", run.traceback
        assert run["a"].dtype == array.dtype
        np.testing.assert_array_equal(run["a"], array, strict=True)


@pytest.mark.parametrize("stored", [False, True])
def test_what_a_function_returns_is_kept(tmp_path, stored):
    grid = {"current": [0.0, 600.0]}
    result = sweep(spiking, grid, store=tmp_path / "s" if stored else None)
    net = sl.Network(dt=0.1, seed=result[1].seed)
    neurons = net.population(3, sl.LIF(I_e=600.0))
    net.connect(neurons, neurons, sl.AllToAll(), weight=1.0)
    spikes = net.record(neurons, "spikes")
    net.run(50.0)
    run = result[1]
    assert len(spikes.times) > 0
    np.testing.assert_array_equal(run["spikes.times"], spikes.times)
    np.testing.assert_array_equal(run["spikes.ids"], spikes.ids)
    assert run["spikes.ids"].dtype == np.int64
    assert run["v.values"].shape == (50, 3)
    assert run["w.values"].shape == (5, 9)
    assert run["rate"] == spikes.rates().mean()
    assert (run["more.n"], run["more.b"], run["name"]) == (len(spikes.times), True, "abc")
    assert run["nothing"] is None
    assert run["z"] == 1 + 2j
    assert list(run["more.list"]) == [1, 2]
    assert [len(times) for times in result.arrays("spikes.times")] == [0, len(spikes.times)]
    with pytest.raises(KeyError, match="no result 'what'; it has rate"):
        run["what"]
    with pytest.raises(KeyError, match=r"no run has an array 'what'; arrays are: more\.list"):
        result.arrays("what")


def test_a_result_need_not_be_a_dict():
    assert column(sweep(lambda x, seed: 2 * x, {"x": [1, 2]}), "result") == [2, 4]
    result = sweep(lambda x, seed: np.full(2, x), {"x": [1, 2]})
    assert [list(a) for a in result.arrays("result")] == [[1, 1], [2, 2]]


def test_a_buffer_that_runs_share_is_copied():
    buffer = np.zeros(2)

    def fn(x, seed):
        buffer[:] = x
        return {"a": buffer, "b": buffer[:1]}

    result = sweep(fn, {"x": [1, 2, 3]})
    assert [list(a) for a in result.arrays("a")] == [[1, 1], [2, 2], [3, 3]]
    assert [list(a) for a in result.arrays("b")] == [[1], [2], [3]]


class Odd(BaseException):
    pass


@pytest.mark.parametrize("stored", [False, True])
def test_any_exception_fails_only_its_run(tmp_path, stored):
    what = {
        "odd": Odd("x"),
        "exit": SystemExit(3),
        "left": GeneratorExit(),
        "text": ValueError("\ud800"),
    }

    def fn(x, seed):
        if x in what:
            raise what[x]
        return {"a": 10**5000 if x == "huge" else 1}

    grid = {"x": [*what, "huge", "good"]}
    result = sweep(fn, grid, store=tmp_path / "s" if stored else None)
    assert column(result, "status") == ["failed"] * 5 + ["done"]
    assert "Odd: x" in result[0].error
    assert result[3].error == "ValueError: \\ud800"
    assert "Exceeds the limit" in result[4].error
    assert "Traceback" in result[4].traceback


def test_scalars_are_the_same_with_and_without_a_store(tmp_path):
    values = [0.1, 1e-320, np.float32(0.1), np.inf, -np.inf, np.nan, 2**70, -0.0, "ü\n\0", True]

    def fn(k, seed):
        return values[k]

    grid = {"k": range(len(values))}
    plain, stored = sweep(fn, grid), sweep(fn, grid, store=tmp_path / "s")
    for value, a, b in zip(values, plain, stored, strict=True):
        assert type(a["result"]) is type(b["result"])
        assert repr(a["result"]) == repr(b["result"])
        assert a["result"] == value or value != value  # noqa: PLR0124  # NaN


def test_wrong_results_fail_their_run():
    values = {
        "object": object(), "ragged": [[1], [1, 2]], "key": {1: 2}, "twice": {"a": {"b": 1}, "a.b": 2},
    }  # fmt: skip
    result = sweep(lambda k, seed: values[k], {"k": list(values)})
    assert column(result, "status") == ["failed"] * 4
    assert "ValueError: results must have different names, got 'a.b' twice" in result[3].error
    assert "TypeError: result 'result' must be a number" in result[0].error
    assert "names of results must be strings, got 1" in result[2].error


@pytest.mark.parametrize("stored", [False, True])
def test_what_can_be_stored_of_a_failed_run_is_kept(tmp_path, stored):
    def run(k, seed):
        return {"rate": 2.5, "model": sl.LIF(), "inner": {"v": np.arange(k), "f": print}}

    result = sweep(run, {"k": [3]}, store=tmp_path / "s" if stored else None)
    assert result[0].status == "failed"
    for name in ("model", "inner.f"):
        assert f"result '{name}' must be a number" in result[0].error
    assert result[0]["rate"] == 2.5
    np.testing.assert_array_equal(result[0]["inner.v"], [0, 1, 2])


def test_a_failed_run_does_not_change_the_dataset_of_the_others():
    pytest.importorskip("xarray")

    def run(k, seed):
        bad = {"model": sl.LIF()} if k == 2 else {}
        return {"rate": 1.0 * k, "v": np.ones(3 + k // 2)} | bad

    data = sweep(run, {"k": [0, 1, 2]}).to_xarray()
    np.testing.assert_array_equal(data["rate"].values.ravel(), [0, 1, np.nan])
    assert data["v"].shape[-1] == 3
    assert np.isnan(data["v"].values[2]).all()


class Number(enum.IntEnum):
    ONE = 1


class Word(str, enum.Enum):  # noqa: UP042  # whose str() is another text
    GO = "go"


class Length(float):
    pass


@pytest.mark.parametrize("stored", [False, True])
def test_scalars_are_of_plain_types(tmp_path, stored):
    values = [Number.ONE, Word.GO, Length(0.5), np.bool_(True), np.str_("a"), np.float16(0.5)]
    plain = [1, "go", 0.5, True, "a", 0.5]
    store = tmp_path / "s" if stored else None
    result = sweep(lambda k, seed: values[k], {"k": range(len(values))}, store=store)
    assert [(run["result"], type(run["result"])) for run in result] == [(v, type(v)) for v in plain]


ODD_NAMES = [
    "",
    ".",
    "..",
    "a/b",
    "/etc/x",
    "a\0b",
    "a\nb",
    "\ud800",
    "x" * 201,
]


@pytest.mark.parametrize("value", [1, np.arange(3)])
def test_names_that_files_cannot_hold_fail_their_run(tmp_path, value):
    grid = {"k": range(len(ODD_NAMES) + 1)}
    names = [*ODD_NAMES, "é (mV) 😀"]
    result = sweep(lambda k, seed: {names[k]: value}, grid, store=tmp_path / "s")
    assert column(result, "status") == ["failed"] * len(ODD_NAMES) + ["done"]
    assert all("ValueError: names of results must be" in run.error for run in result[:-1])
    nested = sweep(lambda x, seed: {"run": {"json": 1}, "a": {"": 2}}, {"x": [1]})
    assert nested[0].status == "failed"


def test_arrays_that_files_cannot_hold_fail_their_run():
    values = [
        np.ma.masked_array([1, 2], [0, 1]), np.ma.masked, np.zeros(2, [("x", "f8"), ("y", "U3")]),
        np.zeros(2, [("x", [("y", "M8[s]")])]), np.array([None]),
    ]  # fmt: skip
    result = sweep(lambda k, seed: values[k], {"k": range(len(values))})
    assert column(result, "status") == ["failed"] * len(values)
    assert all("got a masked array" in run.error for run in result[:2])
    assert "fields must be numbers or bytes" in result[2].error


@pytest.mark.parametrize("stored", [False, True])
def test_structures_that_files_cannot_hold_fail_their_run(tmp_path, stored):
    pair = np.zeros(2, [("x", "f8"), ("y", "i4")])
    shared = {"names": ["x", "y"], "formats": ["i4", "i2"], "offsets": [0, 0]}
    values = [
        pair[["y", "x"]], np.zeros(2, shared), np.zeros(2, [(f"{k:0100}", "i1") for k in range(100)]),
        pair, np.zeros(2, [(f"{k}", "i1") for k in range(100)]),
    ]  # fmt: skip
    store = tmp_path / "s" if stored else None
    result = sweep(lambda k, seed: values[k], {"k": range(len(values))}, store=store)
    assert column(result, "status") == ["failed"] * 3 + ["done"] * 2
    assert all("result 'result' must be a number" in run.error for run in result[:3])
    np.testing.assert_array_equal(result[3]["result"], pair)
    np.testing.assert_array_equal(result[4]["result"], values[4])


def test_a_recorder_of_several_states_becomes_an_array_for_each():
    net = sl.Network(dt=0.1)
    cells = net.population(3, sl.LIF(I_e=[100.0, 200.0, 300.0]))
    union = cells[:1] + cells[1:]
    both, joint = (net.record(part, ["V_m", "I_syn_ex"], every=1.0) for part in (cells, union))
    net.run(5.0)
    scalars, arrays = scalars_and_arrays({"both": both, "joint": joint})
    assert not scalars
    for name, recorder in (("both", both), ("joint", joint)):
        np.testing.assert_array_equal(arrays.pop(f"{name}.times"), [1, 2, 3, 4, 5])
        for k, state in enumerate(("V_m", "I_syn_ex")):
            np.testing.assert_array_equal(arrays.pop(f"{name}.{state}"), recorder.values[k])
    assert not arrays
    with pytest.raises(TypeError, match=r"not an array: use recorder\.values"):
        np.asarray(both)


def test_a_tensor_with_a_gradient_is_an_array():
    torch = pytest.importorskip("torch")
    loss = torch.tensor([1.0, 2.0], requires_grad=True)
    (run,) = sweep(lambda x, seed: {"loss": loss, "y": x}, {"x": [1]})
    assert run.status == "done", run.traceback
    np.testing.assert_array_equal(run["loss"], np.array([1.0, 2.0], np.float32), strict=True)


def test_json_has_everything_but_the_arrays() -> None:
    arrays = {"v": np.arange(3)}
    record = Record(
        "done", {"rate": 3.5, "name": "a"}, arrays, seconds=0.5, host="h", version="1", simd="v3"
    )
    text = record.to_json()
    assert text == {
        "status": "done", "scalars": {"rate": 3.5, "name": "a"}, "error": None, "traceback": None, "seconds": 0.5,
        "host": "h", "version": "1", "simd": "v3",
    }  # fmt: skip
    again = Record(**json.loads(json.dumps(text)), arrays=arrays)
    assert again == record


def test_records_share_nothing() -> None:
    one, other = Record("missing"), Record("missing")
    one.scalars["y"] = 1
    one.arrays["v"] = np.zeros(2)
    assert (other.scalars, other.arrays) == ({}, {})
    assert np.isnan(one.seconds)


def test_arrays_are_not_shown() -> None:
    shown = repr(Record("failed", arrays={"v": np.arange(3)}, error="ValueError: no"))
    assert "ValueError: no" in shown
    assert "array" not in shown
