"""The base class of methods."""

from __future__ import annotations

import pytest
from tests.support.conversions import Spy

from spikelet import layers as L
from spikelet.conversion.layerwise.method import Method


def test_a_method_makes_spiking_neurons_of_relus() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Method()  # type: ignore[abstract]  # that is the point
    method = Spy()
    assert method.spiking
    assert method.accepts(L.ReLU(upper=6.0))
    assert not method.accepts(L.Activation("sigmoid"))
