"""A small network to record."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import make

import spikelet as sl


@pytest.fixture
def small() -> tuple[sl.Network, Any]:
    net = make()
    return net, net.population(3, sl.LIF(I_e=900.0), name="cells")
