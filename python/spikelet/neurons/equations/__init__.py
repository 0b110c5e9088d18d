"""Neuron models from text: equations, which the core runs without a compiler."""

from __future__ import annotations
