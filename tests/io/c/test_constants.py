"""Constants of a program: compilers read them back to the bit."""

from __future__ import annotations

import numpy as np

from spikelet.io.c.constants import Constants, number


def test_numbers_are_read_back_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32)
    values = np.concatenate([bits[np.isfinite(bits)], [0.0, -0.0, 1.0, 0.1, 3e38, 1.2e-38]])
    texts = [number(v) for v in values]
    assert all(t.endswith("f") and ("." in t or "e" in t) for t in texts)
    again = np.array([float(t[:-1]) for t in texts]).astype(np.float32)
    assert again.tobytes() == values.astype(np.float32).tobytes()
    assert max(map(len, texts)) < 18


def test_arrays_are_kept_once() -> None:
    constants = Constants()
    first = constants.add([1.0, 2.0], "a")
    assert constants.add(np.array([1.0, 2.0]), "b") == first
    assert constants.add([1, 2], "c", "int16_t") != first
    assert constants.add([1e-39, 1.0], "d") != first
    assert constants.bytes == 8 + 4 + 8
    assert f"static const float {first}[] = {{\n    1.0f, 2.0f,\n}};" in constants.arrays()
    assert "0.0f, 1.0f" in constants.arrays()  # a number that the engine takes for 0
    name = constants.structs("window", np.array([[0, 2], [2, 4]]), "windows")
    assert (
        f"static const struct window {name}[] = {{\n    {{0, 2}},\n    {{2, 4}},\n}};"
        in constants.tables()
    )
