"""The code of a function is known by its name and a digest."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.experiments import conftest
from tests.experiments.conftest import change, function


def test_a_changed_source_is_reported(sweep, tmp_path):
    sweep([1])
    change(tmp_path / "s", "UPDATE about SET text = json_set(text, '$.source', 'another')")
    with pytest.warns(UserWarning, match=r"the code of .*fn has changed") as told:
        sweep([1])
    assert told[0].filename == conftest.__file__  # whose fixture calls sl.sweep


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lambda x, seed: x", "lambda x, seed: 100 * x"),
        ("lambda x, seed: x + 1", "lambda x, seed: x + 1.0"),
        ("def fn(x, seed): return x", "def fn(x, seed): return -x"),
        ("def fn(x, seed): return abs(x)", "def fn(x, seed): return hex(x)"),
        ("def fn(x, seed): return (lambda: 1)()", "def fn(x, seed): return (lambda: 2)()"),
    ],
)
def test_changed_code_without_a_source_is_reported(sweep, one, other):
    sweep([1], function(one))
    sweep([1], function(one))
    with pytest.warns(UserWarning, match="the code of .* has changed"):
        sweep([1], function(other))


def test_digest_of_code_is_the_same_in_another_process():
    text = "def fn(x, seed): return x in {'a', 'b', 'c', 'd'} or (lambda: {'e', 'f'})"
    script = (
        "from spikelet.experiments.code import digests_of\nspace = {}\n"
        f"exec({text!r}, space)\nprint(digests_of(space['fn']))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script], env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(told) == 1
    assert told.pop().startswith("{'source': None, 'code': '")
