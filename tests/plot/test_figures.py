"""Matplotlib is an optional dependency."""

from __future__ import annotations

import sys

import pytest

from spikelet import plot

pytest.importorskip("matplotlib")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'spikelet\[plot\]'"):
        plot.raster([1.0], [0])
