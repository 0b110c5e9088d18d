"""Networks of other simulators: NEST, and SONATA files."""

from __future__ import annotations

from spikelet.io.nest import NestNetwork, to_nest
from spikelet.io.sonata import SonataNetwork, read_sonata, write_sonata

__all__ = ["NestNetwork", "SonataNetwork", "read_sonata", "to_nest", "write_sonata"]
