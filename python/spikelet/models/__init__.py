"""Ready-made networks, each also an example of how one is built; import the one you want."""

from __future__ import annotations
