"""The networks that a page writes for a peer and for spikelet: the same spikes and gradients; no test needs a peer.

`record_torch_peers.py` ran the page's code of snnTorch and SpikingJelly and wrote them.
"""

from __future__ import annotations

import numpy as np
import pytest
from tests.examples.peers import example, reference

pytest.importorskip("torch")


@pytest.mark.parametrize("peer", ["snntorch", "spikingjelly"])
def test_two_layers(peer: str) -> None:
    from tests.examples.record_torch_peers import trained  # noqa: PLC0415  # imports torch

    found = trained(example(f"{peer}_two_layers").build())
    given = reference(f"{peer}_two_layers")
    assert 0.05 < given["spikes"].mean() < 0.95
    np.testing.assert_array_equal(found["spikes"], given["spikes"])
    for name in ("by_first", "by_bias", "by_second"):
        largest = np.abs(given[name]).max()
        assert largest > 0
        np.testing.assert_allclose(found[name], given[name], rtol=1e-4, atol=1e-5 * largest)
