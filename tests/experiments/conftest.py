"""A sweep whose function counts its calls and stops where a test wants it to."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest

import spikelet as sl


@pytest.fixture
def log():
    """Return what the function was called with; emptied by the tests."""
    calls = []
    yield calls
    calls.clear()


@pytest.fixture
def fn(log):
    def fn(x, seed):
        log.append(x)
        if x in stop:
            raise stop[x]
        return {"y": x * 2, "noise": np.random.default_rng(seed).normal(size=2)}

    stop = {}
    fn.stop = stop
    return fn


@pytest.fixture
def sweep(tmp_path, fn):
    def sweep(xs, function=fn, **options):
        return sl.sweep(
            function, {"x": xs}, **({"executor": "serial", "store": tmp_path / "s"} | options)
        )

    return sweep


def function(text):
    """Return a function without source code."""
    space = {"__name__": "nowhere"}
    exec(f"fn = {text}" if text.startswith("lambda") else text, space)  # noqa: S102
    return space["fn"]


def change(folder, *statements):
    """Change the database of a store."""
    with closing(sqlite3.connect(folder / "sweep.sqlite")) as db, db:
        for statement in statements:
            db.execute(statement)
