"""What the tests of the PyNN front end share."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

if importlib.util.find_spec("pyNN") is None:  # an extra
    collect_ignore_glob = ["*.py"]


@pytest.fixture
def sim() -> Iterator[Any]:
    """The module, set up with a step of 0.1 ms; nothing stays to be written."""
    module = importlib.import_module("spikelet.pynn")
    module.setup(timestep=0.1, min_delay=0.1, threads=1)
    yield module
    module.simulator.state.write_on_end = []
