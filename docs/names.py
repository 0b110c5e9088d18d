"""Write the names of models and rules into the table of docs/api.md: ``python docs/names.py``.

A list between ``<!-- names: MODULE -->`` and ``<!-- /names -->`` follows from ``MODULE.__all__``, without the base
classes. Needs the package.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

PAGE = Path(__file__).with_name("api.md")
LIST = re.compile(r"(<!-- names: ([a-z.]+) -->).*?(<!-- /names -->)", re.DOTALL)


def names(module: str) -> list[str]:
    """Return the public names of a module that are not base classes of others, in their order of definition."""
    found = importlib.import_module(module)
    values = {name: getattr(found, name) for name in found.__all__}
    bases = {base for value in values.values() for base in getattr(value, "__mro__", ())[1:]}
    order = list(vars(found))
    return sorted((n for n, value in values.items() if value not in bases), key=order.index)


def derived(text: str) -> str:
    """Return a page with all its lists as they should be."""

    def fill(match: re.Match[str]) -> str:
        listed = ", ".join(f"`{name}`" for name in names(match[2]))
        return f"{match[1]}{listed}{match[3]}"

    return LIST.sub(fill, text)


if __name__ == "__main__":
    PAGE.write_text(derived(PAGE.read_text("utf-8")), encoding="utf-8")
