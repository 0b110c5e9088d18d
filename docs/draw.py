"""Run pages that draw their own pictures, and store these: ``python docs/draw.py [WORD ...]``.

The pages are those of the guided tour (in English; the Chinese ones have the same code) and "Get started". Words select
pages whose name contains one of them. Needs ``pip install '.[plot,learn,torch]'``.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import matplotlib as mpl

DOCS = Path(__file__).resolve().parent
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = {
    DOCS / "getting_started.md": DOCS / "images",
    **dict.fromkeys(sorted((DOCS / "tour" / "en").glob("[0-9]*.md")), DOCS / "images" / "tour"),
}


def code(page: Path) -> str:
    """Return the code of a page."""
    return "\n".join(FENCE.findall(page.read_text("utf-8")))


def main() -> None:
    """Run the pages, each in the folder of its pictures."""
    mpl.use("Agg")
    for page, folder in PAGES.items():
        if not sys.argv[1:] or any(word in page.stem for word in sys.argv[1:]):
            folder.mkdir(parents=True, exist_ok=True)
            os.chdir(folder)
            start = time.perf_counter()
            exec(compile(code(page), str(page), "exec"), {"__name__": page.stem})  # noqa: S102  # our own pages
            print(f"{page.stem}: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
