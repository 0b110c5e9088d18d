"""The default number of threads."""

from __future__ import annotations

import os

import pytest
from tests.conftest import spawn

from spikelet._util.threads import default_threads


def test_default_threads_follow_the_environment() -> None:
    code = "import spikelet as sl; print(sl.Network().threads)"
    assert spawn(code, OMP_NUM_THREADS="1").strip() == "1"
    assert int(spawn(code, OMP_NUM_THREADS="1000")) <= 1000 // 2


def test_a_system_that_tells_no_cores_gives_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for told, threads in ((None, 1), (3, 3)):
        monkeypatch.setattr(os, "cpu_count", lambda told=told: told)
        assert default_threads() == threads
    assert default_threads(lambda cores: len(cores) - 1) == 2
