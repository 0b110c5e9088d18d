"""The recipes of the documentation, followed to the letter in a copy of the tree.

Fences of a page ``docs/adding_*.md`` say what to do with them:

* ``cpp file=PATH``: a new file with this content.
* ``py append=PATH``: lines at the end of a file.
* ``diff file=PATH``: lines that replace others, which stand in the file once.
* ``bash run``: commands, in the root of the tree.
* ``bash test``, a command a line, and ``py check``: what must pass once the tree is built.

All pages are followed in one copy, which is built once. It takes some minutes, so these tests run only with
``python -m pytest -m build``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.build

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("adding_*.md"))
FENCE = re.compile(
    r"^```(\w+) ((?:file|append)=\S+|run|test|check)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


class Step(NamedTuple):
    """A fence of a page."""

    language: str
    what: str
    path: str
    text: str


def steps(page: Path) -> list[Step]:
    """Return the fences of a page that ask for something."""
    found = FENCE.findall(page.read_text("utf-8"))
    return [Step(language, *what.partition("=")[::2], text) for language, what, text in found]


def follow(step: Step, tree: Path, environment: dict[str, str]) -> None:
    """Do what a fence says."""
    path = tree / step.path
    if step.what == "run":
        run(["bash", "-euo", "pipefail", "-c", step.text], tree, environment)
    elif step.what == "append":
        path.write_text(f"{path.read_text('utf-8')}\n\n{step.text}", encoding="utf-8")
    elif step.language == "diff":
        context = " \n"  # an empty line has lost its blank
        before, after = (
            "".join(
                line[1:] or line for line in step.text.splitlines(True) if line[0] in context + sign
            )
            for sign in "-+"
        )
        text = path.read_text("utf-8")
        assert text.count(before) == 1, f"{step.path} does not have once:\n{before}"
        path.write_text(text.replace(before, after), encoding="utf-8")
    else:
        assert not path.exists(), f"{step.path} exists already"
        path.write_text(step.text, encoding="utf-8")


def run(command: list[str], tree: Path, environment: dict[str, str]) -> None:
    """Run a command in the tree."""
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return a copy of the tree with everything added and built, and the environment to use it in."""
    tree = tmp_path_factory.mktemp("recipes") / "tree"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)
    site = tree / "build" / "site"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(site), str(tree))),
        "CCACHE_BASEDIR": str(tree),  # objects of the other builds are found
        "CCACHE_NOHASHDIR": "1",
    }
    todo = [step for page in PAGES for step in steps(page)]
    for step in todo:
        if step.what in ("file", "append"):
            follow(step, tree, environment)
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(site),
    ]
    run([*install, "."], tree, environment)
    for step in todo:
        if step.what == "run":
            follow(step, tree, environment)
    return tree, environment


def checks(page: Path) -> list[tuple[str, ...]]:
    """Return the commands of a page that must pass, each by itself: a line of a block is one."""
    found: list[tuple[str, ...]] = []
    for step in steps(page):
        if step.what == "check":
            found.append((sys.executable, "-c", step.text))
        elif step.what == "test":
            found += [("bash", "-euo", "pipefail", "-c", line) for line in step.text.splitlines()]
    return found


@pytest.fixture(scope="module")
def followed(
    built: tuple[Path, dict[str, str]],
) -> Iterator[dict[tuple[str, ...], Future[None]]]:
    """Run the checks of all pages: two at a time, and once what stands on several pages."""
    distinct = dict.fromkeys(command for page in PAGES for command in checks(page))
    with ThreadPoolExecutor(2) as pool:
        yield {command: pool.submit(run, list(command), *built) for command in distinct}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_recipe(page: Path, followed: dict[tuple[str, ...], Future[None]]) -> None:
    assert {step.what for step in steps(page)} >= {"check", "test"}
    for command in checks(page):
        followed[command].result()
