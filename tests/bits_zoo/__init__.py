"""The cases that `tests/bits.py` hashes, by subject. They use only public names, so they run on any version."""

from __future__ import annotations
