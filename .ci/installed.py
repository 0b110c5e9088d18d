"""Check the installed package, not the source tree: ``python .ci/installed.py CHECK...``.

The checks are ``imports`` (no optional package is imported), ``size`` (of the wheel), ``tests`` (some of the tests),
``demo`` (within a minute), ``plain-demo`` (without extras) and ``no-compiler`` (there is none to be found). They run from an empty directory. `.ci/run`,
`.ci/wheel` and cibuildwheel call this file.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

OPTIONAL = (
    "scipy", "torch", "matplotlib", "h5py", "joblib", "distributed", "pandas", "xarray", "mpi4py", "nest", "click",
    "rich",
)  # fmt: skip
COMPILERS = ("cc", "gcc", "c++", "g++", "clang", "clang++", "cmake", "ninja", "make")
# Test files of the core and of the package that need no extra.
TESTS = (
    "neurons/test_base", "test_rules", "sources/test_spikes", "encode/test_codes", "test_decode", "test_statistics",
    "network/test_network", "network/test_population", "network/test_projection", "network/test_recorders",
)  # fmt: skip


def imports() -> None:
    """Import the installed package, and nothing optional with it."""
    code = (
        f"import sys, spikelet; loaded = set({OPTIONAL}) & set(sys.modules); assert not loaded, loaded; "
        "print(spikelet.__version__, spikelet.__file__)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    version, _, file = printed.stdout.strip().partition(" ")
    assert version == importlib.metadata.version("spikelet"), printed.stdout
    assert not Path(file).is_relative_to(ROOT / "python"), f"{file} is the source tree's"
    print(f"spikelet {version} in {Path(file).parent}")


def size() -> None:
    """Pack the files of the package again: a wheel of a reasonable size."""
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in importlib.metadata.files("spikelet") or ():
            if path.suffix != ".pyc":
                archive.write(path.locate(), path)
    megabytes = wheel.tell() / 1e6
    print(f"wheel {megabytes:.2f} MB")
    assert 0.5 < megabytes < 5


def tests() -> None:
    """Run some of the tests on the installed package."""
    files = [ROOT / "tests" / f"{name}.py" for name in TESTS]
    subprocess.run([sys.executable, "-m", "pytest", "-q", "--rootdir", ROOT, *files], check=True)


def demo() -> None:
    """Run ``spikelet demo``, which may take a minute."""
    started = time.perf_counter()
    program = Path(sys.executable).with_name("spikelet")
    subprocess.run([program, "demo", "--out", "demo.png"], check=True, timeout=60)
    assert Path("demo.png").read_bytes().startswith(b"\x89PNG")
    print(f"spikelet demo took {time.perf_counter() - started:.1f} s")


def plain_demo() -> None:
    """Run ``spikelet info`` and ``spikelet demo`` without any extra: as JSON, and without a figure."""
    program = Path(sys.executable).with_name("spikelet")
    about = subprocess.run([program, "info", "--json"], check=True, capture_output=True, text=True)
    packages = set(json.loads(about.stdout)["packages"])
    assert packages == {"click", "numpy", "scipy"}, f"a plain installation has {packages}"
    found = subprocess.run(
        [program, "demo", "--json"], check=True, capture_output=True, text=True, timeout=60
    )
    result = json.loads(found.stdout)
    print(
        f"spikelet demo: {result['accuracy']:.1%} in {result['seconds']:.1f} s, "
        f"{result['synaptic_events_per_second'] / 1e6:.0f} million synaptic events per second"
    )
    assert result["accuracy"] > 0.85
    assert result["figure"] is None


def no_compiler() -> None:
    """Find no compiler and no build tool on the PATH."""
    found = [program for program in COMPILERS if shutil.which(program)]
    assert not found, f"on the PATH: {found}"


CHECKS = {
    check.__name__.replace("_", "-"): check
    for check in (imports, size, tests, demo, plain_demo, no_compiler)
}


def main() -> None:
    """Run the checks that the command line names."""
    unknown = [name for name in sys.argv[1:] if name not in CHECKS]
    if unknown or len(sys.argv) == 1:
        sys.exit(f"usage: installed.py {{{','.join(CHECKS)}}}...")
    with tempfile.TemporaryDirectory() as empty:
        os.chdir(empty)
        for name in sys.argv[1:]:
            CHECKS[name]()
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
