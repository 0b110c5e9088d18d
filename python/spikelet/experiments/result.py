"""The results of a sweep."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, overload

import numpy as np

from spikelet._util import html
from spikelet._util.sealed import Sealed
from spikelet.experiments import hdf5, tables
from spikelet.experiments.grid import Run
from spikelet.experiments.record import Arrays, Record
from spikelet.experiments.store import Entry

_SHOWN_RUNS = 20  # in a notebook


class RunResult(Sealed):
    """A run and its results. Arrays of a stored run are read on access.

    Parameters
    ----------
    run : Run
        Its parameters, seed, replicate and key.
    found : Record or Entry
        Its record, or the place of the record in a store.

    Attributes
    ----------
    run : Run
        Its parameters, seed, replicate and key.
    parameters : dict
        Arguments of the function.
    replicate : int
        Index among the runs of the same parameters.
    seed : int
        Seed of the run.
    status : str
        Either "done", "failed" or "missing".
    error, traceback : str, optional
        The exception of a failed run, and its traceback.
    """

    run: Run
    parameters: dict[str, Any]
    replicate: int
    seed: int
    status: str
    error: str | None
    traceback: str | None

    _instead: ClassVar = {"": "it is what the run returned"}

    def __init__(self, run: Run, found: Record | Entry) -> None:
        self._found = found
        self._short = short = _short(found)
        self._declare(run=run, parameters=run.parameters, replicate=run.replicate, seed=run.seed)
        self._declare(status=short.status, error=short.error, traceback=short.traceback)

    @property
    def record(self) -> Record:
        """Status, error, traceback, seconds, scalars, all arrays, and the machine."""
        return _read(self._found)

    @property
    def arrays(self) -> Arrays:
        """All arrays by name."""
        return self.record.arrays

    def __getitem__(self, name: str) -> Any:
        """Return a scalar or an array by name."""
        if name in self._short.scalars:
            return self._short.scalars[name]
        arrays = _read(self._found, (name,)).arrays
        if name in arrays:
            return arrays[name]
        have = ", ".join(self.keys()) or "none"
        msg = f"run {self.run.key} ({self.status}): no result {name!r}; it has {have}"
        raise KeyError(msg)

    def keys(self) -> list[str]:
        """Return the names of the results: scalars, then arrays. ``dict(run)`` has them all."""
        return [*self._short.scalars, *self._found.arrays]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the results."""
        return iter(self.keys())

    def __contains__(self, name: object) -> bool:
        """Return whether there is a result of this name."""
        return name in self.keys()

    def __repr__(self) -> str:
        return f"RunResult({self.run}, {self._short})"


def _read(found: Record | Entry, names: Collection[str] | None = None) -> Record:
    return found.read(names) if isinstance(found, Entry) else found


def _short(found: Record | Entry) -> Record:
    """Return a record that may lack its arrays, without reading any."""
    return found.record if isinstance(found, Entry) else found


class SweepResult(Sealed, Sequence[RunResult]):
    """The runs of a sweep in the order of its grid, as returned by `spikelet.sweep` and `spikelet.load_sweep`.

    Indexing gives a `RunResult`: ``result[3]["rate"]``. Arrays of a stored sweep are read on access.

    Parameters
    ----------
    runs : sequence of Run
        The runs, in order.
    records : mapping of key to Record or Entry
        Records, or their places in a store.
    fixed : sequence of str
        Parameters that are not dimensions.
    broken : str, optional
        Reason why runs are missing.
    """

    runs: tuple[Run, ...]
    fixed: tuple[str, ...]

    _instead: ClassVar = {"": "it is what the sweep returned"}

    def __init__(
        self,
        runs: Sequence[Run],
        records: Mapping[str, Record] | Mapping[str, Entry],
        fixed: Sequence[str] = (),
        broken: str | None = None,
    ) -> None:
        self.runs = tuple(runs)
        self.fixed = tuple(fixed)
        self._records = records
        self._broken = broken

    def __len__(self) -> int:
        return len(self.runs)

    @overload
    def __getitem__(self, index: int) -> RunResult: ...
    @overload
    def __getitem__(self, index: slice) -> SweepResult: ...
    def __getitem__(self, index: int | slice) -> RunResult | SweepResult:
        """Return a run, or a slice as a `SweepResult`."""
        if isinstance(index, slice):
            return SweepResult(self.runs[index], self._records, self.fixed, self._broken)
        if isinstance(index, str):
            way_out = f'result.table["{index}"] is this number in all runs, result.arrays("{index}") this array'
            msg = f"sweep: a result is indexed by the number of a run, as in result[0], got {index!r}; {way_out}"
            raise TypeError(msg)
        try:
            run = self.runs[index]
        except IndexError:
            msg = f"sweep: index {index} is out of bounds: there are {len(self.runs)} runs"
            raise IndexError(msg) from None
        return RunResult(run, self._found(run.key))

    def __iter__(self) -> Iterator[RunResult]:
        return (self[k] for k in range(len(self)))

    def arrays(self, name: str) -> list[np.ndarray[Any, Any] | None]:
        """Return the array of a given name of each run, None for a run without it.

        Parameters
        ----------
        name : str
            Name of the result.
        """
        places = [self._found(run.key) for run in self.runs]
        found = [_read(place, (name,)).arrays.get(name) for place in places]
        if all(array is None for array in found):
            have = ", ".join(sorted({n for place in places for n in place.arrays})) or "none"
            msg = f"sweep: no run has an array {name!r}; arrays are: {have}"
            raise KeyError(msg)
        return found

    @property
    def table(self) -> Any:
        """Parameters, seed, status and scalars of all runs; bit-identical however the sweep was run.

        A pandas DataFrame if pandas is installed, otherwise a dict of columns. A result with the name of a parameter or
        of another column gets the prefix "result.".
        """
        return tables.frame(tables.columns(self.runs, self._shorts()))

    @property
    def timing(self) -> Any:
        """Seconds in the function, host, version of spikelet and SIMD level of all runs, in the form of `table`."""
        return tables.frame(tables.timing(self.runs, self._shorts()))

    @property
    def failed(self) -> Any:
        """The rows of `table` whose runs failed, with tracebacks."""
        runs = [one.run for one in self if one.status == "failed"]
        records = [_short(self._found(run.key)) for run in runs]
        return tables.frame(
            tables.columns(runs, records) | {"traceback": [r.traceback for r in records]}
        )

    def to_xarray(self) -> Any:
        """Return an `xarray.Dataset` whose dimensions are the parameters and "replicate".

        It contains the scalars, and the arrays that have the same shape in all runs that are done, which excludes
        spikes. Values of failed runs are NaN or None.

        Raises
        ------
        ValueError
            If the runs are not all combinations of their parameters' values.
        """
        places = [self._found(run.key) for run in self.runs]
        names = next((tuple(each.arrays) for each in places if _short(each).status == "done"), ())
        return tables.dataset(self.runs, self._shorts(), self.fixed, names, self.arrays)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all runs to one HDF5 file, which `load_sweep` reads; the file is replaced atomically.

        Parameters
        ----------
        path : path
            File to write. It has a group for each run, ``runs/00000``, whose attributes are parameters, seed, scalars,
            status, version, SIMD level and host, and whose datasets are the arrays; ``table`` holds the columns of
            `table`.
        """
        records = (one.record for one in self)
        columns = tables.columns(self.runs, self._shorts())
        hdf5.save(self.runs, records, columns, path, self.fixed)

    def report(self, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
        """Write results against parameters, and a table of the runs, as one HTML file, which loads nothing from elsewhere.

        Parameters
        ----------
        path : path
            File to write (.html).
        title : str, optional
            Heading of the page.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ImportError
            If plotly or matplotlib is not installed: ``pip install 'spikelet[report]'``.
        """
        from spikelet.plot.report.sweep import save  # noqa: PLC0415  # only where it is used

        shorts = self._shorts()
        columns = tables.columns(self.runs, shorts)
        varied = [name for name in tables.names(self.runs) if name not in self.fixed]
        seconds = [None if math.isnan(each.seconds) else each.seconds for each in shorts]
        failed = []
        for one in self:
            if one.status == "failed":
                values = ", ".join(f"{name} = {value!r}" for name, value in one.parameters.items())
                about = f"{values}, replicate {one.replicate}, seed {one.seed}"
                failed.append((about, one.traceback or one.error or ""))
        return save(columns, varied, seconds, failed, path, title)

    @property
    def complete(self) -> bool:
        """Whether all runs are done."""
        return all(record.status == "done" for record in self._shorts())

    def __repr__(self) -> str:
        statuses = [record.status for record in self._shorts()]
        counts = ", ".join(f"{statuses.count(s)} {s}" for s in dict.fromkeys(statuses))
        return f"SweepResult({len(self)} runs: {counts})"

    def _repr_html_(self) -> str:
        """Return a table of the first runs, for notebooks."""
        columns = tables.columns(self.runs[:_SHOWN_RUNS], self._shorts()[:_SHOWN_RUNS])
        rows = list(zip(*(map(tables.short, column) for column in columns.values()), strict=True))
        more = len(self) - len(rows)
        title = f"{self!r}{f', the first {len(rows)}' if more else ''}"
        return html.grid(title, list(columns), rows, most=_SHOWN_RUNS)

    def _found(self, key: str) -> Record | Entry:
        return self._records.get(key) or Record("missing", error=self._broken)

    def _shorts(self) -> list[Record]:
        return [_short(self._found(run.key)) for run in self.runs]
