"""Files of events: `read_events`, and one module for each format.

A module with a `FORMAT` is a format; nothing else has to be changed to add one.
"""

from __future__ import annotations

from spikelet.datasets.event_files.reading import read_events

__all__ = ["read_events"]
