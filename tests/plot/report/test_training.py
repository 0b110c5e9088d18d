"""Reports of trainings."""

from __future__ import annotations

import html
import re

import pytest

pytest.importorskip("torch")

from spikelet.torch import Epoch, History

EPOCHS = History(
    Epoch(k, 1 / k, 1 - 0.5 / k, None if k == 1 else 1 - 0.75 / k, 3.0, 2.0, 1 - 0.5 * (k - 2) ** 2)
    for k in (1, 2, 3)
)


def test_the_table_has_all_epochs(tmp_path):
    path = EPOCHS.report(tmp_path / "training.html")
    words = html.unescape(re.sub(r"<[^>]*>", "|", path.read_text())).split("|")
    words = [w for w in words if w]
    assert words[words.index("best test accuracy") + 1] == "75.00% (epoch 3)"
    assert words[words.index("best validation accuracy") + 1] == "100.00% (epoch 2)"
    assert words[words.index("time") + 1] == "6 s"
    for epoch in EPOCHS:
        assert f"{epoch.loss:.4g}" in words
        assert f"{100 * epoch.accuracy:.4g}" in words


def test_there_must_be_an_epoch(tmp_path):
    with pytest.raises(ValueError, match=r"History\.report: history must have an epoch"):
        History().report(tmp_path / "training.html")
