"""Sweeps in this process, and functions to sweep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import spikelet as sl

Function = Callable[..., Any]


def square(x, seed):
    return {"y": x * x, "noise": float(np.random.default_rng(seed).normal())}


def sweep(fn, grid, **options):
    return sl.sweep(fn, grid, executor="serial", **options)


def column(result, name):
    return list(result.table[name])


class Counting:
    """Functions that record their calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, int]] = []

    def function(self) -> Function:
        calls = self.calls

        def fn(x, seed):
            calls.append((x, seed))
            if x == "bad":
                raise RuntimeError("no\nsuch thing")
            return {"y": x, "z": np.arange(3) + seed % 5}

        return fn
