"""Tables of connectomes: one wiring from every form; signs, sums, gap junctions, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from spikelet.models.connectome import Connectome
from spikelet.models.wiring import Wiring, read_wiring

pandas = pytest.importorskip("pandas")

IDS = ["a", "b", "c", "d"]
EDGES = {"pre": ["a", "a", "b", "d"], "post": ["b", "c", "c", "d"], "weight": [3, 5, 2, 1]}
NEURONS = {"id": IDS, "type": ["x", "x", "y", None], "nt_type": ["ACh", "GABA", "ACh", None]}


def read(
    edges: Any, neurons: Any = None, gaps: Any = None, sign: Any = None, **columns: str
) -> Wiring:
    return read_wiring(edges, neurons, gaps, sign, columns)


def named(wiring: Wiring, part: str = "synapses") -> set[tuple[Any, ...]]:
    """Return edges with the names of their ends."""
    pre, post, weight = getattr(wiring, part)
    ends = (wiring.ids[end].tolist() for end in (pre, post))
    return set(zip(*ends, weight.tolist(), strict=True))


EXPECTED = set(zip(*EDGES.values(), strict=True))


def matrix() -> Any:
    dense = np.zeros((4, 4))
    for pre, post, weight in EXPECTED:
        dense[IDS.index(pre), IDS.index(post)] = weight
    return dense


def test_every_form_gives_the_same_wiring(tmp_path: Path) -> None:
    frame = pandas.DataFrame(EDGES)
    square = pandas.DataFrame(matrix(), index=IDS, columns=IDS)
    frame.to_csv(tmp_path / "edges.csv", index=False)
    frame.to_csv(tmp_path / "edges.tsv", index=False, sep="\t")
    square.to_csv(tmp_path / "matrix.csv")
    forms = [
        EDGES, frame, square, square[IDS[::-1]], tuple(EDGES.values()), matrix(),
        scipy.sparse.csr_array(matrix()),
        tmp_path / "edges.csv", tmp_path / "edges.tsv", str(tmp_path / "matrix.csv"),
        frame.rename(columns={"pre": "Source", "post": " target", "weight": "syn_count"}),
    ]  # fmt: skip
    for form in forms:
        for neurons in (IDS, IDS[::-1], NEURONS) if isinstance(form, dict) else (IDS,):
            assert named(read(form, neurons)) == EXPECTED
    assert named(read(EDGES)) == EXPECTED
    assert named(read(frame.rename(columns={"weight": "w"}), weight="w")) == EXPECTED
    assert {e[2] for e in named(read(frame[["pre", "post"]]))} == {1}  # each row is a synapse


def test_parquet_and_excel(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    pandas.DataFrame(EDGES).to_parquet(tmp_path / "edges.parquet")
    assert named(read(tmp_path / "edges.parquet")) == EXPECTED
    pytest.importorskip("openpyxl")
    pandas.DataFrame(matrix(), index=IDS, columns=IDS).to_excel(tmp_path / "matrix.xlsx")
    assert named(read(tmp_path / "matrix.xlsx")) == EXPECTED


def test_what_polars_and_others_convert() -> None:
    class Frame:
        def to_pandas(self) -> Any:
            return pandas.DataFrame(EDGES)

    assert named(read(Frame())) == EXPECTED


def test_the_published_files_of_the_fly(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    drawn = Connectome.surrogate(200, 2000, seed=1)
    drawn.write(tmp_path / "c.parquet", tmp_path / "n.csv")
    found = read(tmp_path / "c.parquet", tmp_path / "n.csv")
    for a, b in zip(found.synapses, (drawn.pre, drawn.post, drawn.synapses), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(found.ids, drawn.ids)
    assert named(read(drawn)) == named(found)


def test_repeated_edges_are_added_and_self_loops_stay() -> None:
    found = read((["a", "b", "a", "a"], ["b", "a", "b", "a"], [1.5, 2.0, 3.0, 4.0]))
    assert named(found) == {("a", "b", 4.5), ("b", "a", 2.0), ("a", "a", 4.0)}
    assert named(read((["a", "a"], ["b", "b"], [2, -2]))) == set()


def test_signs() -> None:
    def weights(sign: Any, edges: Any = EDGES, neurons: Any = NEURONS) -> list[float]:
        return read(edges, neurons, sign=sign).synapses.weight.tolist()

    assert weights({"ACh": 1, "GABA": -2, None: 0.5}) == [3, 5, -4, 0.5]
    assert weights({"ACh": 1, "GABA": -1, "": -1}) == [3, 5, -2, -1]
    assert weights([1, -1, 1, 1]) == [3, 5, -2, 1]
    assert weights(-1) == [-3, -5, -2, -1]
    assert weights(None) == [3, 5, 2, 1]
    by_edge = {**EDGES, "transmitter": ["GABA", "ACh", "ACh", "ACh"]}
    assert weights({"ACh": 1, "GABA": -1}, by_edge) == [-3, 5, 2, 1]
    assert named(read(EDGES, NEURONS, sign={"GABA": 0, None: 1})) == EXPECTED - {("b", "c", 2)}


def test_types_and_other_columns() -> None:
    columns = read(EDGES, {**NEURONS, "tau_m": [1.0, 2.0, np.nan, 4.0]}).columns
    assert columns["type"].tolist() == ["x", "x", "y", ""]
    assert columns["transmitter"].tolist() == columns["nt_type"].tolist()
    assert columns["tau_m"].dtype == np.float64
    assert read(EDGES, NEURONS, type="nt_type").columns["type"][1] == "GABA"
    by_index = pandas.DataFrame({"cell_type": list("xxyz")}, index=IDS)
    assert read(EDGES, by_index).columns["type"].tolist() == list("xxyz")


def test_gap_junctions() -> None:
    edges = {**EDGES, "Type": ["chemical", "Electrical", "chemical", "gap junction"]}
    found = read(edges)
    assert named(found) == {("a", "b", 3), ("b", "c", 2)}
    assert named(found, "gaps") == {("a", "c", 5), ("d", "d", 1)}
    both = read(edges, gaps=(["a"], ["b"], [7]))
    assert named(both, "gaps") == {("a", "c", 5), ("d", "d", 1), ("a", "b", 7)}
    assert named(both) == named(found)
    square = pandas.DataFrame(matrix(), index=IDS, columns=IDS)
    assert named(read(EDGES, gaps=square), "gaps") == EXPECTED


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: read({"from_": ["a"], "post": ["b"]}), r"edges must have columns of sources"),
        (lambda: read({**EDGES, "pre": ["a", "a", "b", None]}), "edges: pre must be ids"),
        (lambda: read({**EDGES, "weight": [1, 2, np.nan, 3]}), r"finite \(row 2"),
        (lambda: read((["a"], ["b"], [np.inf])), "finite"),
        (lambda: read((["a"], ["b"], [1, 2])), "as many sources as targets"),
        (lambda: read((["a"],)), r"must be \(pre, post\) or"),
        (lambda: read(EDGES, IDS[:3]), "lacks 1 of them .* got 'd'"),
        (lambda: read(EDGES, [1, 2]), "must join neurons of neurons="),
        (lambda: read(EDGES, ["a", *IDS]), "must all be different, got 'a'"),
        (lambda: read(np.ones((2, 3))), "square matrix"),
        (lambda: read(scipy.sparse.coo_array(np.ones((2, 3)))), "must be square"),
        (lambda: read(matrix(), IDS[:3]), "must be a matrix of the 3 neurons"),
        (lambda: read("x.txt"), r"must end in .csv"),
        (lambda: read(EDGES, colour="x"), "columns must name what a column holds"),
        (lambda: read(EDGES, weight="w"), "must name a column of the table; the nearest is 'weight'"),
        (lambda: read(EDGES, NEURONS, sign={"ACh": 1}), "every transmitter .*; missing: '', 'GABA'"),
        (lambda: read(EDGES, sign={"ACh": 1}), "needs a column of transmitters"),
        (lambda: read(EDGES, NEURONS, sign={None: "x"}), r"sign\[''\] must be a number"),
        (lambda: read(EDGES, sign=[1, -1]), "sign must be one for each of 4 neurons"),
        (lambda: read((["a"], ["b"], [-1]), sign=-1), "no negative weights where sign="),
        (lambda: read((["a"], ["b"]), gaps=([1], [2])), "ids of one kind"),
    ],
    ids=range(21),
)  # fmt: skip
def test_refusals(given: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        given()
    assert str(caught.value).startswith("connectome: ")
