"""Methods by name."""

from __future__ import annotations

import pytest

from spikelet.conversion import METHODS
from spikelet.conversion.methods import Options, make


@pytest.mark.parametrize("name", METHODS)
def test_each_conversion_has_a_method_of_its_own(name: str) -> None:
    options = Options("soft", 8)
    one, other = make(name, options), make(name, options)
    assert type(one) is type(other)
    assert one is not other
    assert one.spiking == (name in ("fitted", "rmp", "calibrated"))
