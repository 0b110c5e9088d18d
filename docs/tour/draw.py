"""Run the chapters of the guided tour and store their pictures: ``python docs/tour/draw.py [CHAPTER ...]``.

Chapters are numbers; without any, all run. The pictures go to ``docs/images/tour``. The code of both languages is the
same, so the English pages are used. Needs ``pip install '.[plot,learn,torch]'``.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import matplotlib as mpl

TOUR = Path(__file__).resolve().parent
PICTURES = TOUR.parent / "images" / "tour"
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def code(page: Path) -> str:
    """Return the code of a page."""
    return "\n".join(FENCE.findall(page.read_text("utf-8")))


def main() -> None:
    """Run the chapters in the folder of pictures."""
    mpl.use("Agg")
    PICTURES.mkdir(parents=True, exist_ok=True)
    os.chdir(PICTURES)
    for page in sorted((TOUR / "en").glob("[0-9]*.md")):
        if not sys.argv[1:] or page.name.partition("_")[0] in sys.argv[1:]:
            start = time.perf_counter()
            exec(compile(code(page), str(page), "exec"), {"__name__": page.stem})  # noqa: S102  # our own pages
            print(f"{page.stem}: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
