"""Connectomes: what they take, refuse, write and read back, and the degrees of the surrogate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from spikelet.models.connectome import COLUMNS, Connectome

IDS = np.array([720575940596125868, 720575940597856265, 720575940600000000, 720575940612345678])
EDGES = ([0, 0, 2, 3], [1, 3, 0, 2], [5, -2, 1, 40])


def example() -> Connectome:
    return Connectome.of(tuple(np.array(part) for part in EDGES), IDS)


def same(a: Connectome, b: Connectome) -> bool:
    parts = ("ids", "pre", "post", "synapses")
    return all(np.array_equal(getattr(a, p), getattr(b, p)) for p in parts)


def test_files_in_the_published_form(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    paths = tmp_path / "Connectivity.parquet", tmp_path / "Completeness.csv"
    drawn = Connectome.surrogate(300, 70_000, seed=2)  # more rows than are read at once
    for connectome in (example(), drawn):
        connectome.write(*paths)
        assert same(Connectome.of(*paths), connectome)
        assert same(Connectome.of(str(paths[0]), connectome.ids), connectome)
    columns = parquet.read_table(paths[0])
    assert columns["Presynaptic_ID"].to_pylist()[:2] == drawn.ids[drawn.pre[:2]].tolist()
    assert paths[1].read_text().splitlines()[:2] == [",Completed", f"{drawn.ids[0]},True"]


def test_other_descriptions() -> None:
    pre, post, synapses = (np.array(part) for part in EDGES)
    matrix = scipy.sparse.coo_array((synapses, (pre, post)), shape=(4, 4))
    table = dict(zip(COLUMNS, EDGES, strict=True))
    for given in (matrix.tocsr(), table, (pre, post, synapses.astype(float))):
        found = Connectome.of(given, IDS)
        assert same(found, example())
        assert Connectome.of(found) is found
    assert Connectome.of(tuple(EDGES)).ids.tolist() == [0, 1, 2, 3]
    assert len(Connectome.of(tuple(EDGES), 9)) == 9
    assert len(Connectome.of(([], [], []), 0)) == 0
    pandas = pytest.importorskip("pandas")
    assert same(Connectome.of(pandas.DataFrame(table), IDS), example())


def test_neurons_by_id_and_by_index() -> None:
    connectome = Connectome(IDS[::-1], *(np.array(part) for part in EDGES))
    assert connectome.index(IDS[1:3]).tolist() == [2, 1]
    assert connectome.index([0, 3]).tolist() == [0, 3]
    assert connectome.index(int(IDS[3])).tolist() == [0]
    assert connectome.index([]).tolist() == []
    for bad, named in (([4], "4"), ([int(IDS[0]), 1], "1"), ([-1], "-1"), ([0, 5], "5")):
        with pytest.raises(ValueError, match=f"Connectome.index: neurons .* got {named}$"):
            connectome.index(bad)
    with pytest.raises(TypeError, match="ids or indices"):
        connectome.index([0.5])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (lambda: Connectome.of(([0], [1])), ValueError, r"must be \(pre, post, synapses\)"),
        (lambda: Connectome.of(([0], [1], [1, 2])), ValueError, "must be equally long"),
        (lambda: Connectome.of(([0], [4], [1]), IDS), ValueError, "post must lie in 0 .. 3"),
        (lambda: Connectome.of(([0], [1], [0.5])), TypeError, "whole numbers"),
        (lambda: Connectome.of(([0], [1], [40_000])), ValueError, "between -32767 and 32767"),
        (
            lambda: Connectome.of(([0], [1], [1]), [7, 7]),
            ValueError,
            "ids must all be different, got 7",
        ),
        (lambda: Connectome.of(([0], [1], [1]), [0.5, 1.5]), TypeError, "array of integers"),
        (lambda: Connectome.of(5), TypeError, "a table with the columns Presynaptic_Index"),
        (lambda: Connectome.of(example(), IDS), ValueError, "must not be given with a Connectome"),
        (lambda: Connectome.of("nowhere.parquet"), FileNotFoundError, "nowhere.parquet"),
        (lambda: Connectome.surrogate(20), ValueError, "neurons must be >= 50"),
    ],
    ids=range(11),
)
def test_refusals(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        given()


def test_files_that_are_not_in_the_published_form(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(ValueError, match=r"x.parquet: is not a parquet file"):
        Connectome.of(path)
    parquet.write_table(arrow.table({"pre": [1]}), path)
    with pytest.raises(ValueError, match=r"must have the columns Presynaptic_Index"):
        Connectome.of(path)
    for values, message in (
        ([70_000], "between -32768 and 32767, got 70000"),
        ([None], "without gaps"),
    ):
        columns = dict(zip(COLUMNS, ([0], [1], values), strict=True))
        parquet.write_table(arrow.table(columns), path)
        with pytest.raises(ValueError, match=message):
            Connectome.of(path)
    text = tmp_path / "ids.csv"
    text.write_text(",Completed\nfive,True\n")
    with pytest.raises(ValueError, match=r"ids.csv: the first column must be ids"):
        Connectome.of(tuple(EDGES), text)


def test_surrogate() -> None:
    drawn = Connectome.surrogate(5000, 200_000, seed=1)
    assert same(drawn, Connectome.surrogate(5000, 200_000, seed=1))
    assert not same(drawn, Connectome.surrogate(5000, 200_000, seed=2))
    assert len(drawn) == 5000
    assert len(drawn.pre) == 200_000
    assert (np.diff(drawn.ids) > 0).all()
    key = drawn.pre.astype(np.int64) * 5000 + drawn.post
    assert (np.diff(key) > 0).all()  # in order, and each pair once
    assert (drawn.pre != drawn.post).all()
    assert (drawn.synapses != 0).all()
    inhibitory = np.bincount(drawn.pre, drawn.synapses < 0, 5000) > 0
    assert (drawn.synapses[inhibitory[drawn.pre]] < 0).all()  # a neuron has one sign
    for end in (drawn.pre, drawn.post):  # the spread of log-normal numbers with a sigma of 1
        degrees = np.bincount(end, minlength=5000)
        assert 0.9 < np.log(degrees[degrees > 0]).std() < 1.15
    assert 0.16 < (np.abs(drawn.synapses) >= 5).mean() < 0.2
    assert len(Connectome.surrogate(50, 10_000).pre) < 10_000
    assert len(Connectome.surrogate(50, 0).pre) == 0
