"""Whatever bytes a file holds, reading it gives a ValueError or the same result; `python -m tests.mutation` tries more."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from tests.mutation.format import Format, formats
from tests.mutation.running import replay, run

FORMATS = formats()
FOUND = sorted(path.parent for path in Path(__file__).with_name("corpus").glob("*/finding.json"))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals tell crashes")


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_mutants_are_refused_or_do_nothing(form: Format) -> None:
    if form.missing:
        pytest.skip(f"needs {', '.join(form.missing)}")
    tally = run(form.name, seed=1, numbers=range(40))
    assert not tally.findings, "\n".join(map(str, tally.findings))
    assert sum(tally.counts.values()) == 40
    assert tally.counts["refused"] > 10


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: folder.name)
def test_what_was_found_once(folder: Path, tmp_path: Path) -> None:
    if missing := FORMATS[folder.name.partition("-")[0]].missing:
        pytest.skip(f"needs {', '.join(missing)}")
    copied = shutil.copytree(folder, tmp_path / folder.name)  # formats write beside what they read
    assert replay(copied) in ("refused", "equal", "used")
