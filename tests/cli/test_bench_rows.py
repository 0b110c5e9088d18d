"""The rows of ``spikelet bench``, and those of the stored reference."""

from __future__ import annotations

import dataclasses
import json

from spikelet.cli import bench
from spikelet.cli.bench_networks import NETWORKS

NAMES = [network.name for network in NETWORKS]


def test_the_stored_reference_is_complete():
    reference = json.loads(bench.REFERENCE.read_text())
    for mode in ("full", "quick"):
        rows = reference[mode]
        assert [row["network"] for row in rows if row["role"] == "one"] == NAMES
        for row in rows:
            assert set(row) == {field.name for field in dataclasses.fields(bench.Row)}
            assert row["spikes_crc"] >= 0
    assert {"cpu", "cores", "simd"} <= set(reference["machine"])
