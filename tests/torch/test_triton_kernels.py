"""Kernels as Triton's compiler makes them for a GPU, which needs none; their results are tested in `test_triton_neuron`."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from spikelet.torch.cell import Charge, Reset, Surrogate

pytest.importorskip("triton")

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from spikelet.torch import triton_kernels


def compiled(kernel: Any, real: str, **constants: Any) -> str:
    """Return the assembly of a kernel for an A100."""
    names = [p.name for p in kernel.params]
    kinds = {
        name: "constexpr"
        if name in constants
        else "i32"
        if name in ("steps", "size")
        else f"*{real}"
        for name in names
    }
    given = {(names.index(name),): value for name, value in constants.items()}
    source = ASTSource(fn=kernel, signature=kinds, constexprs=given)
    made = triton.compile(
        source, target=GPUTarget("cuda", 80, 32), options={"enable_fp_fusion": False}
    )
    assert made.asm["cubin"]
    return str(made.asm["ptx"])


@pytest.mark.parametrize("real", ["fp32", "fp64"])
def test_kernels_compile_and_round_each_operation(
    real: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    cells = list(itertools.product(Charge, Reset))[real == "fp64" :: 2]
    kinds = [s for s in Surrogate if s != Surrogate.table]
    for k, (charge, reset) in enumerate(cells):
        shared = {
            "x_step": k % 2, "leak_step": k % 2, "threshold_step": k // 2 % 2, "syn_step": 0, "adapt_step": 0,
            "boost_step": k % 2, "synapse": k % 2 == 1, "adaptive": charge == Charge.relax, "charge": int(charge),
            "reset": int(reset), "late": reset == Reset.subtract and charge == Charge.decay, "strict": k % 2 == 1,
            "block": 256,
        }  # fmt: skip
        forward = compiled(
            triton_kernels.forward, real, **shared, give_spikes=True, keep=True, give_potentials=k % 2 == 0
        )  # fmt: skip
        assert "fma" not in forward
        assert ("div.rn" in forward) == (charge != Charge.decay)
        backward = compiled(
            triton_kernels.backward, real, **shared, detached=k % 2 == 0, surrogate=int(kinds[k % len(kinds)]),
            has_spikes=True, has_potentials=k % 2 == 1, has_v=k % 3 == 0, has_i=k % 2 == 1, has_a=charge == Charge.relax,
        )  # fmt: skip
        assert "st.global" in backward


def test_they_are_compiled_here() -> None:
    assert not triton_kernels.interpreted()
