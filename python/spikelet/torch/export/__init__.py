"""ONNX files of trained spiking modules: the writer of graphs, the layers, and the neurons as scans over time."""

from __future__ import annotations
