"""Data sets: MNIST's files, scikit-learn's digits, events of moving digits, Yin-Yang."""

from __future__ import annotations

from spikelet.datasets.files import digits, load, mnist, moving_digits, to_frames, yin_yang

__all__ = ["digits", "load", "mnist", "moving_digits", "to_frames", "yin_yang"]
