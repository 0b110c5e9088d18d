"""A network that several processes share gives the bits of one process."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.ranks.launch import run

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None, reason="mpi4py is an extra"
)


def results(path: Path) -> dict[str, Any]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def sizes(path: Path) -> dict[str, int]:
    """Return the sizes of the arrays in a saved network [bytes]; their order, and so the padding, is free."""
    with zipfile.ZipFile(path) as file:
        return {part.filename: part.file_size for part in file.infolist()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_ranks_gives_the_bits_of_one_process(dtype: str, tmp_path: Path) -> None:
    """Spikes, states, weights, recordings, with six kinds of plastic synapses; and the file that is saved midway."""
    run(0, "model.py", str(tmp_path / "0.npz"), dtype, "2")
    expected, saved = results(tmp_path / "0.npz"), sizes(tmp_path / "0.saved")
    assert min(len(expected[f"recorder{k}.times"]) for k in range(7)) > 50
    for ranks, threads in ((1, 1), (2, 2), (3, 1)) if dtype == "float32" else ((3, 1),):
        printed = run(ranks, "model.py", str(tmp_path / f"{ranks}.npz"), dtype, str(threads))
        assert f"{ranks} ranks: " in printed
        assert_same(results(tmp_path / f"{ranks}.npz"), expected)
        assert_same(results(tmp_path / f"{ranks}.saved"), results(tmp_path / "0.saved"))
        assert sizes(tmp_path / f"{ranks}.saved") == saved
    (tmp_path / "3.saved").rename(tmp_path / "2.from")  # what three ranks saved, two go on from
    run(2, "model.py", str(tmp_path / "2.npz"), dtype, "1")
    assert_same(results(tmp_path / "2.npz"), expected)


@pytest.mark.parametrize(
    ("how", "message"),
    [("error", "a rank has failed"), ("starved", "MemoryError"), ("killed", "")],
)
def test_an_error_of_one_rank_stops_all_ranks(how: str, message: str) -> None:
    """Also if it runs out of memory within a run, or is killed: the others would run for hours."""
    if how == "starved" and not Path("/proc/self/statm").exists():
        pytest.skip("this system does not tell how much memory a process uses")
    printed = run(3, "small.py", how, check=False)
    assert message in printed


def test_all_ranks_stop_where_one_stops_and_can_continue() -> None:
    assert "went on True" in run(3, "small.py", "stopped")


def test_events_on_one_rank_change_no_bit(tmp_path: Path) -> None:
    alone = run(0, "small.py", "lopsided", str(tmp_path / "0")).split()
    assert len(alone) == 6
    assert run(3, "small.py", "lopsided", str(tmp_path / "3")).split() == alone


def test_weights_of_16_bits_give_the_bits_of_one_process(tmp_path: Path) -> None:
    """Sums of integers, dense and queued rows, both neuron models; three ranks save, two go on."""
    none, files = str(tmp_path / "none"), [str(tmp_path / f"{ranks}") for ranks in (0, 1, 3)]
    alone = run(0, "small.py", "of_16_bits", files[0], none).split()
    assert len(set(alone)) == 4 + 8 + 4
    for ranks, file in ((1, files[1]), (3, files[2])):
        assert run(ranks, "small.py", "of_16_bits", file, none).split() == alone
    assert Path(files[2]).exists()
    for ranks in (0, 2):
        last = str(tmp_path / "last")
        assert run(ranks, "small.py", "of_16_bits", last, files[2]).split() == alone


def test_changes_of_the_structure_give_the_bits_of_one_process() -> None:
    alone = run(0, "small.py", "changed").split()
    assert len(set(alone)) == 10
    for ranks in (2, 3):
        assert run(ranks, "small.py", "changed").split() == alone


def test_ranks_that_read_different_states_are_refused() -> None:
    printed = run(2, "small.py", "mixed_up")
    assert printed.count("rank 0: LIF0.V_m; rank 1: LIF0.I_syn_ex") == 2


def test_ranks_that_run_in_different_ways_are_refused(tmp_path: Path) -> None:
    """Before, they deadlocked, or MPI aborted them."""
    printed = run(2, "small.py", "at_odds", str(tmp_path))
    assert printed.count("the number of steps to run") == 4
    assert printed.count("their recorders or checkpoints") == 4
    assert printed.count("the method that they call: ") == 2
    assert printed.count("other recorders") == 2 * 5


def test_groups_of_ranks() -> None:
    assert run(4, "small.py", "groups").count("split") == 4


def test_networks_can_be_of_one_rank() -> None:
    printed = run(2, "small.py", "apart")
    assert "rank 0 of 2" in printed
    assert "rank 1 of 2" in printed


def test_each_rank_records_to_a_file_of_its_own(tmp_path: Path) -> None:
    printed = run(2, "small.py", "disk", str(tmp_path))
    assert "'spikes.rank0.rec', 'spikes.rank1.rec'" in printed
