"""JSON objects that begin with a checksum of themselves."""

from __future__ import annotations

import json

import pytest

from spikelet.experiments.sealed_json import content, is_sealed, seal, text_of

DATA = {"seed": 7, "é": [1.5, None], "nested": {"x": 1}}


@pytest.mark.parametrize("indent", [None, 1])
def test_what_was_sealed_is_read(indent):
    text = text_of(DATA, indent=indent)
    whole = seal(text) + text
    assert is_sealed(whole)
    assert content(whole) == DATA
    assert json.loads(whole) == {"crc32": whole[11:19].decode()} | DATA  # by any program


def test_each_flipped_bit_is_refused():
    text = text_of(DATA)
    whole = seal(text) + text
    for byte in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[byte] ^= 1 << bit
            assert not is_sealed(bytes(damaged))
            try:
                found = content(bytes(damaged))
            except ValueError:
                continue
            assert found.items() > DATA.items()  # the name of the checksum: an unknown field


def test_an_earlier_version_had_no_checksum():
    assert content(json.dumps(DATA).encode()) == DATA


@pytest.mark.parametrize("data", [b"", b"[]", b'{"crc32": "00000000", "a": 1}', b'{"crc32": 1}'])
def test_what_is_refused(data):
    with pytest.raises(ValueError, match=r".+"):
        content(data)
