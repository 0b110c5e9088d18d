"""The default number of threads."""

from __future__ import annotations

from tests.conftest import spawn


def test_default_threads_follow_the_environment() -> None:
    code = "import spikelet as sl; print(sl.Network().threads)"
    assert spawn(code, OMP_NUM_THREADS="1").strip() == "1"
    assert int(spawn(code, OMP_NUM_THREADS="1000")) <= 1000 // 2
