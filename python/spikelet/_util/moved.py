"""Module paths of 0.1 that moved in 0.2; the old ones import with a DeprecationWarning until 0.3."""

from __future__ import annotations

import importlib
import sys
import warnings
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["MOVED", "install"]

MOVED = {
    "spikelet.event_camera": "spikelet.datasets.event_camera",
    "spikelet.graph": "spikelet.layers.graph",
    "spikelet.population": "spikelet.network.population",
    "spikelet.projection": "spikelet.network.projection",
    "spikelet.recorders": "spikelet.network.recorders",
    "spikelet.recordings": "spikelet.recording.reading",
    "spikelet.spiking_model": "spikelet.layers.spiking_model",
}


class _Redirect(Loader):
    def create_module(self, spec: ModuleSpec) -> None:  # noqa: ARG002  # the loader's signature
        return None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        warnings.warn(
            f"{name} has moved to {MOVED[name]}; the old path will be removed in 0.3",
            DeprecationWarning,
            stacklevel=2,
        )
        sys.modules[name] = importlib.import_module(MOVED[name])


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        return ModuleSpec(fullname, _Redirect()) if fullname in MOVED else None


def install() -> None:
    """Make the old paths importable."""
    sys.meta_path.append(_Finder())
