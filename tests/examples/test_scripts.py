"""Each script runs as it stands, and has a reference and a test of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.examples.peers import EXAMPLES, REFERENCES, example

SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_main(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if name.startswith(("snntorch", "spikingjelly")):
        pytest.importorskip("torch")
    example(name).main()
    printed = capsys.readouterr().out
    assert printed
    assert "nan" not in printed


def test_each_has_a_reference_and_a_test() -> None:
    assert len(SCRIPTS) >= 20
    assert {path.stem for path in REFERENCES.glob("*.npz")} == set(SCRIPTS)
    files = {
        "nest": "nest",
        "brian2": "brian2",
        "snntorch": "torch_peers",
        "spikingjelly": "torch_peers",
    }
    for peer, file in files.items():
        tests = (Path(__file__).parent / f"test_{file}.py").read_text()
        names = [name.removeprefix(f"{peer}_") for name in SCRIPTS if name.startswith(f"{peer}_")]
        assert [name for name in names if f"def test_{name}" not in tests] == []
