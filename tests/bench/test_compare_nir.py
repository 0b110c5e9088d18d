"""The comparison of NIR with other libraries, with a reader by the standard in place of theirs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
nir = pytest.importorskip("nir")

import spikelet as sl
from spikelet.io.nir.writing_readers import READERS

FOLDER = Path(__file__).parents[2] / "bench" / "python"


@pytest.fixture(scope="module")
def compare_nir():
    sys.path.insert(0, str(FOLDER))
    try:
        import compare_nir  # noqa: PLC0415

        yield compare_nir
    finally:
        sys.path.remove(str(FOLDER))


def by_the_standard(library):
    """Read with `read_nir`, which spikes above the threshold, with the step, the mode and the reset of a library."""
    reader = READERS[library]

    def read(path, x):
        graph = nir.read(path)
        if not reader.strict:
            for node in graph.nodes.values():
                if hasattr(node, "v_threshold"):
                    at = node.v_threshold.astype(np.float32)
                    node.v_threshold = np.nextafter(at, np.float32(-np.inf)).astype(float)
        reset = "subtract" if library == "sinabs" else "value"
        model = sl.io.read_nir(graph)
        found = model.run(x.numpy(), dt=reader.dt, mode=reader.mode, reset=reset, dtype="float32")
        return torch.from_numpy(found.output)

    return read


REFUSED = {
    "snntorch": ("one-dimensional convolutions", "recurrent LIF", "recurrent CubaLIF"),
    "spikingjelly": (),
    "norse": ("one-dimensional convolutions", "a residual SpikingModel"),
    "sinabs": ("recurrent LIF", "CubaLIF", "recurrent CubaLIF", "a residual SpikingModel"),
}


@pytest.mark.parametrize("library", REFUSED)
def test_graphs_for_a_library_are_right_by_the_standard_too(compare_nir, library, tmp_path):
    assert set(REFUSED) == set(compare_nir.LIBRARIES)
    for case in compare_nir.CASES:
        result = compare_nir.compare(case, library, by_the_standard(library), tmp_path)
        wanted = "refused: " if case.name in REFUSED[library] else "equal, "
        assert result.startswith(wanted), (case.name, result)


def test_differences_and_failures_are_said(compare_nir, tmp_path):
    case = compare_nir.CASES[0]
    result = compare_nir.compare(
        case, "norse", lambda _, x: torch.zeros(*x.shape[:2], 10), tmp_path
    )
    assert "of 1920 differ" in result

    def broken(path, x):
        raise RuntimeError("first line\nlast line")

    result = compare_nir.compare(case, "norse", broken, tmp_path)
    assert result == "cannot be read: RuntimeError: last line"
