"""A sealed file is whole or refused — STREAM."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.sealed_stream import CHUNK, HEADER, SealedWriter, is_sealed, opened
from foundation.sealing import CannotOpen

KEY = bytes(32)
START = len(HEADER) + 32


def sealed(*parts: bytes, context: str = "test") -> bytes:
    file = io.BytesIO()
    with SealedWriter(file, KEY, context) as writer:
        for part in parts:
            writer.write(part)
    return file.getvalue()


def plain(content: bytes, key: bytes = KEY, context: str = "test") -> bytes:
    return b"".join(opened(io.BytesIO(content), key, context))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_was_sealed_opens_again(size: int) -> None:
    written = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert plain(sealed(written)) == written
    assert is_sealed(io.BytesIO(sealed(written)))


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_it_does_not_matter_in_how_many_parts_it_was_written(parts: list[bytes]) -> None:
    assert plain(sealed(*parts)) == b"".join(parts)


def test_two_files_of_the_same_content_have_nothing_in_common() -> None:
    one, other = sealed(b"same"), sealed(b"same")
    assert one[len(HEADER) :] != other[len(HEADER) :]


def test_another_key_or_context_opens_nothing() -> None:
    content = sealed(b"secret")
    with pytest.raises(CannotOpen):
        plain(content, key=bytes(31) + b"\x01")
    with pytest.raises(CannotOpen):
        plain(content, context="another")


def test_a_file_that_was_cut_lengthened_or_put_in_another_order_is_refused() -> None:
    content = sealed(bytes(3 * CHUNK))
    block = CHUNK + 16
    first, second = content[START : START + block], content[START + block : START + 2 * block]
    head, rest = content[:START], content[START + 2 * block :]
    for altered in (
        content[:-1],
        head + first,  # whole chunks, only fewer
        head + first + second,
        head + second + first + rest,
        head + first + rest,
        head + first + first + second + rest,
        content + rest,
        content + b"x",
        head,
        head[:-1],
        b"",
        content[:START] + bytes([content[START] ^ 1]) + content[START + 1 :],
        HEADER + bytes(32) + content[START:],
    ):
        with pytest.raises(CannotOpen):
            plain(altered)
