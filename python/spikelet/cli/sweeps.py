"""``spikelet run``: a sweep that a TOML file describes."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikelet._util.checks import fail, integer
from spikelet._util.extras import extra
from spikelet.cli.output import shows_progress
from spikelet.experiments import hdf5, tables
from spikelet.experiments.executors import check
from spikelet.experiments.grid import MOST_RUNS, Run, accepts, plan
from spikelet.experiments.store import Store
from spikelet.experiments.sweeping import sweep

_TYPES: dict[str, type] = {
    "function": str, "grid": dict, "points": list, "fixed": dict, "seeds": object, "seed": object, "executor": str,
    "workers": object, "threads": object, "store": str, "save": str,
}  # fmt: skip
_NAMES: dict[type, str] = {str: "a string", dict: "a table", list: "an array of tables"}


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
    options: dict[str, Any]
    save: Path | None

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


def run(
    file: Path, given: Mapping[str, Any], *, resume: bool, retry_failed: bool, dry_run: bool
) -> dict[str, Any]:
    """Run a sweep or list its runs, and print the first results.

    Parameters
    ----------
    file : Path
        The description.
    given : mapping
        Options in place of the file's; None leaves the file's.
    resume, retry_failed, dry_run : bool

    Returns
    -------
    dict
        Whether the sweep is complete, the place of the store, and the table of the runs.

    Raises
    ------
    ValueError
        If the description is wrong.
    """
    try:
        asked = read(file)
        asked.options.update({name: value for name, value in given.items() if value is not None})
        runs = asked.runs()
    except TypeError as error:  # a wrong type in a file is a wrong value
        raise ValueError(str(error)) from None
    store = str(asked.options["store"])
    if dry_run:
        for one in runs:
            values = ", ".join(f"{name} = {value!r}" for name, value in one.parameters.items())
            print(f"{one.key[:8]}  {values}, seed = {one.seed}")
        print(f"{len(runs)} runs; store: {store}")
        listed = [{"key": r.key, "parameters": r.parameters, "seed": r.seed} for r in runs]
        return {"complete": True, "store": store, "runs": listed}
    if not resume and Store(Path(store)).exists():
        rule = "must not exist; --resume continues it, and another `store` in the file starts anew"
        fail(file.name, "store", store, rule)
    result = sweep(
        asked.function,
        asked.grid,
        **asked.options,
        resume=resume,
        retry_failed=retry_failed,
        progress=shows_progress(),
    )
    if asked.save is not None:
        result.save(asked.save)
    print(tables.head(result.table))
    print(f"{result}\nStore: {store}")
    if asked.save is not None:
        print(f"Results: {asked.save}")
    table = {name: list(result.table[name]) for name in result.table}
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    return {
        "complete": result.complete,
        "store": store,
        "results": None if asked.save is None else str(asked.save),
        "runs": rows,
    }


def read(path: Path) -> Description:
    """Read a description; its paths are relative to the folder of the file.

    Parameters
    ----------
    path : Path
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
    path = path.absolute()
    if not path.is_file():
        raise FileNotFoundError(f"run: there is no file {path}")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{path.name}: {error}"
        raise ValueError(msg) from None
    where = path.name
    for key in data:
        if key not in _TYPES:
            fail(where, "key", key, f"must be one of {', '.join(_TYPES)}")
        if not isinstance(data[key], _TYPES[key]):
            fail(where, key, data[key], f"must be {_NAMES[_TYPES[key]]}")
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
            if values.keys() != {"start", "stop", "num"}:
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
