"""What a bug report needs to say of the machine and of this package."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

from spikelet import _core
from spikelet._util import html
from spikelet._util.threads import default_threads

# Packages whose versions change what works, in the order in which they are listed.
_PACKAGES = (
    "numpy", "scipy", "torch", "onnx", "matplotlib", "plotly", "rich", "click", "scikit-learn", "h5py", "pandas", "xarray",
    "joblib", "distributed", "mpi4py", "pynn", "nir", "neo", "nest-simulator",
)  # fmt: skip


class Info(dict[str, Any]):
    """Versions and machine, by name; as text, one line each."""

    def __str__(self) -> str:
        """Return one line for each item."""
        return "\n".join(f"{name:<10}{text}" for name, text in self._lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return a table, for notebooks."""
        return html.facts("spikelet", self._lines())

    def _lines(self) -> list[tuple[str, str]]:
        simd = f"{self['simd']} (available: {', '.join(self['simd_available'])})"
        packages = ", ".join(f"{name} {version}" for name, version in self["packages"].items())
        return [
            ("spikelet", f"{self['spikelet']}, in {self['path']}"),
            ("core", f"compiled by {self['compiler']}"),
            ("SIMD", simd),
            ("threads", f"at most {self['threads']} by default, of {self['cores']} cores"),
            ("processor", str(self["processor"])),
            ("system", str(self["system"])),
            ("Python", str(self["python"])),
            ("packages", packages),
            *(("set", f"{name}={value}") for name, value in self["environment"].items()),
        ]


def info() -> Info:
    """Return the versions, the SIMD level, the threads, the compiler and the system, for a bug report.

    Returns
    -------
    Info
        A dict that JSON can represent; ``print(sl.info())`` shows one line for each item.

    Examples
    --------
    >>> import spikelet as sl
    >>> sl.info()["spikelet"] == sl.__version__
    True
    """
    return Info(
        spikelet=_core.__version__,
        path=str(Path(__file__).parents[1]),
        compiler=_core.compiler,
        simd=_core.simd_level(),
        simd_available=_core.available_simd_levels(),
        threads=default_threads(),
        cores=os.cpu_count() or 1,
        processor=processor(),
        system=platform.platform(),
        python=f"{platform.python_version()} ({platform.python_implementation()}, {sys.executable})",
        packages=_versions(),
        environment={
            k: v for k, v in sorted(os.environ.items()) if k.startswith(("SPIKELET_", "OMP_"))
        },
    )


def processor() -> str:
    """Return the name of the processor."""
    about = Path("/proc/cpuinfo")
    if about.exists() and (match := re.search(r"model name\s*:\s*(.+)", about.read_text())):
        return match[1].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    """Return the versions of the packages that are installed, without importing any."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
