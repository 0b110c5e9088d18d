"""The Python code of README.md and of the documentation runs, page by page.

A page's plain ``python`` fences are run in order in one namespace, in an empty directory. Fences
with any other name (``py``, ``bash``, ``cpp``, ...) are shown and not run.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if FENCE.search(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_code_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    text = page.read_text(encoding="utf-8")
    namespace = {"__name__": page.stem}
    for block in FENCE.finditer(text):
        # Blank lines in front make a traceback name the line of the page.
        code = "\n" * text.count("\n", 0, block.start(1)) + block[1]
        exec(compile(code, str(page), "exec"), namespace)  # noqa: S102  # our own pages


def test_test_command_stands_once() -> None:
    """The checks take the README's test command from its only fence with this mark."""
    commands = re.findall(
        r"^```bash test\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert commands == ["pip install '.[test]'\npython -m pytest\n"]


def test_links_lead_somewhere() -> None:
    """Relative links between the Markdown files name files that exist; pictures may be made later."""
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "bench" / "README.md"):
        for target in re.findall(
            r"(?<!!)\[[^\]]*\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")
        ):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"
