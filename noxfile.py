"""Sessions of nox. Each makes an environment and runs steps of ``.ci/run``, where the commands are.

``nox --list`` shows the sessions; ``nox`` runs ``lint``, and ``tests`` with the Python that runs nox. Arguments after
``--`` go to pytest (``nox -s tests-3.11 -- -k stdp``) or to the wheel script (``nox -s wheels -- python3.12``).
"""

from __future__ import annotations

import sys

import nox

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", f"tests-{sys.version_info.major}.{sys.version_info.minor}"]
nox.options.reuse_existing_virtualenvs = True


def ci(session: nox.Session, *steps: str) -> None:
    """Run steps of ``.ci/run`` in the session's environment."""
    session.run("bash", ".ci/run", *steps, external=True)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests, or what the arguments select of them."""
    if session.posargs:
        session.install(".[test]")
        session.run("python", "-m", "pytest", *session.posargs)
    else:
        ci(session, "tests", "package")


@nox.session
def lint(session: nox.Session) -> None:
    """Run every pre-commit hook and check the layers of imports; nothing is compiled."""
    ci(session, "lint")


@nox.session
def types(session: nox.Session) -> None:
    """Compare the stub of the core with the compiled core."""
    ci(session, "types")


@nox.session
def native(session: nox.Session) -> None:
    """Build and run the C++ tests, and compare instruction counts."""
    ci(session, "native", "instructions")


@nox.session
def recipes(session: nox.Session) -> None:
    """Follow the recipes of the documentation in a copy of the tree, and build it."""
    ci(session, "recipes")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation in docs/_build/html; warnings are errors."""
    ci(session, "docs")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure known networks on this machine."""
    ci(session, "bench")


@nox.session
def build(session: nox.Session) -> None:
    """Build the source distribution and, from it, a wheel in dist/."""
    session.install("build")
    session.run("python", "-m", "build")


@nox.session
def wheels(session: nox.Session) -> None:
    """Build manylinux wheels and test them in clean environments without a compiler."""
    session.run("bash", ".ci/wheel", *session.posargs, external=True)
