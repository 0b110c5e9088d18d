"""Module paths of 0.1 that moved in 0.2; until 0.4 they can be imported with a DeprecationWarning."""

from __future__ import annotations

import importlib
import sys
import warnings
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["MOVED", "install", "load"]

MOVED = {
    "spikelet.event_camera": "spikelet.datasets.event_camera",
    "spikelet.graph": "spikelet.layers.graph",
    "spikelet.population": "spikelet.network.population",
    "spikelet.projection": "spikelet.network.projection",
    "spikelet.recorders": "spikelet.network.recorders",
    "spikelet.recordings": "spikelet.recording.reading",
    "spikelet.spiking_model": "spikelet.layers.spiking_model",
}


def load(path: str, stacklevel: int = 2) -> ModuleType:
    """Import a module by its old path, with a warning.

    Parameters
    ----------
    path : str
        A key of `MOVED`.
    stacklevel : int
        The frame that the warning names, as in `warnings.warn`, counted from the caller.
    """
    msg = f"{path} is now {MOVED[path]}; the old path will be removed in 0.4"
    warnings.warn(msg, DeprecationWarning, stacklevel=stacklevel + 1)
    return importlib.import_module(MOVED[path])


class _Redirect(Loader):
    def create_module(self, spec: ModuleSpec) -> None:  # noqa: ARG002  # the loader's signature
        return None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = load(module.__name__)


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        return ModuleSpec(fullname, _Redirect()) if fullname in MOVED else None


def install() -> None:
    """Teach the import system the old paths."""
    sys.meta_path.append(_Finder())
