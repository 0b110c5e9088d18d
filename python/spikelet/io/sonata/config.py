"""SONATA's configuration: JSON files of a circuit and of a simulation, with variables for folders."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikelet._util.checks import fail
from spikelet._util.files import path_of
from spikelet._util.reading import json_value

__all__ = [
    "WHERE",
    "Config",
    "entry",
    "inside",
    "naming",
    "read_config",
    "read_json",
    "require_number",
]

WHERE = "read_sonata"
_LARGEST = 1 << 26  # bytes of a JSON file
_LONGEST = 1 << 14  # characters of a path
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_PATHS = ("_file", "_dir")  # what the names of paths end with
_UNKNOWN = object()


@dataclass(frozen=True)
class Config:
    """What one or two files of configuration say, with all variables replaced and all paths absolute.

    Attributes
    ----------
    path : Path
        The file that was named.
    values : dict
        The sections of the circuit and of the simulation, as one.
    """

    path: Path
    values: Mapping[str, Any]

    def section(self, name: str) -> dict[str, Any]:
        """Return a section, empty if there is none."""
        found = self.values.get(name)
        if found is None:
            return {}
        if not isinstance(found, dict):
            fail(f"{WHERE}: {self.path}", name, found, "must be an object")
        return found

    def items(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the entries of a section of named objects, without those that are not enabled."""
        where, found = f"{WHERE}: {self.path}", []
        for key, value in self.section(name).items():
            if not isinstance(value, dict):
                fail(where, f"{name}.{key}", value, "must be an object")
            if value.get("enabled", True):
                found.append((key, value))
        return found

    def networks(self, kind: str) -> list[dict[str, Any]]:
        """Return the entries of `networks.nodes` or `networks.edges` that are enabled."""
        found = self.section("networks").get(kind, [])
        where = f"{WHERE}: {self.path}"
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            fail(where, f"networks.{kind}", found, "must be a list of objects")
        return [item for item in found if item.get("enabled", True)]

    def component(self, folder: str, name: str, where: str) -> Path:
        """Return the path of a file in a folder of `components`, which it must not leave."""
        at = self.section("components").get(folder)
        if not isinstance(at, str):
            fail(where, f"components.{folder}", at, f"must be a folder, for {name!r}")
        return inside(where, Path(at), name)


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
        If it is none.
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
    simulation = _named(main, values.pop("simulation", None), "simulation")
    named = values.pop("network", simulation.pop("network", None))
    values = {**simulation, **values}
    values = {
        **_named(main, named if circuit is None else Path(circuit).resolve(), "network"),
        **values,
    }
    values.pop("network", None)
    if not values.get("networks"):
        rule = (
            "must be present, or network must name the circuit's configuration (or pass circuit=)"
        )
        fail(f"{WHERE}: {main}", "networks", None, rule)
    return Config(main, values)


def _named(main: Path, file: Any, key: str) -> dict[str, Any]:
    """Return the values of another file that a configuration names; none if it names none."""
    if file is None:
        return {}
    if not isinstance(file, (str, Path)) or "\0" in str(file):
        fail(f"{WHERE}: {main}", key, file, "must be the path of a configuration")
    return _resolved(main.parent / file)


def _resolved(path: Path) -> dict[str, Any]:
    """Return a file's values, with variables replaced and paths absolute."""
    path = path.resolve()
    values = read_json(path)
    manifest = values.pop("manifest", {})
    where = f"{WHERE}: {path}"
    if not isinstance(manifest, dict) or not all(isinstance(v, str) for v in manifest.values()):
        fail(where, "manifest", manifest, "must be an object of strings")
    variables = {key.strip("${}"): value for key, value in manifest.items()}
    builtin = {"configdir": str(path.parent), "workingdir": str(Path.cwd())}
    variables = _expanded({"BASE_DIR": str(path.parent), **variables, **builtin}, path)
    values = {k: _replaced(v, variables, where) for k, v in values.items()}
    for key in ("network", "simulation"):
        if isinstance(values.get(key), str):
            values[key] = str(path.parent / values[key])
    return {k: _absolute(k, v, path.parent) for k, v in values.items()}


def _replaced(value: Any, variables: Mapping[str, str], where: str) -> Any:
    """Return a value with the variables in all its texts replaced."""
    if isinstance(value, dict):
        return {k: _replaced(v, variables, where) for k, v in value.items()}
    if isinstance(value, list):
        return [_replaced(v, variables, where) for v in value]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda match: variables[_known(match, variables, where)], value)


def _known(match: re.Match[str], variables: Mapping[str, str], where: str) -> str:
    """Return the name of a variable, which must be defined."""
    name = match[1] or match[2]
    if name not in variables:
        known = ", ".join(f"${known}" for known in sorted(variables))
        fail(where, "manifest", f"${name}", f"must define each variable that is used ({known})")
    return name


def _expanded(variables: Mapping[str, str], file: Path) -> dict[str, str]:
    """Return the values of variables, with the variables in them replaced, and folders such as "./output" absolute."""
    where = f"{WHERE}: {file}"
    done: dict[str, str] = {}

    def value(name: str, within: tuple[str, ...]) -> str:
        if name in within:
            cycle = " -> ".join(f"${name}" for name in (*within, name))
            fail(where, "manifest", cycle, "must not define a variable by itself")
        if name not in done:
            text = _VARIABLE.sub(
                lambda match: value(_known(match, variables, where), (*within, name)),
                variables[name],
            )
            if len(text) > _LONGEST:
                fail(
                    where,
                    f"manifest: ${name}",
                    len(text),
                    f"must have at most {_LONGEST} characters",
                )
            relative = text in (".", "..") or text.startswith(("./", "../"))
            done[name] = os.path.normpath(file.parent / text) if relative else text
        return done[name]

    return {name: value(name, ()) for name in variables}


def _absolute(key: str, value: Any, folder: Path) -> Any:
    """Return a value with the paths in it absolute; spikes_file and log_file are within the folder of the output."""
    if isinstance(value, dict):
        return {k: _absolute(k, v, folder) for k, v in value.items()}
    if isinstance(value, list):
        return [_absolute(key, v, folder) for v in value]
    is_path = isinstance(value, str) and key.endswith(_PATHS)
    return str(folder / value) if is_path and key not in ("spikes_file", "log_file") else value


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
    default: Any = _UNKNOWN,
    *,
    positive: bool = False,
) -> float:
    """Return a number that an object has, or a default.

    Raises
    ------
    ValueError
        If it is no finite number, or not > 0 where it must be.
    """
    found = values.get(key, default)
    if found is _UNKNOWN:
        fail(where, key, None, "must be present")
    number = isinstance(found, (int, float)) and not isinstance(found, bool)
    if not number or not abs(found) < float("inf") or (positive and found <= 0):
        fail(where, key, found, "must be a finite number" + (" > 0" if positive else ""))
    return float(found)
