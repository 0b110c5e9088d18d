"""The onnx package's own cases: models with inputs and outputs, of old and new versions of the operators.

``python -m tests.conversion.onnx_cases`` runs all of them; here are those of PyTorch, one network, and for each operator
the first two.
"""

from __future__ import annotations

from functools import cache

import pytest
from tests.conversion.onnx_cases import Case, cases, judged, within

from spikelet.conversion.onnx.operators import OPERATORS

# Without a layer, or without a case of one node with numbers as input; see the tests of versions.
ELSEWHERE = {
    "Upsample",
    "Cast",
    "Identity",
    "CastLike",
    "Dropout",
    "GlobalLpPool",
    "Shape",
    "Size",
    "Trilu",
    "Where",
}
# They look up rows of a table by integers: an input that is no data.
TOKENS = {"test_Embedding", "test_Embedding_sparse"}


@cache
def torch_cases() -> dict[str, Case]:
    return {case.name: case for case in cases("pytorch-converted")}


def wrong_with(case: Case) -> str:
    """Return "" if a case passes, batch by batch or, where it has none, as one sample."""
    text = judged(case)
    return judged(case, whole=True) if text else ""


@pytest.mark.parametrize("name", sorted(set(torch_cases()) - TOKENS))
def test_models_of_pytorch_give_their_outputs(name: str) -> None:
    assert wrong_with(torch_cases()[name]) == ""


def test_all_cases_are_known() -> None:
    assert len(torch_cases()) >= 82
    assert set(torch_cases()) >= TOKENS


@pytest.mark.parametrize("name", ["light_squeezenet"])
def test_networks_give_their_outputs(name: str) -> None:
    assert judged(next(case for case in cases("light") if case.name == name)) == ""


def test_each_operator_gives_its_outputs() -> None:
    wrong: dict[str, list[str]] = {}
    passed: dict[str, int] = {}
    for case in cases("node"):
        nodes = case.model.graph.node
        if len(nodes) > 1 or not within(case) or passed.get(nodes[0].op_type, 0) >= 2:
            continue
        text = wrong_with(case)
        if text:
            wrong.setdefault(nodes[0].op_type, []).append(f"{case.name}: {text}")
        else:
            passed[nodes[0].op_type] = passed.get(nodes[0].op_type, 0) + 1
    missing = set(OPERATORS) - set(passed) - ELSEWHERE
    assert not missing, {kind: wrong.get(kind) for kind in missing}
