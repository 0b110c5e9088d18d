from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

nir = pytest.importorskip("nir")
h5py = pytest.importorskip("h5py")

from tests.support.nir_graphs import random_graph

import spikelet as sl
import spikelet.io

ONES = np.ones(3)


def content(path: Path) -> dict[str, tuple[Any, ...]]:
    """Return the type, shape and bytes of each data set of a file."""
    found: dict[str, tuple[Any, ...]] = {}

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            value = item[()]
            if item.dtype.kind == "O":
                found[name] = (np.asarray(value).tolist(),)
            else:
                found[name] = item.dtype.str, item.shape, np.asarray(value).tobytes()

    with h5py.File(path, "r") as file:
        file.visititems(add)
    return found


def example() -> Any:
    lif = nir.LIF(tau=0.01 * ONES, r=ONES, v_leak=0 * ONES, v_threshold=0.5 * ONES)
    lif.metadata = {"why": "höher", "n": 3, "deep": {"x": np.arange(3)}}
    return nir.NIRGraph(
        {
            "in": nir.Input(np.array([2])),
            "fc": nir.Affine(np.ones((3, 2)), np.zeros(3)),
            "lif": lif,
            "out": nir.Output(np.array([3])),
        },
        [("in", "fc"), ("fc", "lif"), ("lif", "out")],
        metadata={"dt": 1e-4},
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("nir") / "model.nir"
    nir.write(path, example())
    return path


@pytest.mark.parametrize("block", range(12))
def test_300_random_graphs_survive_writing_and_reading_bit_for_bit(
    block: int, tmp_path: Path
) -> None:
    for seed in range(block * 25, (block + 1) * 25):
        first, second = tmp_path / "first.nir", tmp_path / "second.nir"
        sl.io.write_nir(sl.io.read_nir(random_graph(seed)), first)
        sl.io.write_nir(sl.io.read_nir(first), second)
        assert first.read_bytes() == second.read_bytes(), f"seed {seed}"
        if seed % 5 == 0:
            nir.write(second, sl.io.read_nir(first).graph)
            assert first.read_bytes() == second.read_bytes(), f"seed {seed}"


def test_reading_changes_nothing_that_nir_reads(tmp_path: Path) -> None:
    """A graph without gaps is written as nir itself would write it."""
    compared = 0
    for seed in range(12):
        mine, theirs, source = (tmp_path / f"{name}{seed}.nir" for name in "abc")
        nir.write(source, sl.io.read_nir(random_graph(seed)).graph)
        if not _nested(source):
            nir.write(mine, sl.io.read_nir(source).graph)
            nir.write(theirs, nir.read(source, type_check=False))
            assert content(mine) == content(theirs)
            compared += 1
    assert compared > 3


def _nested(path: Path) -> bool:
    """Return whether nir checks, and so changes, a nested graph despite ``type_check=False``."""
    return any(name.count("/nodes/") > 1 for name in content(path))


def test_metadata_is_kept(file: Path) -> None:
    graph = sl.io.read_nir(str(file)).graph
    assert graph.metadata == {"dt": 1e-4}
    metadata = graph.nodes["lif"].metadata
    assert metadata["why"] == "höher"
    assert metadata["n"] == 3
    np.testing.assert_array_equal(metadata["deep"]["x"], np.arange(3))


def change(file: Path, folder: Path, how: Callable[[Any], Any]) -> Path:
    path = folder / "changed.nir"
    shutil.copy(file, path)
    with h5py.File(path, "r+") as opened:
        how(opened)
    return path


def put(where: str, value: Any, **options: Any) -> Callable[[Any], None]:
    def how(opened: Any) -> None:
        if where in opened:
            del opened[where]
        opened.create_dataset(where, data=value, **options)

    return how


def drop(where: str) -> Callable[[Any], None]:
    def how(opened: Any) -> None:
        del opened[where]

    return how


LIF = "node/nodes/lif"


def huge(opened: Any) -> None:
    del opened[f"{LIF}/tau"]
    opened.create_dataset(f"{LIF}/tau", shape=(2**40,), dtype="f8", chunks=(2**20,))


def huge_plain(opened: Any) -> None:
    del opened["node/nodes/fc/weight"]
    opened.create_dataset("node/nodes/fc/weight", shape=(2**30, 2**10), dtype="f4")


def soft(opened: Any) -> None:
    opened["node/nodes/again"] = h5py.SoftLink("/node/nodes/lif")


def external(opened: Any) -> None:
    opened["node/nodes/again"] = h5py.ExternalLink("/etc/passwd", "/")


def circle(opened: Any) -> None:
    opened[f"{LIF}/metadata/deep/again"] = opened[f"{LIF}/metadata"]


def virtual(opened: Any) -> None:
    del opened[f"{LIF}/tau"]
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "x", (3,))
    opened.create_virtual_dataset(f"{LIF}/tau", layout)


def deep(opened: Any) -> None:
    group = opened[f"{LIF}/metadata"]
    for _ in range(200):
        group = group.create_group("x")


def empty(opened: Any) -> None:
    del opened[f"{LIF}/tau"]
    opened[f"{LIF}/tau"] = h5py.Empty("f8")


def group_for_data(opened: Any) -> None:
    del opened[f"{LIF}/tau"]
    opened.create_group(f"{LIF}/tau/x")


TEXT = h5py.string_dtype()


@pytest.mark.parametrize(
    ("how", "rule"),
    [
        (drop("node"), "groups must have the group 'node'"),
        (drop("node/nodes"), "/node: nodes must be present"),
        (drop("node/edges"), "/node: edges must be present"),
        (drop("node/type"), "/node: type must be present"),
        (drop(f"{LIF}/type"), "/node/nodes/lif: type must be present"),
        (drop(f"{LIF}/tau"), r"/node/nodes/lif \(LIF\): tau must be given"),
        (put("node", 3), "/node must be a group"),
        (put("version", "2.0.1"), "version must be 0.x or 1.x"),
        (put("version", "new"), "version must be 0.x or 1.x, the versions read here, got 'new'"),
        (put("version", 1.0), "version must be 0.x or 1.x"),
        (put("node/type", "LIF"), "/node: type must be NIRGraph, got 'LIF'"),
        (put(f"{LIF}/type", "ALIF"), "type must be a primitive of NIR; did you mean 'LIF'.*got 'ALIF'"),
        (put(f"{LIF}/type", 3), "type must be a text"),
        (put(f"{LIF}/type", np.bytes_(b"\xff\xfe")), "must be UTF-8"),
        (put(f"{LIF}/taus", ONES), "field must be one of tau, .*did you mean 'tau'"),
        (put(f"{LIF}/tau", ONES * np.nan), r"/node/nodes/lif \(LIF\): tau must be finite and > 0"),
        (put(f"{LIF}/tau", -ONES), "tau must be finite and > 0"),
        (put(f"{LIF}/tau", np.ones(4)), "parameters must all have the shape"),
        (put(f"{LIF}/tau", ["a", "b", "c"], dtype=TEXT), "tau must hold numbers"),
        (put(f"{LIF}/tau", np.zeros(3, [("a", "f8")])), "dtype must be numbers or text"),
        (put("node/nodes/in/shape", [-2]), "shape must lie in 1"),
        (put("node/nodes/in/shape", [2**33]), "shape must lie in 1"),
        (put("node/nodes/in/shape", [3]), r"node 'fc' \(Affine\): input shape from 'in' must be \(2,\), got \(3,\)"),
        (put("node/nodes/fc", ONES), "/node/nodes/fc must be a group"),
        (put("node/edges", [("in", "fc"), ("fc", "liff"), ("lif", "out")], dtype=TEXT), "edge 'fc -> liff' must join two nodes of the graph; did you mean 'lif'"),
        (put("node/edges", [("in", "fc", "x")], dtype=TEXT), "edges must be an array"),
        (put("node/edges", np.ones((2, 2))), "edges must hold names"),
        (put("node/edges", [("in", "fc"), ("fc", "fc"), ("fc", "lif"), ("lif", "out")], dtype=TEXT), "input shape from|cycle must hold"),
        (put("node/extra", 1), "item must be type, nodes, edges or metadata"),
        (put(f"{LIF}/metadata", 1), "metadata must be a group"),
        (huge, r"tau: shape must be of data that the file holds, 8796093022208 bytes, not 0"),
        (huge_plain, "weight: shape must be of data that the file holds"),
        (soft, "item 'again' must not be a link, got 'SoftLink'"),
        (external, "item 'again' must not be a link, got 'ExternalLink'"),
        (circle, "deep/again: item must not be a group that occurs elsewhere"),
        (virtual, "data set must hold its own data"),
        (deep, "groups must be nested at most 80 deep"),
        (empty, "shape must be given"),
        (group_for_data, "item 'tau' must be a data set, got 'a group'"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused_with_file_group_and_rule(
    how: Any, rule: str, file: Path, tmp_path: Path
) -> None:
    path = change(file, tmp_path, how)
    with pytest.raises(ValueError, match=f"(?s)^read_nir: file '.*changed.nir'.*{rule}"):
        sl.io.read_nir(path)


def test_a_cycle_without_a_state_is_named(tmp_path: Path) -> None:
    scale = {name: nir.Scale(ONES) for name in "abc"}
    nodes = {"in": nir.Input(np.array([3])), **scale, "out": nir.Output(np.array([3]))}
    edges = [("in", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "out")]
    nir.write(tmp_path / "cycle.nir", nir.NIRGraph(nodes, edges, type_check=False))
    with pytest.raises(ValueError, match=r"cycle\.nir': cycle must hold a neuron, or a Delay"):
        sl.io.read_nir(tmp_path / "cycle.nir")


def test_every_cut_of_a_file_is_refused(file: Path, tmp_path: Path) -> None:
    data = file.read_bytes()
    for size in [0, 3, 8, 100, *range(500, len(data), len(data) // 15)]:
        (tmp_path / "cut.nir").write_bytes(data[:size])
        with pytest.raises(ValueError, match=r"^read_nir: file '.*cut\.nir' cannot be read"):
            sl.io.read_nir(tmp_path / "cut.nir")


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        sl.io.read_nir(tmp_path / "none.nir")
    with pytest.raises(ValueError, match="must be a file"):
        sl.io.read_nir(tmp_path)
    with pytest.raises(TypeError, match="must be a path or a graph"):
        sl.io.read_nir(3)
    with pytest.raises(ValueError, match=r"must be a graph: use nir\.NIRGraph\.from_list"):
        sl.io.read_nir(nir.Scale(ONES))


def test_what_old_files_leave_out(file: Path, tmp_path: Path) -> None:
    """v_reset, the version, scalars instead of arrays, input shapes of convolutions."""

    def how(opened: Any) -> None:
        del opened[f"{LIF}/v_reset"], opened["version"]
        put(f"{LIF}/tau", 0.01)(opened)

    path = change(file, tmp_path, how)
    x = np.ones((40, 2))
    expected = sl.io.read_nir(file).run(x, dt=1e-3).output
    assert expected.any()
    np.testing.assert_array_equal(sl.io.read_nir(path).run(x, dt=1e-3).output, expected)

    conv = nir.Conv2d((5, 6), np.ones((2, 1, 2, 2)), 1, 0, 1, 1, np.zeros(2))
    nir.write(tmp_path / "conv.nir", nir.NIRGraph.from_list(conv))
    path = change(tmp_path / "conv.nir", tmp_path, drop("node/nodes/conv2d/input_shape"))
    again = tmp_path / "again.nir"
    nir.write(again, sl.io.read_nir(path).graph)
    assert nir.read(again).nodes["conv2d"].input_shape.tolist() == [5, 6]


def test_names_in_other_encodings_and_empty_lists_of_edges(file: Path, tmp_path: Path) -> None:
    edges = np.array([("in", "fc"), ("fc", "lif"), ("lif", "out")], "S3")
    fixed = sl.io.read_nir(change(file, tmp_path, put("node/edges", edges)))
    assert fixed.run(np.ones((40, 2)), dt=1e-3).output.any()
    lone = nir.NIRGraph({"lif": example().nodes["lif"]}, [], type_check=False)
    nir.write(tmp_path / "lone.nir", lone)
    assert list(sl.io.read_nir(tmp_path / "lone.nir").outputs) == ["output_lif"]
