"""Networks of other simulators: `Network.to_nest` builds the same network in NEST, `from_nest` takes one from there."""

from __future__ import annotations

from spikelet.io.nest import NestNetwork, from_nest, to_nest

__all__ = ["NestNetwork", "from_nest", "to_nest"]
