"""Call a function of a module of this folder, and print its record as one line of JSON.

    PYTHON bench/python/worker.py MODULE.FUNCTION '{"argument": value}'

The scripts start this program with the interpreter that has the simulator or library, so it needs NumPy only. A module that
cannot be imported is reported as missing; where a function returns None, as on all ranks but one, nothing is printed.
"""

from __future__ import annotations

import importlib
import json
import platform
import sys

import numpy as np


def main() -> None:
    module, _, function = sys.argv[1].rpartition(".")
    try:
        record = getattr(importlib.import_module(module), function)(**json.loads(sys.argv[2]))
    except ImportError as error:
        record = {"missing": str(error)}
    if record is None:
        return
    if "versions" in record:
        record["versions"] |= {"python": platform.python_version(), "numpy": np.__version__}
    print(json.dumps(record))


if __name__ == "__main__":
    main()
