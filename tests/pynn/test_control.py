from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def test_setup_forgets_what_was_there(sim: Any) -> None:
    sim.Population(2, sim.IF_curr_exp())
    sim.run(1.0)
    assert sim.setup(timestep=0.5) == 0
    assert sim.get_time_step() == 0.5
    assert sim.get_current_time() == 0.0
    assert sim.simulator.state.populations == []


def test_setup_takes_threads_seed_and_communicator(sim: Any) -> None:
    sim.setup(threads=2, rng_seed=7, comm=None)
    network = sim.simulator.state.network
    assert (network.threads, network.seed) == (2, 7)
    assert (sim.num_processes(), sim.rank()) == (1, 0)


def test_options_of_other_simulators_have_no_effect(sim: Any) -> None:
    sim.setup(timestep=0.1, spike_precision="on_grid", verbosity="error", t_flush=10.0)
    assert sim.get_time_step() == 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timestep": 0.0}, "dt must be > 0"),
        ({"timestep": 0.1, "rng_seed": -1}, "seed"),
        ({"timestep": 0.1, "threads": 0}, "threads"),
    ],
)
def test_bad_options_leave_the_network(sim: Any, options: dict[str, Any], message: str) -> None:
    network = sim.simulator.state.network
    with pytest.raises(ValueError, match=message):
        sim.setup(**options)
    assert sim.simulator.state.network is network


def test_min_delay_must_be_a_step_at_least(sim: Any) -> None:
    with pytest.raises(Exception, match="min_delay"):
        sim.setup(timestep=0.1, min_delay=0.05)


def test_run_until_the_past_is_refused(sim: Any) -> None:
    assert sim.run(10.0) == pytest.approx(10.0)
    assert sim.run_for(5.0) == pytest.approx(15.0)
    assert sim.run_until(15.0) == pytest.approx(15.0)
    with pytest.raises(ValueError, match="in the past"):
        sim.run_until(3.0)


def test_end_writes_files_once_and_keeps_the_data(sim: Any, tmp_path: Path) -> None:
    cells = sim.Population(2, sim.IF_curr_exp(i_offset=1.0))
    path = tmp_path / "v.pkl"
    cells.record("v", to_file=str(path))
    sim.run(5.0)
    sim.end()
    with path.open("rb") as file:
        block = pickle.load(file)
    assert block.segments[0].analogsignals[0].shape == (51, 2)
    path.unlink()
    sim.end()
    assert not path.exists()
    assert cells.get_data().segments[0].analogsignals[0].shape == (51, 2)


def test_reset_annotates_the_segment_it_ends(sim: Any) -> None:
    cells = sim.Population(1, sim.IF_curr_exp())
    cells.record("v")
    sim.run(1.0)
    sim.reset(annotations={"trial": 3})
    sim.reset()  # nothing ran in between: no segment
    sim.run(2.0)
    segments = cells.get_data().segments
    assert [s.annotations for s in segments] == [{"trial": 3}, {}]
    assert [len(s.analogsignals[0]) for s in segments] == [11, 21]


def test_without_pynn_the_error_names_the_extra() -> None:
    code = """
import sys
import spikelet
assert not {"pyNN", "neo", "lazyarray"} & set(sys.modules)
sys.modules["pyNN"] = None
import spikelet.pynn
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "spikelet.pynn needs pyNN: pip install 'spikelet[pynn]'" in done.stderr
