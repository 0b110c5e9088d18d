"""The arrays of a program: kept ones for themselves, others by turns."""

from __future__ import annotations

from spikelet.io.c.program import Memory


def test_arrays_that_are_not_in_use_together_share_their_place() -> None:
    memory = Memory()
    a, b, c = (memory.add("float", n, "x", kept=False) for n in (10, 6, 8))
    kept = memory.add("uint8_t", 3, "v", kept=True)
    two = memory.add("int16_t", 5, "base", kept=False)
    for k, text in enumerate((f"{a}", f"{a} {b} {two}", f"{b} {c}")):
        memory.see("step", k, text)
    memory.see("begin", 0, f"{two}")
    memory.place()
    assert memory.placed(f"{a} {b} {c}") == "shared_float (shared_float + 10) shared_float"
    assert memory.placed(f"{kept} {two}") == "v_3 base_4"  # the last is used by two functions
    assert memory.bytes == 4 * 16 + 3 + 2 * 5
    assert "static float shared_float[16];\n" in memory.text()
