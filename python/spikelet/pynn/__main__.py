"""Run a PyNN script that takes the simulator's name: ``python -m spikelet.pynn script.py spikelet [arguments]``."""

from __future__ import annotations

import runpy
import sys

import pyNN

import spikelet.pynn


def main(arguments: list[str]) -> None:
    """Run a script for which spikelet is one of PyNN's simulators, ``pyNN.spikelet``.

    Parameters
    ----------
    arguments : list of str
        The script, and its arguments.
    """
    if not arguments:
        sys.exit("usage: python -m spikelet.pynn script.py spikelet [arguments of the script]")
    sys.modules["pyNN.spikelet"] = pyNN.spikelet = spikelet.pynn
    sys.argv[:] = arguments
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
