"""Models in files, pickles and copies: the same bits, here and in other processes, or an error that says why not."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import spawn
from tests.support.layered import ann_graph
from tests.support.layers_zoo import DEEP, WIDE, deep_graph, pictures, wide_graph

import spikelet as sl
from spikelet import layers as L
from spikelet._util import container
from spikelet.conversion import ConvertedModel

STEPS = 6
MODELS = {
    "wide": lambda: sl.SpikingModel(wide_graph(STEPS), threads=1),
    "double": lambda: sl.SpikingModel(wide_graph(STEPS), dtype="float64", threads=1),
    "whole": lambda: sl.SpikingModel(deep_graph(), dtype="int16", threads=1, input_scale=0.3),
}
X = np.random.default_rng(1).normal(size=(12, 2, 8, 8))


def converted(**options: Any) -> ConvertedModel:
    return sl.convert(ann_graph(), X, steps=STEPS, threads=1, **options)


def digest(model: sl.SpikingModel) -> str:
    """Hash all that a run gives."""
    result = model.run(pictures(DEEP if "c7" not in model.graph else WIDE, 3), STEPS, record=True)
    arrays = (result.output, *result.records.values())
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()


def described(model: sl.SpikingModel) -> list[Any]:
    """Return what a model is, whatever the precision in which its weights are kept."""
    nodes = [
        (n.name, n.inputs, type(n.layer), [np.asarray(v).tolist() for v in vars(n.layer).values()])
        for n in model.graph
    ]
    return [type(model), model.dtype, model.input_scale, nodes]


# The same bits


def test_a_loaded_model_gives_the_same_bits_in_any_process(tmp_path: Path) -> None:
    expected = []
    for name, make in MODELS.items():
        model = make()
        model.save(tmp_path / name)
        found = sl.SpikingModel.load(tmp_path / name, threads=2)
        assert described(found) == described(model)
        expected.append(digest(model))
        assert digest(found) == expected[-1]
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
import spikelet as sl
from tests.layers.test_stored import digest
for name in {list(MODELS)!r}:
    print(digest(sl.SpikingModel.load({str(tmp_path)!r} + "/" + name)))
"""
    assert spawn(code).split() == expected


def test_a_converted_model_keeps_its_ann_and_settings(tmp_path: Path) -> None:
    model = converted(dtype="int16")
    model.save(tmp_path / "m.spk")
    found = sl.SpikingModel.load(tmp_path / "m.spk")
    assert isinstance(found, ConvertedModel)
    assert described(found) == described(model)
    assert described(found.ann) == described(model.ann)
    for name in ("method", "neuron", "steps", "delay", "coding"):
        assert getattr(found, name) == getattr(model, name)
    np.testing.assert_array_equal(found.run(X).output, model.run(X).output)
    np.testing.assert_array_equal(found.ann.run(X, 1).output, model.ann.run(X, 1).output)
    found.delay = 1  # settings can be changed as before
    assert str(found.report(X[:4])) == str(found.report(X[:4]))
    found.save(tmp_path / "m.spk")  # over the file in which its weights are
    assert ConvertedModel.load(tmp_path / "m.spk").delay == 1
    np.testing.assert_array_equal(found.ann.run(X, 1).output, model.ann.run(X, 1).output)


def test_equal_models_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        MODELS["wide"]().save(tmp_path / name)
    sl.SpikingModel.load(tmp_path / "a").save(tmp_path / "c")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    first, again = (container.read(tmp_path / name) for name in "ac")
    assert first[1].keys() == again[1].keys()
    assert all(np.array_equal(first[1][k], again[1][k]) for k in first[1])


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "cloudpickle": lambda m: pickle.loads(pytest.importorskip("cloudpickle").dumps(m)),
    **{f"pickle {p}": lambda m, p=p: pickle.loads(pickle.dumps(m, p)) for p in (2, 5)},
}


@pytest.mark.parametrize("way", COPIES)
def test_copies_and_pickles(way: str, tmp_path: Path) -> None:
    model = MODELS["wide"]()
    before = digest(model)  # what has been compiled is not copied
    MODELS["wide"]().save(tmp_path / "m.spk")
    for one in (model, sl.SpikingModel.load(tmp_path / "m.spk", threads=1)):
        found = COPIES[way](one)
        assert described(found) == described(model)
        assert digest(found) == before
        assert found.threads == 1
        weight = found.graph["c1"].layer.weight
        with pytest.raises(ValueError, match="read-only"):
            weight[0] = 0.0
    snn = COPIES[way](converted())
    snn.delay = 2
    np.testing.assert_array_equal(snn.ann.run(X, 1).output, converted().ann.run(X, 1).output)


def test_layers_and_graphs_pickle() -> None:
    graph = pickle.loads(pickle.dumps(wide_graph(STEPS)))
    assert graph["n1"].layer.threshold == 0.7
    layer = copy.deepcopy(graph["c1"].layer)
    assert layer is graph["c1"].layer  # it cannot change
    assert graph["up"].layer.replace(scale_factor=3).scale_factor == (3, 3)


def test_the_number_of_threads_is_that_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    default, given = sl.SpikingModel(deep_graph()), sl.SpikingModel(deep_graph(), threads=3)
    texts = pickle.dumps(default), pickle.dumps(given)
    monkeypatch.setattr("spikelet.layers.spiking_model.default_threads", lambda: 7)
    assert [pickle.loads(text).threads for text in texts] == [7, 3]


def test_workers_take_a_model(tmp_path: Path) -> None:
    """By a pickle, or by a fork after runs with threads."""
    code = f"""
import multiprocessing, sys, warnings
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.layers.test_stored import MODELS, digest
import spikelet as sl
if __name__ == "__main__":
    warnings.simplefilter("ignore")  # Python 3.12 warns that this process has threads
    model = MODELS["whole"]()
    model.save({str(tmp_path / "m.spk")!r})
    loaded = sl.SpikingModel.load({str(tmp_path / "m.spk")!r}, threads=2)
    expected = [digest(model), digest(loaded)]
    for method in {{"spawn", "fork"}} & set(multiprocessing.get_all_start_methods()):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.map(digest, [model, loaded]) == expected, method
    print("ok")
"""
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    assert spawn(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')") == "ok\n"


# The file


def test_weights_stay_in_the_file_in_single_precision(tmp_path: Path) -> None:
    single = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32)
    double = np.random.default_rng(1).normal(size=(40, 40))
    layers = [L.Linear(single), L.IF(), L.Linear(double), L.IF(), L.Linear(double)]
    sl.SpikingModel(layers, dtype="float64").save(tmp_path / "m.spk")
    header, arrays = container.mapped(tmp_path / "m.spk")
    assert header["format"] == "spikelet model, format 2"
    assert sorted(a.dtype.name for a in arrays.values()) == [
        "float32",
        "float64",
    ]  # the second once
    assert all(a.ctypes.data % 64 == 0 for a in arrays.values())
    assert (tmp_path / "m.spk").stat().st_size < single.nbytes + double.nbytes + 20_000
    found = sl.SpikingModel.load(tmp_path / "m.spk")
    weight = found.graph["linear0"].layer.weight
    assert weight.dtype == np.float32
    assert not weight.flags.owndata
    assert found.graph["linear2"].layer.weight.dtype == np.float64
    x = np.random.default_rng(2).normal(size=(2, 50))
    expected = sl.SpikingModel(layers, dtype="float64").run(x, 3).output
    np.testing.assert_array_equal(found.run(x, 3).output, expected)
    with np.load(tmp_path / "m.spk") as plain:  # without spikelet, too
        np.testing.assert_array_equal(plain["array0"], single)


def test_arrays_of_the_caller_are_copied() -> None:
    """Only what nobody can write to is kept as it is."""
    own = np.ones((2, 3), np.float32)
    view = own[:]
    view.flags.writeable = False
    layer = L.Linear(view)
    own[0] = 5.0
    assert layer.weight.dtype == np.float64
    assert (layer.weight == 1.0).all()
    with pytest.raises(ValueError, match="NaN at index"):
        L.Linear(np.frombuffer(np.full(3, np.nan, np.float32).tobytes(), np.float32).reshape(1, 3))


def test_every_layer_can_be_saved(tmp_path: Path) -> None:
    """A new layer needs no code for it, unless it extends another that can be used."""
    public = [kind for name in L.__all__ if isinstance(kind := getattr(L, name), type)]
    bases = {a.__name__ for a in public if any(a is not b and issubclass(b, a) for b in public)}
    assert bases == {
        "Graded",
        "Layer",
        "Movement",
        "Neuron",
        "PredictiveNeuron",
    }  # those from which others are derived cannot be saved
    relu = L.ReLU([1.0, 2.0, 3.0], levels=4)
    model = sl.SpikingModel([L.Affine(np.ones(3), np.arange(3.0)), relu])
    model.save(tmp_path / "m.spk")
    assert described(sl.SpikingModel.load(tmp_path / "m.spk")) == described(model)


def test_a_subclass_of_a_user(tmp_path: Path) -> None:
    class Mine(sl.SpikingModel):
        note = "mine"

    Mine(deep_graph(), dtype="int16").save(tmp_path / "m.spk")
    assert type(sl.SpikingModel.load(tmp_path / "m.spk")) is sl.SpikingModel
    assert Mine.load(tmp_path / "m.spk").note == "mine"


# Bad input


class Own(L.Layer):
    pass


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    (tmp_path / "m.spk").write_bytes(b"before")
    with pytest.raises(ValueError, match=r"SpikingModel\.save: layer 'own0': type .*'Own'"):
        sl.SpikingModel([Own()]).save(tmp_path / "m.spk")
    assert (tmp_path / "m.spk").read_bytes() == b"before"
    with pytest.raises(FileNotFoundError):
        MODELS["whole"]().save(tmp_path / "none" / "m.spk")


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.spk"
    with pytest.raises(FileNotFoundError):
        sl.SpikingModel.load(path)
    sl.Network(seed=1).save(path)
    with pytest.raises(
        ValueError,
        match=r"SpikingModel\.load: .*m\.spk.*its format is .spikelet network.*Network.load reads it",
    ):
        sl.SpikingModel.load(path)
    for content in (b"", b"spikelet", b"PK\x03\x04" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"SpikingModel\.load: .*m\.spk"):
            sl.SpikingModel.load(path)
    MODELS["whole"]().save(path)
    with pytest.raises(ValueError, match="holds a SpikingModel, not a ConvertedModel"):
        ConvertedModel.load(path)


def changed(path: Path, change: Any) -> None:
    """Change the header, and some arrays, of a file; all checksums are right."""
    header, arrays = container.read(path)
    del header["arrays"]
    arrays = dict(arrays)
    change(header, arrays)
    with path.open("wb") as file:
        container.write(file, header, arrays)


def node(header: Any, name: str) -> Any:
    found = {n["name"]: n for n in header["model"]["graph"]["nodes"]}
    return found[name]["layer"]


HOSTILE = {
    "a newer format": (
        lambda h, a: h.update(format="spikelet model, format 3", version="9.1"),
        "format 3, written by spikelet 9.1.*reads format 2: upgrade",
    ),
    "a class": (lambda h, a: h["model"].update({"class": "dict"}), "no class of models 'dict'"),
    "a layer": (lambda h, a: node(h, "c1").update(type="Layer"), "layer 'c1'.*no layer of type 'Layer'"),
    "a field": (lambda h, a: node(h, "c1")["fields"].update(x=1), "layer 'c1'.*'x'"),
    "no weight": (lambda h, a: node(h, "c1")["fields"].pop("weight"), "layer 'c1'.*weight"),
    "an option": (lambda h, a: h["model"]["options"].update(threads=4), "has no .*threads"),
    "a value": (lambda h, a: node(h, "n1")["fields"].update(threshold=-1), "layer 'n1'.*threshold.*> 0"),
    "an array's name": (
        lambda h, a: node(h, "c1")["fields"].update(weight={"array": "x", "dtype": "<f8"}), "layer 'c1'.*'x'",
    ),
    "an array's type": (
        lambda h, a: node(h, "c1")["fields"]["weight"].update(dtype="<i4"), "layer 'c1'.*must be of type '<i4'",
    ),
    "NaN": (lambda h, a: a.update(array0=np.full_like(a["array0"], np.nan)), r"layer 'c1'.*NaN at index \(0, 0, 0, 0\)"),
    "a shape": (lambda h, a: a.update(array0=a["array0"].reshape(-1)), "layer 'c1'.*4 dimensions"),
    "an input": (lambda h, a: h["model"]["graph"]["nodes"][3].update(inputs=["later"]), "later"),
    "no names": (lambda h, a: h["model"]["graph"]["nodes"][3].update(inputs=[3]), "must be text"),
    "two graphs": (lambda h, a: h["model"].update(graph=[]), "a graph must have the fields"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_crafted_file_is_refused(what: str, tmp_path: Path) -> None:
    change, message = HOSTILE[what]
    path = tmp_path / "m.spk"
    MODELS["wide"]().save(path)
    changed(path, change)
    with pytest.raises(ValueError, match=rf"SpikingModel\.load: .*m\.spk.*{message}"):
        sl.SpikingModel.load(path)


def test_a_changed_weight_is_noticed(tmp_path: Path) -> None:
    """Anywhere in the file, before any weight is used."""
    path = tmp_path / "m.spk"
    sl.SpikingModel([L.Linear(np.ones((40, 30)))]).save(path)
    whole = path.read_bytes()
    at = whole.index(np.ones(30, np.float32).tobytes())
    for place in (at, at + 4 * 599 + 3, at + 4 * 1199):
        path.write_bytes(whole[:place] + b"\1" + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"checksum of 'array0\.npy' is wrong"):
            sl.SpikingModel.load(path)
    path.write_bytes(whole[:-1000])
    with pytest.raises(ValueError, match="not a complete archive"):
        sl.SpikingModel.load(path)


def test_a_header_without_checksums_is_refused(tmp_path: Path) -> None:
    MODELS["whole"]().save(tmp_path / "m.spk")
    header, arrays = container.read(tmp_path / "m.spk")
    del header["arrays"]
    with (tmp_path / "m.spk").open("wb") as file:
        np.savez(file, header=np.array(json.dumps(header)), **arrays)
    with pytest.raises(ValueError, match="arrays are not those that the header lists"):
        sl.SpikingModel.load(tmp_path / "m.spk")


def test_a_crafted_size_is_refused_before_it_is_allocated(tmp_path: Path) -> None:
    """A .npy header that promises 80 GB, with the checksum of the archive right."""
    MODELS["whole"]().save(tmp_path / "m.spk")
    with zipfile.ZipFile(tmp_path / "m.spk") as opened:
        members = {m.filename: opened.read(m) for m in opened.infolist()}
    crafted = members["array0.npy"].replace(b"(16, 2, 3, 3)", b"(9999999,999)")
    with zipfile.ZipFile(tmp_path / "m.spk", "w") as opened:
        for name, content in {**members, "array0.npy": crafted}.items():
            opened.writestr(name, content)
    with pytest.raises(ValueError, match=r"must have 79919992008 bytes, got 2304"):
        sl.SpikingModel.load(tmp_path / "m.spk")
