"""What the mutator needs to know of a file format, and the list of the formats."""

from __future__ import annotations

import importlib
import importlib.util
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from tests.mutation.mutate import Random


class Format(ABC):
    """A file format, or several files that are read together.

    Attributes
    ----------
    name : str
        The name of the module that holds it.
    needs : tuple of str
        Modules without which it cannot be tested.
    summed : bool
        Whether checksums of all bytes notice any damage. Otherwise a damaged file may be another valid one.
    errors : tuple of exception types
        What the public function that reads it may raise, as its docstring says.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    summed: ClassVar[bool] = True
    errors: ClassVar[tuple[type[Exception], ...]] = (ValueError,)

    @property
    def name(self) -> str:
        return type(self).__module__.rpartition(".")[2]

    @abstractmethod
    def write(self, folder: Path, seed: int) -> None:
        """Write valid files to an empty folder; their content and size vary with the seed."""

    @abstractmethod
    def read(self, folder: Path) -> Any:
        """Read the files by the public API; return all that a user can see of them, to be hashed (`digest`)."""

    def targets(self, folder: Path) -> list[Path]:
        """Return the files that are damaged."""
        return sorted(path for path in folder.rglob("*") if path.is_file())

    def craft(self, folder: Path, rng: Random) -> str | None:
        """Change a value that is stored and make all checksums right again; return what was changed.

        None: the format has no crafted mutants.
        """
        return None

    def use(self, folder: Path) -> None:
        """Read crafted files and use what they give: it may be valid, and must then work."""
        self.read(folder)

    @property
    def missing(self) -> list[str]:
        """The modules that it needs and that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


def formats() -> dict[str, Format]:
    """Return all formats by name: each module in the folder `formats` has one, called `FORMAT`."""
    names = sorted(path.stem for path in Path(__file__).with_name("formats").glob("*.py"))
    return {
        name: importlib.import_module(f"tests.mutation.formats.{name}").FORMAT for name in names
    }
