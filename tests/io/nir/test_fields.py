from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikelet.io.nir.fields import FIELDS, check, values_of

nir = pytest.importorskip("nir")

ONES = np.ones(3)
LIF = {"tau": ONES, "r": ONES, "v_leak": ONES, "v_threshold": ONES}
CONV = {
    "weight": np.ones((4, 1, 3, 3)), "stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 2,
    "bias": np.zeros(4),
}  # fmt: skip


def test_all_primitives_of_the_standard_are_known() -> None:
    nodes = {
        name
        for name, kind in vars(nir).items()
        if isinstance(kind, type) and issubclass(kind, nir.NIRNode)
    }
    assert set(FIELDS) == nodes - {"NIRNode", "NIRGraph", "Identity"}
    assert len(FIELDS) == 18  # and the graph itself


def test_left_out_fields_have_the_values_of_the_standard() -> None:
    given = dict.fromkeys(("tau_mem", "tau_syn", "r", "v_leak", "v_threshold"), ONES)
    found = check("w", "CubaLIF", given)
    np.testing.assert_array_equal(found["v_reset"], np.zeros(3))
    np.testing.assert_array_equal(found["w_in"], ONES)


def test_scalars_become_populations() -> None:
    found = check("w", "LIF", {**LIF, "tau": np.float32(0.5)})
    np.testing.assert_array_equal(found["tau"], [0.5, 0.5, 0.5])
    assert found["tau"].dtype == np.float64


@pytest.mark.parametrize(
    ("kind", "values", "rule"),
    [
        ("LIF", {**LIF, "tau": [1, 0, 1]}, "tau must be finite and > 0 at index 1, got 0.0"),
        ("LIF", {**LIF, "r": [1, np.nan, 1]}, "r must be finite at index"),
        ("LIF", {**LIF, "r": np.ones(4)}, "parameters must all have the shape"),
        ("LIF", {**LIF, "v_thresh": ONES}, "did you mean 'v_threshold'"),
        ("LIF", {"tau": ONES, "r": ONES, "v_leak": ONES}, "v_threshold must be given, got None"),
        ("LIF", {**LIF, "tau": "fast"}, "tau must hold numbers, got 'fast'"),
        ("LIF", {**LIF, "tau": ONES * 1j}, "tau must hold numbers, got dtype 'complex128'"),
        ("LIF", {**LIF, "tau": []}, "tau must not be empty"),
        ("Delay", {"delay": [-1.0]}, "delay must be finite and >= 0"),
        ("Linear", {"weight": ONES}, "weight must have at least 2 dimensions"),
        ("Affine", {"weight": np.ones((2, 3)), "bias": ONES}, r"bias must be \(2,\)"),
        ("Conv2d", {**CONV, "groups": 3}, "groups must divide the 4 output channels"),
        ("Conv2d", {**CONV, "stride": (0, 1)}, "stride must lie in 1"),
        ("Conv2d", {**CONV, "padding": (-1, 0)}, "padding must lie in 0"),
        ("Conv2d", {**CONV, "padding": "full"}, "padding must be 'same', 'valid' or whole numbers"),
        ("Conv2d", {**CONV, "padding": "same", "stride": (2, 1)}, "padding must be numbers where"),
        ("Conv2d", {**CONV, "bias": ONES}, r"bias must be \(4,\)"),
        ("Conv2d", {**CONV, "weight": np.ones((4, 1, 3))}, "weight must have 4 dimensions"),
        ("Conv2d", {**CONV, "stride": (1.5, 1)}, "stride must hold whole numbers, got dtype"),
        ("Conv2d", {**CONV, "stride": (1, 1, 1)}, "stride must hold at most 2 numbers"),
        ("SumPool2d", {"kernel_size": 2**40, "stride": 1, "padding": 0}, "kernel_size must lie in"),
        ("Input", {"shape": [-3]}, "shape must lie in 1"),
        ("Input", {"shape": [2**20, 2**20]}, "must have at most 2\\^31 values"),
        ("Input", {"shape": None}, "shape must be given"),
    ],
)  # fmt: skip
def test_values_are_checked(kind: str, values: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=f"^here: .*{rule}"):
        check("here", kind, values)


def test_fields_of_nodes_in_memory_have_the_names_of_the_file() -> None:
    assert values_of(nir.Input(np.array([3])))["shape"].tolist() == [3]
    assert values_of(nir.Output(np.array([3])))["shape"].tolist() == [3]
    flat = nir.Flatten({"input": np.array([2, 3])}, start_dim=0)
    assert values_of(flat)["input_type"].tolist() == [2, 3]
    assert set(values_of(nir.Scale(ONES))) == {"scale"}
