"""ONNX models of graphs: a table with a row for each layer class."""

from __future__ import annotations
