"""Small data sets: MNIST's files, scikit-learn's digits, events of moving digits, and Yin-Yang."""

from __future__ import annotations

from spikelet.datasets.event_camera import to_frames
from spikelet.datasets.images import digits, load, mnist
from spikelet.datasets.moving_digits import moving_digits
from spikelet.datasets.event_files import GESTURES, SpikingSpeech, read_events, read_gestures, read_spiking_speech
from spikelet.datasets.yin_yang import yin_yang

# Imported here, these functions take the places of their modules of the same name.
__all__ = ["digits", "load", "mnist", "moving_digits", "to_frames", "yin_yang"]
