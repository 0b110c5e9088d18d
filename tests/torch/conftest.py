"""Results at other SIMD levels, from one process for each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conftest import spawn

import spikelet as sl

CODE = f"""
import json, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
import spikelet as sl
from tests.torch import test_delay, test_functional, test_sparse
found = {{"neurons": test_functional.digest(2), "sparse": test_sparse.digest(1), "delays": test_delay.digest(1)}}
print(json.dumps({{"level": sl.simd_level(), **found}}))
"""


@pytest.fixture(scope="session")
def digests_at_levels() -> dict[str, dict[str, str]]:
    """Return hashes of neurons in two threads and of sparse layers and delays in one, by SIMD level other than this process's."""
    others = set(sl.available_simd_levels()) - {sl.simd_level()}
    return {level: json.loads(spawn(CODE, SPIKELET_SIMD=level)) for level in others}
