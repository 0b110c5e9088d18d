"""Files of events: `read_events`, and one module for each format.

A module with a `FORMAT` is a format; nothing else has to be changed to add one.
"""

from __future__ import annotations

from spikelet.datasets.event_files.gestures import GESTURES, read_gestures
from spikelet.datasets.event_files.reading import read_events
from spikelet.datasets.event_files.spiking_speech import SpikingSpeech, read_spiking_speech

__all__ = ["GESTURES", "SpikingSpeech", "read_events", "read_gestures", "read_spiking_speech"]
