"""The command as a module: ``python -m spikelet``."""

from __future__ import annotations

from spikelet.cli import main

main()
