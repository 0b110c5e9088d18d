"""Stores of sweeps: description, plan, runs and arrays in an SQLite database, by `load_sweep`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from tests.mutation.format import Format
from tests.mutation.mutate import Random
from tests.mutation.values import change_json, pick

import spikelet as sl


def trial(x: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    if x == 3:
        raise RuntimeError("no")
    return {
        "number": rng.normal(), "text": f"é {x}", "none": None, "big": 10**30, "noise": rng.normal(size=(3, 2)),
        "fields": np.array([(1, 2.0)], [("a", "<i4"), ("b", "<f8")]), "count": np.arange(5),
    }  # fmt: skip


class SweepStore(Format):
    summed: ClassVar[bool] = False
    errors: ClassVar[tuple[type[Exception], ...]] = (ValueError, OSError)

    def write(self, folder: Path, seed: int) -> None:
        rng = np.random.default_rng(seed)
        grid = {"x": [1, 2.5, "three", 3, (1, 2)][: int(rng.integers(1, 6))]}
        seeds = pick(rng, (1, 2, [5, 2**63]))
        sl.sweep(trial, grid, seeds=seeds, seed=seed % 1000, executor="serial", store=folder / "s")

    def targets(self, folder: Path) -> list[Path]:
        return [folder / "s" / "sweep.sqlite"]  # the lock is an empty file

    def read(self, folder: Path) -> Any:
        found = sl.load_sweep(folder / "s")
        return found.fixed, [[vars(run.run), vars(run.record)] for run in found]

    def craft(self, folder: Path, rng: Random) -> str:
        table, column = pick(
            rng, (("about", "text"), ("plan", "run"), ("runs", "record"), ("arrays", "npy"))
        )
        with closing(sqlite3.connect(folder / "s" / "sweep.sqlite")) as db, db:
            rows = db.execute(f"SELECT rowid, {column} FROM {table} ORDER BY rowid").fetchall()
            if not rows:
                return f"{table}: nothing"
            row, value = pick(rng, rows)
            if table == "arrays":
                changed = bytearray(value)
                at = int(rng.integers(min(128, len(value))))
                changed[at] = pick(rng, b"0123456789-()[]{}',Ofui<|\0\xff")
                what, value = f"byte {at}", bytes(changed)
            else:
                tree = json.loads(value)
                what, value = change_json(tree, rng), json.dumps(tree)
            db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, row))
        return f"{table}: {what}"

    def use(self, folder: Path) -> None:
        found = sl.load_sweep(folder / "s")
        repr(found)
        for run in found:
            repr(run.record)
        if all(run.status != "missing" for run in found):
            found.save(folder.parent / "results.h5")


FORMAT = SweepStore()
