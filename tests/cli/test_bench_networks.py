"""The networks of ``spikelet bench``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spikelet.cli.bench_networks import NETWORKS

WORKER = Path(__file__).parents[2] / "bench" / "python" / "worker.py"


@pytest.mark.parametrize("name", ["cuba", "coba", "brunel", "plastic_brunel"])
def test_networks_are_those_of_the_comparison_with_nest(name):
    settings = {
        "name": name,
        "dtype": "float32",
        "threads": 1,
        "seed": 1,
        "duration": 20.0,
        "scale": 1.0,
    }
    command = [sys.executable, str(WORKER), "on_spikelet.run", json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = json.loads(done.stdout)
    built = next(network for network in NETWORKS if network.name == name).build(1)
    built.network.run(20.0)
    assert built.neurons == expected["neurons"]
    assert built.synapses == expected["synapses"]
    assert sum(len(recorder.times) for recorder in built.recorders) == expected["spikes"] > 100
