"""The commands that stand beside the figures of the pages: their scripts exist, and take these arguments."""

from __future__ import annotations

import argparse
import json
import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "bench" / "python"
# What some scripts import at their top, to be run where it is installed.
ELSEWHERE = {"aedat", "expelliarmus", "nest", "tonic", "torchvision"}


def commands() -> Iterator[tuple[str, str]]:
    """Return the page and the command, from results, and from code spans and fences, where lines may go on."""
    texts = []
    for path in sorted((ROOT / "bench" / "results").glob("*.json")):
        command = json.loads(path.read_text("utf-8"))["command"]
        if isinstance(command, list):  # as the harness writes it
            command = f"python bench/python/{shlex.join(command)}"
        texts.append((path.name, command))
    pages = [
        *ROOT.glob("*.md"),
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "bench" / "README.md",
    ]
    texts += [(page.name, re.sub(r"\\\n\s*", " ", page.read_text("utf-8"))) for page in pages]
    for name, text in texts:
        for found in re.finditer(r"python (bench/python/\w+\.py[^`\n|;&]*)", text):
            yield name, found[1].rstrip(" .,:*")


COMMANDS = {command: page for page, command in commands()}


class Parsed(Exception):
    """The script has taken its arguments."""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{COMMANDS[command]}: {command}")
def test_a_command_of_a_page_parses(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = argparse.ArgumentParser.parse_args

    def stop(self: argparse.ArgumentParser, *args: Any) -> NoReturn:
        parse(self, *args)
        raise Parsed

    script, *arguments = shlex.split(command, comments=True)
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    monkeypatch.setattr(sys, "path", [str(SCRIPTS), *sys.path])
    before = set(sys.modules)
    try:
        with pytest.raises(Parsed):
            runpy.run_path(str(ROOT / script), run_name="__main__")
    except ModuleNotFoundError as missing:
        if missing.name not in ELSEWHERE:
            raise
        pytest.skip(f"it is run where {missing.name} is installed")
    finally:  # scripts import each other by names such as "models"
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(str(SCRIPTS)):
                del sys.modules[name]


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 50
