"""NIR, the Neuromorphic Intermediate Representation (Pedersen et al., Nature Communications 2024)."""

from __future__ import annotations

from spikelet.io.nir.writing import write_nir

__all__ = ["write_nir"]
