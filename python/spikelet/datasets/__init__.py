"""Data sets: MNIST's files, digits, Yin-Yang; files of events and the data sets that consist of them."""

from __future__ import annotations

from spikelet._util.spelling import offer
from spikelet.datasets.event_files import (
    GESTURES,
    SpikingSpeech,
    read_events,
    read_gestures,
    read_spiking_speech,
)
from spikelet.datasets.images import digits, load, mnist
from spikelet.datasets.moving_digits import moving_digits
from spikelet.datasets.recordings import (
    Recordings,
    dvs_gesture,
    n_caltech101,
    n_cars,
    n_mnist,
    st_mnist,
)
from spikelet.datasets.yin_yang import yin_yang

# Imported here, these functions take the places of their modules of the same name.
__all__ = [
    "GESTURES",
    "Recordings",
    "SpikingSpeech",
    "digits",
    "dvs_gesture",
    "load",
    "mnist",
    "moving_digits",
    "n_caltech101",
    "n_cars",
    "n_mnist",
    "read_events",
    "read_gestures",
    "read_spiking_speech",
    "st_mnist",
    "yin_yang",
]

offer(__name__, __all__)
