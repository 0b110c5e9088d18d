"""SONATA: networks of point neurons in the format of the Allen Institute and the Blue Brain Project."""

from __future__ import annotations

from spikelet.io.sonata.network import SonataNetwork, read_sonata

__all__ = ["SonataNetwork", "read_sonata"]
