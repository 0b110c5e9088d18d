"""The command as a module: ``python -m spikelet``."""

from spikelet.cli import main

main()
