"""The runs of a sweep: parameters, replicates, seeds and keys.

The key and the seed of a run depend only on its own parameters, its replicate and the seed of the sweep: neither a larger
grid nor the order of execution changes them.
"""

from __future__ import annotations

import hashlib
import inspect
import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikelet._util.checks import fail, integer, shown

MOST_RUNS = 2**24
"""Runs of a sweep, which are all listed before the first one."""

COLUMNS = ("replicate", "seed", "key", "status", "error")
"""Columns of a table other than parameters and results; parameters must not have these names."""


@dataclass(frozen=True)
class Run:
    """One call of the function.

    Parameters
    ----------
    key : str
        Name of the run: a digest of its parameters and its replicate (or the given seed).
    parameters : dict
        Arguments by name, without the seed.
    replicate : int
        Index among the runs of the same parameters.
    seed : int
        Seed that the function gets.
    """

    key: str
    parameters: dict[str, Any]
    replicate: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Return the description that is stored on disk."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Run:
        """Return the run of a stored description; JSON stores tuples as lists.

        Raises
        ------
        ValueError, TypeError
            If it was not made by `to_json`, or the key does not match the parameters and the replicate or seed.
        """
        if data.keys() != {"key", "parameters", "replicate", "seed"}:
            fail("sweep", "fields of a stored run", sorted(data), "must be those of a run")
        parameters = _parameters("stored run", data["parameters"])
        replicate = _integer("replicate", data["replicate"], 0)
        seed = _integer("seed", data["seed"], 0, 2**64 - 1)
        run = cls(data["key"], parameters, replicate, seed)
        digests = (
            _digest(parameters, which) for which in ({"replicate": replicate}, {"seed": seed})
        )
        if run.key not in map(_key, digests):
            fail("sweep", "key of a stored run", run.key, "must be that of its parameters")
        return run

    def has_seed_of(self, base: int) -> bool:
        """Return whether the seed was given, or derived from this seed of the sweep."""
        digest = _digest(self.parameters, {"replicate": self.replicate})
        return self.key != _key(digest) or self.seed == _seed(base, digest)


def plan(
    grid: Any, fixed: Mapping[str, Any] | None, seeds: int | Sequence[int], seed: int
) -> list[Run]:
    """Return all runs in the order of the grid, replicates innermost.

    Parameters
    ----------
    grid : mapping of name to values, sequence of mappings, or DataFrame
        All combinations of values, the last name varying fastest; or one mapping or row for each point.
    fixed : mapping, optional
        Parameters that all points have in common.
    seeds : int or sequence of int
        Number of replicates, or their seeds.
    seed : int
        Seed from which the seeds of the runs are derived.
    """
    base = _integer("seed", seed, 0, 2**64 - 1)
    given = None
    if isinstance(seeds, (int, np.integer, np.bool_)):
        replicates = _integer("seeds", seeds, 1)
    elif isinstance(seeds, str) or not isinstance(seeds, Iterable):
        fail("sweep", "seeds", seeds, "must be an integer or a list of integers", error=TypeError)
    else:
        given = [_integer(f"seeds[{k}]", s, 0, 2**64 - 1) for k, s in enumerate(seeds)]
        replicates = len(given)
        if not given or len(set(given)) < len(given):
            fail("sweep", "seeds", seeds, "must be a number of replicates or distinct seeds")
    points = 1
    if isinstance(grid, Mapping):
        points = math.prod(len(v) for v in grid.values() if isinstance(v, Sequence))
    if points * replicates > MOST_RUNS:
        rule = f"must have at most {MOST_RUNS} runs in all"
        fail("sweep", "grid and seeds", points * replicates, rule, got="number")
    constants = _parameters("fixed", {} if fixed is None else fixed)
    runs: dict[str, Run] = {}
    for point in _points(grid):
        if twice := sorted(point.keys() & constants.keys()):
            fail("sweep", "fixed", twice[0], "must not name a parameter of the grid")
        parameters = constants | point
        for k in range(replicates):
            digest = _digest(parameters, {"replicate": k} if given is None else {"seed": given[k]})
            run = Run(
                _key(digest), parameters, k, _seed(base, digest) if given is None else given[k]
            )
            if run.key in runs:
                fail("sweep", "grid", parameters, "must not contain a point twice")
            runs[run.key] = run
    if not runs:
        fail("sweep", "grid", grid, "must have at least one point")
    return list(runs.values())


def accepts(function: Callable[..., Any], runs: Iterable[Run]) -> None:
    """Check that a function takes the parameters of all runs, and a seed."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have no signature
        return
    for names in dict.fromkeys(tuple(run.parameters) for run in runs):
        try:
            signature.bind(**dict.fromkeys((*names, "seed")))
        except TypeError as error:
            given = ", ".join((*names, "seed"))
            msg = (
                f"sweep: fn must accept {given} by name, which come from the grid, fixed and the sweep, and need no "
                f"other argument, but its signature is {signature} ({error})"
            )
            raise TypeError(msg) from None


def _points(grid: Any) -> list[dict[str, Any]]:
    if hasattr(grid, "to_dict") and hasattr(grid, "columns"):  # a DataFrame of any library
        # Read by column: a row has a single type, which would turn 1 into 1.0.
        names = list(grid.columns)
        if twice := [name for k, name in enumerate(names) if name in names[:k]]:
            fail("sweep", "grid", twice[0], "must not have two columns of the same name")
        columns = [list(grid[name]) for name in names]
        rows = zip(*columns, strict=True)
        return [
            _parameters(f"grid, row {k}", dict(zip(names, row, strict=True)))
            for k, row in enumerate(rows)
        ]
    if isinstance(grid, Mapping):
        axes = {}
        for name, values in grid.items():
            if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
                msg = f"sweep: grid[{name!r}] must be a list of values, got {shown(values)}"
                raise TypeError(msg)
            axes[name] = list(values)
            if not axes[name]:
                fail("sweep", f"grid[{name!r}]", values, "must have at least one value")
        return [
            _parameters("grid", dict(zip(axes, values, strict=True)))
            for values in itertools.product(*axes.values())
        ]
    if not isinstance(grid, Sequence) or not all(isinstance(point, Mapping) for point in grid):
        rule = "must be a dict of lists, a list of dicts or a DataFrame"
        fail("sweep", "grid", grid, rule, error=TypeError)
    return [_parameters(f"grid[{k}]", point) for k, point in enumerate(grid)]


def _parameters(where: str, point: Mapping[Any, Any]) -> dict[str, Any]:
    for name in point:
        if not isinstance(name, str) or not name.isidentifier():
            fail("sweep", where, name, "must have names that are valid arguments")
        if name in COLUMNS:
            fail("sweep", where, name, "must not use the name of a column of the table")
    return {name: _value(f"{where}: {name}", value) for name, value in point.items()}


def _value(where: str, value: Any) -> Any:
    """Return a value as a plain Python object, which is written and hashed in a unique way."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (tuple, list)):
        return tuple(_value(where, item) for item in value)
    if isinstance(value, float) and math.isnan(value):
        fail("sweep", where, value, "must not be NaN (or missing)")
    if value is None or type(value) in (bool, int, float, str):
        return value
    msg = f"sweep: {where} must be a number, a string, a bool, None or a tuple, got {shown(value)}"
    raise TypeError(msg)


def _integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return an integer; unlike in Python, a bool is not one."""
    if isinstance(value, (bool, np.bool_)):
        msg = f"sweep: {name} must be an integer, got {shown(value)}"
        raise TypeError(msg)
    return integer("sweep", name, value, low, high)


def _digest(parameters: Mapping[str, Any], which: Mapping[str, int]) -> bytes:
    # Python writes floats with the fewest digits that restore them, on all platforms alike.
    text = json.dumps([parameters, which], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def _key(digest: bytes) -> str:
    return digest.hex()[:32]


def _seed(base: int, digest: bytes) -> int:
    """Return a seed of 32 random bits, which every library accepts."""
    counter = np.frombuffer(digest, dtype="<u8").astype(np.uint64)
    return int(np.random.Philox(key=base, counter=counter).random_raw()) >> 32
