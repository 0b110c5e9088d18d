"""The command ``spikelet``."""

from __future__ import annotations

from spikelet.cli.main import main

__all__ = ["main"]
