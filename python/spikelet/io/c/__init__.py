"""Layered models as C programs that give the same bits without Python, an operating system or a heap."""

from __future__ import annotations

from spikelet.io.c.writing import write_c

__all__ = ["write_c"]
