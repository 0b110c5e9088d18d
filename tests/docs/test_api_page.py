"""docs/api.md lists every public object once, and only objects that exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from tests.test_public_api import MODULES

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
LISTED = re.findall(r"^   (spikelet[\w.]+)$", PAGE, re.MULTILINE)
# Types and helpers that other modules of the package use; to_nest is a method of Network.
WITHOUT_A_PAGE = {
    "LocalBalance", "Make", "Shape", "Thresholds", "UpperLimits", "to_nest", "usable",
}  # fmt: skip


def found(path: str) -> Any:
    """Return the object with a dotted name; modules may share their name with a function."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        return getattr(found(module), name)


def test_no_name_is_listed_twice() -> None:
    assert len(LISTED) > 300
    assert sorted(LISTED) == sorted(set(LISTED))


def test_each_public_object_is_listed() -> None:
    pages = {id(found(path)) for path in LISTED}
    missing = []
    for name in MODULES:
        module = importlib.import_module(name)
        for public in module.__all__:
            item = getattr(module, public)
            if callable(item) and public not in WITHOUT_A_PAGE and id(item) not in pages:
                missing.append(f"{name}.{public}")
    assert missing == [], "add them to a list of docs/api.md"
