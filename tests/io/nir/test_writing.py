"""`write_nir`: files, what is written as it is, and the same bits when a graph is read and written again."""

from __future__ import annotations

import itertools
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.support.full_disk import run_on_a_full_disk
from tests.support.nir_models import images, quietly, vectors

import spikelet as sl
from spikelet import layers

nir = pytest.importorskip("nir")


def model(n=3):
    return sl.SpikingModel([layers.Linear(np.eye(n)), layers.LIF(1.0, "zero", tau_m=10.0)])


@pytest.mark.parametrize("make", [vectors, images])
def test_reading_and_writing_again_gives_the_same_bytes(make, tmp_path):
    for seed in range(10):
        made, shape = make(np.random.default_rng(seed))
        one, two, three = (tmp_path / f"{k}.nir" for k in range(3))
        quietly(made, one, input_shape=shape)
        read = sl.io.read_nir(one)
        sl.io.write_nir(read, two)
        assert one.read_bytes() == two.read_bytes()
        sl.io.write_nir(read.graph, three)
        assert one.read_bytes() == three.read_bytes()


def test_scalars_are_written(tmp_path):
    """HDF5 compresses no scalars, at which nir.write stops."""
    nodes = {
        "input": nir.Input(np.array([3])),
        "affine": nir.Affine(np.eye(3), np.array(0.5)),
        "lif": nir.LIF(*(np.array(value) for value in (0.01, 2.0, 0.1, 0.3, -0.1))),
        "scale": nir.Scale(np.array(2.0)),
        "output": nir.Output(np.array([3])),
    }
    metadata = {"more": {"scalar": np.array(1.5)}}
    graph = nir.NIRGraph(
        nodes, list(itertools.pairwise(nodes)), metadata=metadata, type_check=False
    )
    one, two = tmp_path / "one.nir", tmp_path / "two.nir"
    sl.io.write_nir(graph, one)
    read = sl.io.read_nir(one)
    sl.io.write_nir(read, two)
    assert one.read_bytes() == two.read_bytes()
    x = np.random.default_rng(0).normal(size=(50, 2, 3))
    v, expected = np.zeros((2, 3)), []
    for row in x:
        v = v + (0.1 + 2.0 * (row + 0.5) - v) * (1 - np.exp(-0.1))
        expected.append(2.0 * (v > 0.3))
        v = np.where(v > 0.3, -0.1, v)
    found = read.run(x, dt=1e-3).output
    assert 0 < np.count_nonzero(expected) < x.size
    np.testing.assert_array_equal(found, expected)
    assert read.graph.metadata["more"]["scalar"] == 1.5


def test_the_bytes_do_not_depend_on_the_order_of_nodes_nor_on_tuples_for_arrays(tmp_path):
    """HDF5 lists groups by name, and nir stores tuples as contiguous data and arrays in chunks."""
    graph = nir.NIRGraph(
        {
            "z": nir.Input(np.array([2, 6, 6])),
            "conv": nir.Conv2d((6, 6), np.ones((2, 2, 3, 3)), (1, 2), (1, 0), 1, 1, np.zeros(2)),
            "b": nir.SumPool2d((2, 2), np.array([1, 1]), (0, 0)),
            "a": nir.Output(np.array([2, 5, 1])),
        },
        [("z", "conv"), ("conv", "b"), ("b", "a")],
        metadata={"z": 1, "a": 2},
    )
    one, two, three = (tmp_path / f"{k}.nir" for k in range(3))
    sl.io.write_nir(graph, one)
    read = sl.io.read_nir(one)
    assert read.graph.nodes["conv"].stride == (1, 2)
    sl.io.write_nir(read, two)
    assert one.read_bytes() == two.read_bytes()
    nir.write(three, read.graph)
    assert one.read_bytes() == three.read_bytes()


def pool(**metadata):
    nodes = {
        "input": nir.Input(np.array([2, 6, 6])),
        "flat": nir.Flatten(None, 0, -1),
        "output": nir.Output(np.array([72])),
    }
    edges = list(itertools.pairwise(nodes))
    return nir.NIRGraph(nodes, edges, metadata=metadata, type_check=False)


def test_what_a_file_cannot_hold(tmp_path):
    path = tmp_path / "a.nir"
    with pytest.raises(ValueError, match=r"'flat/input_type' must not be None.* read_nir\(graph\)"):
        sl.io.write_nir(pool(), path)
    with pytest.raises(ValueError, match="'metadata/deep/why' must not be None"):
        sl.io.write_nir(sl.io.read_nir(pool(deep={"why": None})), path)
    assert not path.exists()
    sl.io.write_nir(sl.io.read_nir(pool()), path)
    assert sl.io.read_nir(path).outputs == {"output": (72,)}


def test_as_many_nested_graphs_as_are_read_come_back(tmp_path):
    graph, ends = nir.Scale(np.full(2, 1.0)), np.array([2])
    for _ in range(33):
        nodes = {"input": nir.Input(ends), "inner": graph, "output": nir.Output(ends)}
        graph = nir.NIRGraph(nodes, list(itertools.pairwise(nodes)), type_check=False)
    path = tmp_path / "deep.nir"
    sl.io.write_nir(sl.io.read_nir(graph), path)
    assert sl.io.read_nir(path).run(np.ones((3, 2)), dt=1.0).output.sum() == 6


@pytest.mark.parametrize("make", [vectors, images])
def test_a_model_that_comes_back_is_written_with_the_same_parameters(make):
    """As a SpikingModel, whose neurons are all LIF and whose sums are layers: every number of every neuron is the same."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        made, shape = make(rng, even=True) if make is images else make(rng)
        first = quietly(made, input_shape=shape)
        back = sl.io.read_nir(first).to_spiking_model()
        second = quietly(back, input_shape=shape)
        for name, node in first.nodes.items():
            if type(node).__name__ in ("IF", "LIF"):
                again = second.nodes[name]
                np.testing.assert_array_equal(node.v_threshold, again.v_threshold)
                np.testing.assert_array_equal(node.v_reset, again.v_reset)
                kept = node.metadata.get("spikelet", {}), again.metadata.get("spikelet", {})
                assert kept[0].keys() == kept[1].keys()
                for key, value in kept[0].items():
                    np.testing.assert_array_equal(value, kept[1][key])


def test_the_file_is_that_of_the_graph(tmp_path):
    path = tmp_path / "a.nir"
    graph = sl.io.write_nir(model(), path)
    read = nir.read(path)
    with h5py.File(path) as file:
        assert file["version"][()].decode() == nir.version
    assert (
        read.edges == graph.edges == [("input", "linear0"), ("linear0", "lif1"), ("lif1", "output")]
    )
    np.testing.assert_array_equal(read.nodes["lif1"].tau, graph.nodes["lif1"].tau)
    assert read.metadata["spikelet"] == {"dt": 1e-3, "mode": "exact", "version": sl.__version__}
    assert [p.name for p in tmp_path.iterdir()] == ["a.nir"]


def test_nothing_is_written_without_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(sl.io.write_nir(model()), nir.NIRGraph)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("compression", ["gzip", "lzf", 9, None])
def test_compression(compression, tmp_path):
    path = tmp_path / "a.nir"
    sl.io.write_nir(model(300), path, compression=compression)
    with h5py.File(path) as file:
        found = file["node/nodes/linear0/weight"].compression
    assert found == ("gzip" if compression == 9 else compression)
    size = path.stat().st_size
    assert (size < 200_000) == (compression is not None)


@pytest.mark.parametrize("compression", ["zip", 10, 1.5, True])
def test_an_unknown_compression_leaves_the_old_file(compression, tmp_path):
    path = tmp_path / "a.nir"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="write_nir: compression must be"):
        sl.io.write_nir(model(), path, compression=compression)
    assert path.read_bytes() == b"old"


def test_a_model_that_is_refused_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.nir"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="max pooling"):
        sl.io.write_nir(sl.SpikingModel([layers.MaxPool2d(2)]), path, input_shape=(1, 4, 4))
    assert path.read_bytes() == b"old"
    sl.io.write_nir(model(), str(path))
    assert nir.read(path).nodes.keys() >= {"lif1"}
    assert [p.name for p in tmp_path.iterdir()] == ["a.nir"]


def test_paths_are_checked_before_the_model_is_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        sl.io.write_nir(model(), tmp_path / "missing" / "a.nir")
    with pytest.raises(IsADirectoryError):
        sl.io.write_nir(model(), tmp_path)
    with pytest.raises(TypeError, match="path must be a path"):
        sl.io.write_nir(model(), 3)
    with pytest.raises(ValueError, match="path must be the path of a file"):
        sl.io.write_nir(model(), "a\0b")


def test_graphs_are_written_as_they_are():
    graph = sl.io.write_nir(model())
    assert sl.io.write_nir(graph) is graph
    again = sl.io.write_nir(sl.io.read_nir(graph))
    assert again is not graph
    assert again.nodes.keys() == graph.nodes.keys()
    with pytest.raises(ValueError, match="dt must not be given: a NIR graph is written as it is"):
        sl.io.write_nir(graph, dt=1e-3)
    with pytest.raises(ValueError, match="convention must not be given"):
        sl.io.write_nir(sl.io.read_nir(graph), convention="norse")


@pytest.mark.parametrize("thing", [None, "model.nir", np.ones(3), layers.IF(1.0), [layers.IF(1.0)]])
def test_other_things_are_no_models(thing):
    with pytest.raises(
        TypeError, match=r"model must be a SpikingModel, a torch\.nn\.Module, a Network"
    ):
        sl.io.write_nir(thing)


def test_a_written_graph_can_be_changed_without_the_model():
    made = model()
    before = np.array(made.graph["linear0"].layer.weight)
    graph = sl.io.write_nir(made, dtype="float64")
    graph.nodes["linear0"].weight[:] = 7
    np.testing.assert_array_equal(made.graph["linear0"].layer.weight, before)


@pytest.mark.parametrize("size", [1000, 60_000])
def test_a_full_disk_is_an_error_that_names_the_file(size: int, tmp_path: Path) -> None:
    pytest.importorskip("resource")
    script = f"""
weights = np.random.default_rng(0).random((300, 300))
model = sl.SpikingModel([sl.layers.Linear(weights), sl.layers.IF(1.0, "zero")])
full({size})
shown(lambda: sl.io.write_nir(model, "net.nir"))
"""
    (line,) = run_on_a_full_disk(script, tmp_path)
    assert line.endswith("too large net.nir")
    assert list(tmp_path.iterdir()) == []
