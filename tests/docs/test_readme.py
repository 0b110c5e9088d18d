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
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
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


def prose_pages() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "bench" / "README.md"]


def test_links_lead_somewhere() -> None:
    """Relative links between the Markdown files name files that exist; pictures may be made later."""
    for page in prose_pages():
        prose = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)#:\s]+)(?:#[^)]*)?\)", prose):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def missing_paths(text: str, folder: Path) -> list[str]:
    """Return the paths in code and commands of a page that exist neither in the root nor in its folder.

    Paths with a placeholder (``<name>``) and files that the page itself creates do not count.
    """
    created = re.findall(r"^```\w+ file=(\S+)", text, re.MULTILINE)
    code = "\n".join(re.findall(r"^```.*?^```$|`[^`\n]+`", text, re.MULTILINE | re.DOTALL))
    start = r"(?<![\w./<>-])(?:tests|bench|examples|cpp|python)/"
    return [
        path
        for path in re.findall(start + r"[\w./*<>-]*[\w/*>]", code)
        if "<" not in path and path not in created
        if not any(any(base.glob(path.rstrip("/"))) for base in (ROOT, folder))
    ]


@pytest.mark.parametrize("page", prose_pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_paths_exist(page: Path) -> None:
    assert missing_paths(page.read_text("utf-8"), page.parent) == []


def test_a_dead_path_is_found() -> None:
    text = "See `tests/test_no.py` and `tests/<name>.py`.\n```bash\npython bench/no.py tests/docs\n```\n"
    assert sorted(missing_paths(text, ROOT)) == ["bench/no.py", "tests/test_no.py"]


def test_design_names_every_header_and_binding() -> None:
    text = (ROOT / "docs" / "design_files.md").read_text("utf-8")
    cpp = ROOT / "cpp"
    files = [
        *(cpp / "include").rglob("*.hpp"),
        *(cpp / "src").rglob("*.hpp"),
        *(cpp / "bindings").iterdir(),
    ]
    assert len(files) > 90
    names = {path.name for path in files}
    assert sorted(name for name in names if not re.search(rf"(?<!\w){re.escape(name)}", text)) == []
