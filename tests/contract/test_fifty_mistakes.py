"""Typical mistakes, and the exact message that each gives; none of them changes anything.

``docs/when_something_goes_wrong.md`` shows this table. After a change, ``python -m tests.contract.test_fifty_mistakes``
writes it anew.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.mistakes import MISTAKES, Mistake, scene

import spikelet as sl

PAGE = Path(__file__).parents[2] / "docs" / "when_something_goes_wrong.md"
BEGIN, END = "<!-- mistakes -->\n", "<!-- /mistakes -->\n"


@pytest.mark.parametrize("mistake", MISTAKES, ids=[m.code for m in MISTAKES])
def test_each_mistake_gives_its_message_and_changes_nothing(mistake: Mistake) -> None:
    names = scene()
    before = state(names["net"])
    if issubclass(mistake.kind, Warning):
        with pytest.warns(mistake.kind) as caught:
            exec(mistake.code, names)  # noqa: S102
        assert [str(w.message) for w in caught] == [mistake.message]
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(mistake.kind) as raised:
            exec(mistake.code, names)  # noqa: S102
    assert type(raised.value) is mistake.kind
    assert str(raised.value) == mistake.message
    assert state(names["net"]) == before
    names["net"].run(5.0)
    assert state(names["net"]) == untouched()


def state(net: sl.Network) -> list[Any]:
    """Return what a network is and does, as far as a mistake could have changed it."""
    return [
        [(p.name, repr(p.model), len(p), [np.asarray(getattr(p, s)).tolist() for s in p.states]) for p in net.populations],
        [(p.pre.name, p.post.name, p.weights.tolist(), p.delays.tolist()) for p in net.projections],
        [(d.target.name, d.rate, d.weight) for d in net.inputs],
        [(r.times.tolist(), r.ids.tolist()) for r in net.recorders],  # type: ignore[union-attr]  # of spikes
        net.t,
    ]  # fmt: skip


def untouched() -> list[Any]:
    """Return the state of a network with which nobody made a mistake."""
    net = scene()["net"]
    net.run(5.0)
    return state(net)


def test_there_are_fifty_of_all_kinds() -> None:
    assert len(MISTAKES) >= 50
    assert len({m.code for m in MISTAKES}) == len(MISTAKES)
    assert {m.kind for m in MISTAKES} >= {
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        UserWarning,
    }


@pytest.mark.parametrize("mistake", MISTAKES, ids=[m.code for m in MISTAKES])
def test_a_message_is_one_line(mistake: Mistake) -> None:
    assert "\n" not in mistake.message
    assert len(mistake.message) < 400


def test_the_page_shows_this_table() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")


def table() -> str:
    """Return the mistakes as the page shows them."""
    rows = [f"```text\n>>> {m.code}\n{m.kind.__name__}: {m.message}\n```\n" for m in MISTAKES]
    return BEGIN + "\n".join(rows) + END


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: table(), page), encoding="utf-8")
