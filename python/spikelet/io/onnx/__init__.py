"""Layered models as ONNX files."""

from __future__ import annotations

from spikelet.io.onnx.writing import write_onnx

__all__ = ["write_onnx"]
