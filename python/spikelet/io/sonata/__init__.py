"""SONATA: networks of point neurons in the format of the Allen Institute and the Blue Brain Project."""

from __future__ import annotations

from spikelet.io.sonata.network import SonataNetwork, read_sonata
from spikelet.io.sonata.write import write_sonata

__all__ = ["SonataNetwork", "read_sonata", "write_sonata"]
