"""Functions of C, one a file, from which an exported network is put together."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["Templates", "text_of"]

_NEEDS = re.compile(r"\b([a-z_0-9]+)\(|struct ([a-z]+)\b")
_CODE = re.compile(r"@([^@\n]+)@")


class Templates:
    """The functions that a program uses, each after those that it calls.

    Between @ and @ are types, which may differ, and sums that must be converted if they are of small integers.

    Parameters
    ----------
    volumes : bool
        Whether kernels have depth.
    """

    def __init__(self, *, volumes: bool) -> None:
        self._volumes = volumes
        self._texts: dict[str, str] = {}

    def use(self, template: str, suffix: str = "", **types: str) -> str:
        """Return the name of a function, which becomes part of the program.

        Parameters
        ----------
        template : str
            Name of the file.
        suffix : str
            Distinguishes it from the same function of other types.
        **types
            Types in place of the words between @ and @; by default ``value="float"``.
        """
        name = template + suffix
        if name in self._texts:
            return name
        file = "input_row_volume" if self._volumes and template == "input_row" else template
        text = text_of(f"{file}.c")
        for called, struct in _NEEDS.findall(text):
            needed = called or struct
            if needed != template and _path(needed).exists():
                self.use(needed)
        for used in _NEEDS.findall(" ".join(types.values())):
            if used[0] and _path(used[0]).exists():
                self.use(used[0])
        words = {"value": "float", **types}

        def code(found: re.Match[str]) -> str:
            if found[1] in words:
                return words[found[1]]
            return found[1] if words["value"] == "float" else f"({words['value']})({found[1]})"

        text = _CODE.sub(code, text)
        self._texts[name] = re.sub(rf"\b{template}\(", f"{name}(", text)
        return name

    def text(self) -> str:
        """Return all functions."""
        return "\n".join(self._texts.values())


def _path(template: str) -> Path:
    return Path(__file__).with_name(f"{template}.c")


def text_of(file: str) -> str:
    """Return the text of a file in this folder."""
    return Path(__file__).parent.joinpath(file).read_text(encoding="utf-8")
