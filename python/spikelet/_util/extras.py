"""Optional dependencies: imported only when used, with an error that names the extra to install."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

_TITLES = {"torch": "PyTorch", "sklearn": "scikit-learn"}


@contextlib.contextmanager
def needs(what: str, name: str, otherwise: str = "") -> Iterator[None]:
    """Turn an ImportError into one that names the extra to install.

    Parameters
    ----------
    what : str
        The function, class or module that needs the import.
    name : str
        The extra of this package that provides it.
    otherwise : str
        What to do without the extra, if there is a choice.
    """
    try:
        yield
    except ImportError as error:
        package = (error.name or "").partition(".")[0] or name
        msg = f"{what} needs {_TITLES.get(package, package)}: pip install 'spikelet[{name}]'"
        raise ImportError(f"{msg}; {otherwise}" if otherwise else msg) from None


def extra(module: str, what: str, name: str = "sweep") -> Any:
    """Import and return a module that an extra of this package provides.

    Parameters
    ----------
    module : str
        Its full name.
    what, name : str
        See `needs`.
    """
    with needs(what, name):
        return importlib.import_module(module)
