"""``spikelet run``: a sweep that a TOML file describes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikelet._util.checks import fail
from spikelet.cli.output import shows_progress
from spikelet.experiments import description, tables
from spikelet.experiments.store import Store

__all__ = ["run"]


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
        asked = description.read(file)
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
    result = asked.sweep(resume=resume, retry_failed=retry_failed, progress=shows_progress())
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
