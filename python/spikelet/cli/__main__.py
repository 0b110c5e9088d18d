"""``python -m spikelet.cli``."""

from __future__ import annotations

import sys

from spikelet.cli.main import main

sys.exit(main())
