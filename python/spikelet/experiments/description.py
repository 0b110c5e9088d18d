"""Sweeps described by a TOML file, for ``spikelet run``."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spikelet._util.checks import fail, integer
from spikelet._util.extras import extra
from spikelet._util.files import path_of
from spikelet.experiments import hdf5
from spikelet.experiments.executors import check
from spikelet.experiments.grid import MOST_RUNS, Run, accepts, plan
from spikelet.experiments.result import SweepResult
from spikelet.experiments.sweeping import Progress, sweep

__all__ = ["Description", "read"]

_KEYS = (
    "function", "grid", "points", "fixed", "seeds", "seed", "executor", "workers", "threads",
    "store", "save",
)  # fmt: skip
_RANGE = {"start", "stop", "num"}


@dataclass
class Description:
    """A sweep as described by a file.

    Parameters
    ----------
    function : callable
        Function of the parameters and a seed.
    grid : dict of lists or list of dicts
        Points of the sweep.
    options : dict
        Other arguments of `spikelet.sweep`.
    save : Path, optional
        HDF5 file for all results.
    """

    function: Callable[..., Any]
    grid: Any
    options: dict[str, Any] = field(default_factory=dict)
    save: Path | None = None

    def runs(self) -> list[Run]:
        """Return all runs, after checking all arguments."""
        o = self.options
        check(o.get("executor", "joblib"), o.get("workers"), o.get("threads"))
        runs = plan(self.grid, o.get("fixed"), o.get("seeds", 1), o.get("seed", 0))
        accepts(self.function, runs)
        if self.save is not None:
            extra("h5py", "save")
            hdf5.check(self.save)
        return runs

    def sweep(
        self, *, resume: bool, retry_failed: bool = False, progress: bool | Progress = False
    ) -> SweepResult:
        """Run the sweep, and save the results if the file says so."""
        result = sweep(
            self.function,
            self.grid,
            **self.options,
            resume=resume,
            retry_failed=retry_failed,
            progress=progress,
        )
        if self.save is not None:
            result.save(self.save)
        return result


def read(path: str | os.PathLike[str]) -> Description:
    """Read a description; its paths are relative to the folder of the file.

    Parameters
    ----------
    path : path
        TOML file with ``function`` ("module:function" or "file.py:function"), either a table ``grid`` (of lists, or
        of ranges ``{start = 0, stop = 1, num = 11}``) or an array of tables ``points``, and optionally ``fixed``,
        ``seeds``, ``seed``, ``executor``, ``workers``, ``threads``, ``store`` (by default the name of the file with
        "-runs" in place of its suffix) and ``save`` (an HDF5 file).

    Raises
    ------
    ValueError, TypeError
        If the file is not valid.
    FileNotFoundError
        If there is none.
    """
    path = path_of("run", path).absolute()
    if not path.is_file():
        raise FileNotFoundError(f"run: there is no file {path}")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{path.name}: {error}"
        raise ValueError(msg) from None
    where = path.name
    for key in data:
        if key not in _KEYS:
            fail(where, "key", key, f"must be one of {', '.join(_KEYS)}")
    for key in ("function", "executor", "store", "save"):
        if not isinstance(data.get(key, ""), str):
            fail(where, key, data[key], "must be a string")
    for key in ("grid", "fixed"):
        if not isinstance(data.get(key, {}), dict):
            fail(where, key, data[key], "must be a table")
    if not isinstance(data.get("points", []), list):
        fail(where, "points", data["points"], "must be an array of tables")
    if ("grid" in data) == ("points" in data):
        rule = "is required; an empty table [grid] is one point"
        fail(where, "exactly one of grid and points", sorted(data), rule, got="keys")
    grid = data["points"] if "points" in data else _axes(where, data["grid"])
    options: dict[str, Any] = {
        key: data[key]
        for key in ("fixed", "seeds", "seed", "executor", "workers", "threads")
        if key in data
    }
    options["store"] = path.parent / data.get("store", f"{path.stem}-runs")
    save = path.parent / data["save"] if "save" in data else None
    return Description(_function(where, path.parent, data.get("function")), grid, options, save)


def _axes(where: str, grid: Mapping[str, Any]) -> dict[str, Any]:
    axes = {}
    for name, values in grid.items():
        if isinstance(values, dict):
            if values.keys() != _RANGE:
                fail(where, f"grid.{name}", values, "must be a list or have start, stop and num")
            num = integer(where, f"grid.{name}.num", values["num"], 1, MOST_RUNS)
            try:
                axes[name] = [float(x) for x in np.linspace(values["start"], values["stop"], num)]
            except (TypeError, ValueError, OverflowError):
                fail(where, f"grid.{name}", values, "must have numbers as start and stop")
        elif isinstance(values, list):
            axes[name] = values
        else:
            fail(where, f"grid.{name}", values, "must be a list or have start, stop and num")
    return axes


def _function(where: str, folder: Path, name: Any) -> Callable[..., Any]:
    module, colon, attribute = str(name).rpartition(":")
    if not colon or not module or not attribute or module.startswith(".") or "\0" in module:
        fail(where, "function", name, 'must be "module:function" or "file.py:function"')
    try:
        loaded = (
            _load(folder / module) if module.endswith(".py") else importlib.import_module(module)
        )
    except (FileNotFoundError, ModuleNotFoundError, IsADirectoryError) as error:
        msg = f"{where}: function must be in an existing module, got {name!r} ({error})"
        raise ValueError(msg) from None
    except SyntaxError as error:
        msg = f"{where}: the module of function {name!r} is not valid Python: {error}"
        raise ValueError(msg) from None
    found: Any = loaded
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        fail(where, "function", name, f"must be a function of {module}")
    function: Callable[..., Any] = found
    return function


def _load(file: Path) -> Any:
    name = file.stem
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        fail("function", "file", str(file), "must be a Python file")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses and pickle look it up here
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise
    return module
