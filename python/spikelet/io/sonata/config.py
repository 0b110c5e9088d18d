"""SONATA's configuration: JSON files of a circuit and of a simulation, with variables for folders."""

from __future__ import annotations

import contextlib
import functools
import graphlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikelet._util.checks import fail
from spikelet._util.files import path_of
from spikelet._util.reading import json_value

WHERE = "read_sonata"
_LARGEST = 1 << 26  # bytes of a JSON file
_LONGEST = 1 << 14  # characters of a path
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_PATHS = ("_file", "_dir")  # what the names of paths end with
_IN_OUTPUT = ("spikes_file", "log_file")
_MISSING = object()


@dataclass(frozen=True)
class Config:
    """Configuration of one or two files, with all variables replaced and all paths absolute.

    Attributes
    ----------
    path : Path
        The file that was named.
    values : dict
        The sections of the circuit and of the simulation, as one.
    """

    path: Path
    values: Mapping[str, Any]

    @property
    def where(self) -> str:
        """The name of the file in messages."""
        return f"{WHERE}: {self.path}"

    def section(self, name: str) -> dict[str, Any]:
        """Return a section, empty if there is none."""
        found = self.values.get(name)
        if found is not None and not isinstance(found, dict):
            fail(self.where, name, found, "must be an object")
        return found or {}

    def items(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the entries of a section of named objects, without those that are not enabled."""
        for key, value in self.section(name).items():
            if not isinstance(value, dict):
                fail(self.where, f"{name}.{key}", value, "must be an object")
        return [(k, v) for k, v in self.section(name).items() if v.get("enabled", True)]

    def networks(self, kind: str) -> list[dict[str, Any]]:
        """Return the entries of `networks.nodes` or `networks.edges` that are enabled."""
        found = self.section("networks").get(kind, [])
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            fail(self.where, f"networks.{kind}", found, "must be a list of objects")
        return [item for item in found if item.get("enabled", True)]

    def parameters(self, folder: str, name: str | None, where: str) -> dict[str, Any]:
        """Return the parameters in a file of a folder of `components`; none without a name."""
        if name is None:
            return {}
        at = self.section("components").get(folder)
        if not isinstance(at, str):
            fail(where, f"components.{folder}", at, f"must be a folder, for {name!r}")
        path = inside(where, Path(at), name)
        return dict(_parameters(path, path.stat().st_mtime_ns))


@functools.lru_cache(maxsize=4096)
def _parameters(path: Path, _changed: int) -> dict[str, Any]:
    return read_json(path)


def inside(where: str, folder: Path, name: Any) -> Path:
    """Return the path of a file within a folder.

    Raises
    ------
    ValueError
        If it would lie elsewhere.
    """
    rule = f"must be the name of a file in {folder}"
    if not isinstance(name, str) or not name or "\0" in name:
        fail(where, "file", name, rule)
    path = Path(os.path.normpath(folder / name))
    if Path(os.path.normpath(folder)) not in path.parents:
        fail(where, "file", name, rule)
    return path


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises
    ------
    ValueError
        If it does not hold an object.
    OSError
        If it cannot be opened.
    """
    where = f"{WHERE}: {path}"
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > _LARGEST:
            fail(where, "size", size, f"must be at most {_LARGEST} bytes")
        data = file.read(size)
    try:
        found = json_value(data)
    except ValueError as error:
        msg = f"{where}: must be JSON ({error})"
        raise ValueError(msg) from None
    if not isinstance(found, dict):
        fail(where, "content", found, "must be a JSON object")
    return dict(found)


def read_config(path: str | os.PathLike[str], circuit: str | os.PathLike[str] | None) -> Config:
    """Read a configuration: of a simulation, of a circuit, of both, or a file that names the two.

    Parameters
    ----------
    path : path-like
        The file.
    circuit : path-like, optional
        The circuit's configuration, if the file does not name it.

    Raises
    ------
    ValueError
        If a file is not JSON, or a variable is not defined or defined by itself.
    OSError
        If a file cannot be opened.
    """
    main = path_of(WHERE, path).resolve()
    values = _resolved(main)
    simulation = _named(main, values, "simulation")
    values = {**simulation, **values}
    if circuit is not None:
        values["network"] = Path(circuit).resolve()
    values = {**_named(main, values, "network"), **values}
    values.pop("network", None)
    if not values.get("networks"):
        ways = "network must name the circuit's configuration (or pass circuit=)"
        fail(f"{WHERE}: {main}", "networks", None, f"must be present, or {ways}")
    return Config(main, values)


def _named(main: Path, values: dict[str, Any], key: str) -> dict[str, Any]:
    """Take the name of another file from a configuration; return that file's values, none if it is not named."""
    file = values.pop(key, None)
    if file is None:
        return {}
    if not isinstance(file, (str, Path)) or "\0" in str(file):
        fail(f"{WHERE}: {main}", key, file, "must be the path of a configuration")
    return _resolved(main.parent / file)


def _resolved(path: Path) -> dict[str, Any]:
    """Return a file's values, with variables replaced and paths absolute."""
    path = path.resolve()
    values = read_json(path)
    manifest, where, folder = values.pop("manifest", {}), f"{WHERE}: {path}", path.parent
    if not isinstance(manifest, dict) or not all(isinstance(v, str) for v in manifest.values()):
        fail(where, "manifest", manifest, "must be an object of strings")
    texts = {"BASE_DIR": str(folder)}
    texts |= {key.strip("${}"): value for key, value in manifest.items()}
    texts |= {"configdir": str(folder), "workingdir": str(Path.cwd())}
    variables = _expanded(texts, folder, where)

    def resolved(key: str, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            return {k: resolved(k, v, depth + 1) for k, v in value.items()}
        if isinstance(value, list):
            return [resolved(key, v, depth + 1) for v in value]
        if not isinstance(value, str):
            return value
        text = _replaced(value, variables, where)
        names_config = depth == 0 and key in ("network", "simulation")
        is_path = key.endswith(_PATHS) and key not in _IN_OUTPUT
        return str(folder / text) if is_path or names_config else text

    return {key: resolved(key, value, 0) for key, value in values.items()}


def _used(text: str) -> list[str]:
    """Return the names of the variables in a text."""
    return [match[1] or match[2] for match in _VARIABLE.finditer(text)]


def _replaced(text: str, variables: Mapping[str, str], where: str) -> str:
    """Return a text with its variables replaced."""
    for name in _used(text):
        if name not in variables:
            known = ", ".join(f"${known}" for known in sorted(variables))
            rule = f"must define each variable that is used ({known})"
            fail(where, "manifest", f"${name}", rule)
    return _VARIABLE.sub(lambda match: variables[match[1] or match[2]], text)


def _expanded(texts: Mapping[str, str], folder: Path, where: str) -> dict[str, str]:
    """Return the values of variables, with the variables in them replaced, and folders such as "./output" absolute."""
    uses = {name: [used for used in _used(text) if used in texts] for name, text in texts.items()}
    try:
        order = list(graphlib.TopologicalSorter(uses).static_order())
    except graphlib.CycleError as error:
        cycle = " -> ".join(f"${name}" for name in reversed(error.args[1]))
        fail(where, "manifest", cycle, "must not define a variable by itself")
    done: dict[str, str] = {}
    for name in order:
        text = _replaced(texts[name], done, where)
        if len(text) > _LONGEST:
            rule = f"must have at most {_LONGEST} characters"
            fail(where, f"manifest: ${name}", len(text), rule)
        is_relative = text in (".", "..") or text.startswith(("./", "../"))
        done[name] = os.path.normpath(folder / text) if is_relative else text
    return done


def entry(where: str, values: Mapping[str, Any], key: str) -> Path:
    """Return a path that an object must have."""
    found = values.get(key)
    if not isinstance(found, str) or "\0" in found:
        fail(where, key, found, "must be the path of a file")
    return Path(found)


@contextlib.contextmanager
def naming(where: str) -> Iterator[None]:
    """Name the file and the group in errors of the network."""
    try:
        yield
    except (ValueError, TypeError) as error:
        if str(error).startswith(WHERE):
            raise
        msg = f"{where}: {error}"
        raise ValueError(msg) from None


def require_number(
    where: str,
    values: Mapping[str, Any],
    key: str,
    default: Any = _MISSING,
    *,
    positive: bool = False,
) -> float:
    """Return a number that an object has, or a default.

    Raises
    ------
    ValueError
        If it is missing, not finite, or not positive where it must be.
    """
    found = values.get(key, default)
    if found is _MISSING:
        fail(where, key, None, "must be present")
    number = isinstance(found, (int, float)) and not isinstance(found, bool)
    if not number or not abs(found) < float("inf") or (positive and found <= 0):
        fail(where, key, found, "must be a finite number" + (" > 0" if positive else ""))
    return float(found)
