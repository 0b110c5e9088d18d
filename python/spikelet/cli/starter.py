"""``spikelet new``: a starter project that runs as it is written."""

from __future__ import annotations

import importlib.resources
import importlib.util
import keyword
import sys
from pathlib import Path

from spikelet import __version__
from spikelet._util import files
from spikelet._util.checks import fail


def script_of(folder: Path) -> str:
    """Return the name of the script of a project.

    Parameters
    ----------
    folder : Path
        Folder of the project, whose name it has.
    """
    return f"{_module(folder)}.py"


def write(folder: Path) -> list[Path]:
    """Write a project: a network, a test, a README and a pyproject.toml; return the files.

    Parameters
    ----------
    folder : Path
        Folder to make, or an empty one; its name is the project's.

    Raises
    ------
    ValueError
        If the name is not one of a Python module, or is that of a module that exists.
    FileExistsError
        If the folder has files.
    FileNotFoundError
        If its parent does not exist.
    """
    name = _module(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"new: {folder} exists and is not empty; choose another name")
    if not folder.absolute().parent.is_dir():
        raise FileNotFoundError(f"new: the folder {folder.absolute().parent} does not exist")
    values = {
        "name": name, "title": name.replace("_", " ").capitalize(), "distribution": name.replace("_", "-"),
        "version": __version__,
    }  # fmt: skip
    parts = {
        f"{name}.py": "network.py", f"test_{name}.py": "test.py", "README.md": "README.md",
        "pyproject.toml": "pyproject.toml",
    }  # fmt: skip
    templates = importlib.resources.files("spikelet.cli") / "project"
    texts = {
        folder / target: (templates / f"{source}.txt").read_text(encoding="utf-8").format(**values)
        for target, source in parts.items()
    }
    folder.mkdir(exist_ok=True)
    for path, text in texts.items():
        files.write(path, text)
    return list(texts)


def _module(folder: Path) -> str:
    """Return the name of the module of a project."""
    name = folder.absolute().name.replace("-", "_")
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name):
        rule = "must be a name of a Python module: letters, digits, - and _, such as my_network"
        fail("new", "NAME", folder.absolute().name, rule)
    if _exists(name):
        rule = "must not be the name of a module that exists, which the project would hide; take one such as my_network"
        fail("new", "NAME", folder.absolute().name, rule)
    return name


def _exists(name: str) -> bool:
    """Return whether a name is that of a module of Python, or of an installed one."""
    if name in sys.stdlib_module_names or name in sys.modules:
        return True
    found = importlib.util.find_spec(name)
    return (
        found is not None and found.origin is not None
    )  # None: a mere folder, such as the project's
