"""Packages that not every installation has."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["extra"]


def extra(module: str, what: str, name: str = "sweep") -> Any:
    """Import a module, or tell which extra has it.

    Parameters
    ----------
    module : str
        Its name.
    what : str
        Who needs it.
    name : str
        Extra of this package.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        msg = f"{what} needs {package}: pip install 'spikelet[{name}]'"
        raise ImportError(msg) from None
