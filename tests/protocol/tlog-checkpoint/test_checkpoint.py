"""Signed checkpoints — C2SP tlog-checkpoint and signed-note."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from hypothesis import given
from hypothesis import strategies as st

from foundation.audit.checkpoint import Checkpoint, InvalidCheckpoint, VerifierKey, open_note

# The example of golang.org/x/mod/sumdb/note, where the format comes from.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
NEUMANN_SIGNATURE = (
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = VerifierKey("id.example.city/audit", PRIVATE.public_key().public_bytes_raw())
CHECKPOINT = Checkpoint(KEY.name, 17, bytes(range(32)))


def signed(checkpoint: Checkpoint = CHECKPOINT, key: VerifierKey = KEY) -> str:
    return checkpoint.note(PRIVATE.sign(checkpoint.body().encode()), key)


@pytest.mark.parametrize(
    "published", [NEUMANN, "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"]
)
def test_published_verifier_keys_are_read_and_written_alike(published: str) -> None:
    assert str(VerifierKey.parse(published)) == published


def test_the_published_notes_key_id_and_signature_are_ours() -> None:
    key = VerifierKey.parse(NEUMANN)
    raw = base64.b64decode(NEUMANN_SIGNATURE)
    assert raw[:4] == key.key_id
    Ed25519PublicKey.from_public_bytes(key.public_key).verify(raw[4:], NEUMANN_TEXT.encode())


def test_a_checkpoint_is_three_lines_and_a_signature() -> None:
    lines = signed().split("\n")
    assert lines[:4] == [KEY.name, "17", base64.b64encode(bytes(range(32))).decode(), ""]
    assert lines[4].startswith(f"— {KEY.name} ")
    assert lines[5:] == [""]
    assert open_note(signed(), [KEY]) == CHECKPOINT


def test_signatures_of_others_and_extension_lines_are_passed_over() -> None:
    witness = base64.b64encode(b"abcd" + bytes(64)).decode()
    cosigned = signed().replace("\n\n", f"\n\n— witness.example {witness}\n")
    assert open_note(cosigned, [KEY]) == CHECKPOINT
    body = CHECKPOINT.body() + "an extension\n"
    raw = base64.b64encode(KEY.key_id + PRIVATE.sign(body.encode())).decode()
    assert open_note(f"{body}\n— {KEY.name} {raw}\n", [KEY]) == CHECKPOINT


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "\n",
        "\n\n",
        signed().replace("\n17\n", "\n18\n"),
        signed().replace("\n17\n", "\n017\n"),
        signed().replace("\n17\n", "\n-1\n"),
        signed().replace("\n17\n", "\n１７\n"),
        signed().rstrip("\n"),
        signed().replace("— ", "- "),
        signed().replace("AAEC", "AAED"),
        signed().replace("\n\n", "\n"),
        CHECKPOINT.body(),
        CHECKPOINT.body() + "\n",
        CHECKPOINT.note(bytes(64), KEY),
        CHECKPOINT.note(b"", KEY),
        signed().replace(KEY.name, "id.other.city/audit"),
    ],
)
def test_a_malformed_or_forged_checkpoint_is_refused(forged: str) -> None:
    with pytest.raises(InvalidCheckpoint):
        open_note(forged, [KEY])


def test_a_checkpoint_signed_for_another_log_is_refused() -> None:
    other = Checkpoint("id.other.city/audit", 17, bytes(32))
    with pytest.raises(InvalidCheckpoint, match="another log"):
        open_note(signed(other), [KEY])


@pytest.mark.parametrize(
    "text",
    ["", "name", "name+00000000+AAAA", str(KEY)[:-4] + "AAAA", str(KEY).replace("id.", "xx.")],
)
def test_a_malformed_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidCheckpoint):
        VerifierKey.parse(text)


@given(st.text())
def test_no_text_makes_the_parser_fail_otherwise(text: str) -> None:
    for attempt in (text, f"{CHECKPOINT.body()}\n{text}\n", f"{text}\n\n— {KEY.name} AAAA\n"):
        with pytest.raises(InvalidCheckpoint):
            open_note(attempt, [KEY])
