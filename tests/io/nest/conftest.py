"""An empty kernel of NEST."""

from __future__ import annotations

import pytest
from tests.support.nest_kernel import fresh_kernel


@pytest.fixture
def fresh_nest() -> None:
    fresh_kernel()
