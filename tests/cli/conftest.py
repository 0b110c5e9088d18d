"""A short run of ``spikelet bench``."""

from __future__ import annotations

import pytest

from spikelet.cli import bench
from spikelet.cli.main import main


@pytest.fixture
def short(monkeypatch, tmp_path):
    """Run CUBA on one thread, with a copy of the reference that a test may change."""
    path = tmp_path / "reference.json"
    path.write_text(bench.REFERENCE.read_text())
    monkeypatch.setattr(bench, "REFERENCE", path)
    return path, lambda *more: main(
        ["bench", "--quick", "--threads", "1", "--networks", "cuba", *more]
    )
