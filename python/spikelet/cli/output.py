"""What the commands print: text for people, JSON for programs, and progress on a terminal only."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from spikelet._util.tables import plain


def print_json(answer: Mapping[str, Any]) -> None:
    """Print a mapping as JSON; what is no number there (NaN, infinity) becomes null."""
    print(json.dumps(plain(dict(answer)), indent=2, allow_nan=False))


@contextlib.contextmanager
def instead_of_text(as_json: bool) -> Iterator[dict[str, Any]]:
    """Yield an empty answer; print it as JSON at the end instead of all text, if that is wanted.

    Parameters
    ----------
    as_json : bool
        Whether it is.
    """
    answer: dict[str, Any] = {}
    if not as_json:
        yield answer
        return
    with contextlib.redirect_stdout(io.StringIO()):
        yield answer
    print_json(answer)


def shows_progress() -> bool:
    """Return whether to show progress bars: stderr is a terminal, and rich is installed."""
    return sys.stderr.isatty() and importlib.util.find_spec("rich") is not None
