"""Networks that run for long, and how to interrupt them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Stop(Exception):
    """Raised by a progress callback."""


# Threads


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[BaseException]]:
    """Start work in a thread and collect what it raises."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # handed to the caller
            errors.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    return thread, errors
