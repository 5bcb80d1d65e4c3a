"""Witnesses cosign what they have seen grow; none of them stops the log — C2SP tlog-witness."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from foundation.audit.checkpoint import COSIGNATURE, VerifierKey, cosigned_at
from foundation.audit.settings import AuditSettings
from foundation.audit.tables import checkpoints, cosignatures
from foundation.audit.verify_public import verify_from_outside
from foundation.audit.witnesses import NotCosigned
from foundation.clock import FrozenClock
from foundation.runtime import SECTIONS, Runtime
from foundation.settings import Settings, SettingsError
from foundation.settings import parse as parse_settings
from tests.support import deployments
from tests.support.audits import history, outside, record, sequence
from tests.support.witness import Witness, listening

URL = "http://localhost:8000"


@pytest.fixture
def witness(any_settings: Settings, clock: FrozenClock) -> Iterator[Witness]:
    """A witness that knows the log of `watched`."""
    laid = deployments.build_runtime(any_settings, clock)  # makes the key of the log
    made = Witness("witness.example/w1", str(laid.audit.tree.verifier_keys()[0]))
    laid.close()
    with listening(made):
        yield made


@pytest.fixture
def watched(any_settings: Settings, clock: FrozenClock, witness: Witness) -> Iterator[Runtime]:
    chosen = AuditSettings(witnesses={witness.url: witness.verifier_key})
    laid = deployments.build_runtime(any_settings.with_sections(chosen), clock)
    yield laid
    laid.close()


def ask(runtime: Runtime) -> bool:
    return runtime.audit.tree.witnesses.ask(runtime.audit.tree.witnesses.chosen[0])


def test_each_checkpoint_is_cosigned_stored_and_served_with_its_note(
    watched: Runtime, witness: Witness
) -> None:
    history(watched)
    assert ask(watched)
    assert not ask(watched), "it has cosigned this one"
    for _ in range(3):
        record(watched)
    sequence(watched)
    assert ask(watched)
    assert witness.size == 14
    assert witness.requests[1].startswith("old 11\n")
    key = VerifierKey.parse(witness.verifier_key, COSIGNATURE)
    with outside(watched.audit) as client:
        note = client.get("/audit/checkpoint").text
        report = verify_from_outside(URL, client, witnesses=[key])
    assert cosigned_at(note, note.splitlines()[-1], key) == witness.time
    assert report.problems == ()
    inside = watched.audit.tree.verify()
    assert inside.problems == ()
    assert inside.notes == ("witness.example/w1 cosigned 14 leaves at 2026-03-02T09:00:00+00:00.",)


def test_the_newest_cosigned_checkpoint_can_be_asked_for(watched: Runtime) -> None:
    history(watched)
    with outside(watched.audit) as client:
        assert client.get("/audit/checkpoint?cosigned=true").status_code == 404
        ask(watched)
        record(watched)
        sequence(watched)
        assert client.get("/audit/checkpoint").text.split("\n")[1] == "12"
        cosigned = client.get("/audit/checkpoint?cosigned=true").text
    assert cosigned.split("\n")[1] == "11"
    assert "— witness.example/w1 " in cosigned


def test_a_witness_that_knows_more_than_we_remember_tells_its_size(
    watched: Runtime, witness: Witness
) -> None:
    history(watched)
    ask(watched)
    with watched.database.write() as uow:
        uow.execute(delete(cosignatures))
    record(watched)
    sequence(watched)
    assert ask(watched)
    assert [body.split("\n")[0] for body in witness.requests] == ["old 0", "old 0", "old 11"]


def test_a_witness_that_has_seen_a_longer_log_says_that_it_was_cut(
    watched: Runtime, witness: Witness
) -> None:
    history(watched)
    witness.size = 50
    with pytest.raises(NotCosigned, match="has seen 50 leaves"):
        ask(watched)


def test_a_witness_that_has_seen_another_tree_does_not_cosign(
    watched: Runtime, witness: Witness
) -> None:
    history(watched)
    ask(watched)
    witness.root = bytes(32)
    record(watched)
    sequence(watched)
    with pytest.raises(NotCosigned, match="first 11 leaves are not those"):
        ask(watched)


NONSENSE = [
    (200, b""),
    (200, b"hello"),
    (200, b"\xff\xfe"),
    (200, "— witness.example/w1 AAAA\n".encode()),
    (200, "— witness.example/w1 !!!\n".encode()),
    (200, "— witness.example/w2 AAAAAAAA\n".encode()),
    (409, b"many\n"),
    (409, b"-1\n"),
    (409, b"9" * 400),
    (403, b""),
    (404, b""),
    (500, b"x" * 1000),
    (302, b""),
]


@pytest.mark.parametrize("answer", NONSENSE, ids=lambda a: f"{a[0]} {a[1][:12]!r}")
def test_a_witness_that_answers_nonsense_cosigns_nothing(
    runtime_with_witness: tuple[Runtime, Witness], answer: tuple[int, bytes]
) -> None:
    runtime, witness = runtime_with_witness
    record(runtime)
    sequence(runtime)
    witness.answers_instead = answer
    with pytest.raises(NotCosigned):
        ask(runtime)
    assert runtime.audit.tree.checkpoint().count("— ") == 1


@pytest.fixture(scope="module")
def runtime_with_witness(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Runtime, Witness]]:
    settings = deployments.settings_in(tmp_path_factory.mktemp("nonsense"))
    clock = FrozenClock(deployments.START)
    first = deployments.build_runtime(settings, clock)
    witness = Witness("witness.example/w1", str(first.audit.tree.verifier_keys()[0]))
    first.close()
    with listening(witness):
        chosen = AuditSettings(witnesses={witness.url: witness.verifier_key})
        laid = deployments.build_runtime(settings.with_sections(chosen), clock)
        yield laid, witness
        laid.close()


def test_a_cosignature_of_another_checkpoint_is_no_cosignature_of_this_one(
    watched: Runtime, witness: Witness
) -> None:
    history(watched)
    ask(watched)
    with watched.database.read() as uow:
        old = uow.execute(select(cosignatures.c.line)).scalar_one()
    record(watched)
    sequence(watched)
    witness.answers_instead = (200, f"{old}\n".encode())
    with pytest.raises(NotCosigned, match="does not verify"):
        ask(watched)


def test_a_witness_that_is_away_does_not_stop_the_log_and_is_asked_again(
    any_settings: Settings, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    key = Witness("gone.example", "localhost:8000/audit+00+AQ==").verifier_key
    nobody = f"http://127.0.0.1:{deployments.free_port()}"
    laid = deployments.build_runtime(
        any_settings.with_sections(AuditSettings(witnesses={nobody: key})), clock
    )
    record(laid)
    sequence(laid)
    for _ in range(3):
        laid.jobs.run_once()
        laid.audit.tree.witnesses.close()  # waits for who is asked
    record(laid)
    assert sequence(laid) == 1
    assert not any(work.late for work in laid.jobs.health())
    assert laid.audit.tree.verify().notes == ("gone.example cosigned nothing yet.",)
    laid.close()
    assert caplog.text.count("gone.example: ") == 1


def test_a_stored_cosignature_that_was_changed_or_lost_its_checkpoint_is_named(
    watched: Runtime,
) -> None:
    history(watched)
    ask(watched)
    with watched.database.write() as uow:
        line = uow.execute(select(cosignatures.c.line)).scalar_one()
        raw = bytearray(base64.b64decode(line.rpartition(" ")[2]))
        raw[-1] ^= 1
        changed = f"{line.rpartition(' ')[0]} {base64.b64encode(raw).decode()}"
        uow.execute(update(cosignatures).values(line=changed))
    assert watched.audit.tree.verify().problems == (
        "The cosignature of witness.example/w1 over 11 leaves does not verify.",
    )
    with watched.database.write() as uow:
        uow.execute(delete(checkpoints).where(checkpoints.c.tree_size == 11))
    assert any("that checkpoint is gone" in p for p in watched.audit.tree.verify().problems)


def test_an_outsider_who_counts_on_a_witness_is_told_when_it_did_not_cosign(
    watched: Runtime, witness: Witness
) -> None:
    history(watched)
    key = VerifierKey.parse(witness.verifier_key, COSIGNATURE)
    other = Witness("other.example", "a+00+AQ==")
    with outside(watched.audit) as client:
        assert verify_from_outside(URL, client, witnesses=[key]).problems == (
            "No checkpoint is cosigned.",
        )
        ask(watched)
        seen = verify_from_outside(
            URL, client, witnesses=[VerifierKey.parse(other.verifier_key, COSIGNATURE)]
        )
    assert seen.problems == ("The witness other.example has not cosigned the checkpoint.",)


def test_one_cosignature_an_hour_is_kept_and_the_newest(watched: Runtime, witness: Witness) -> None:
    for _ in range(6):
        record(watched)
        sequence(watched)
        ask(watched)
        witness.time += 1200
    with watched.database.read() as uow:
        sizes = [
            row.tree_size
            for row in uow.all(select(cosignatures).order_by(cosignatures.c.tree_size))
        ]
    assert sizes == [3, 6]


@pytest.mark.parametrize(
    ("url", "key", "said"),
    [
        ("http://witness.example", "a right one", "not an https URL"),
        ("https://witness.example", "w+00000000+AAAA", "not an Ed25519 verifier key"),
        ("https://witness.example", "w", "not an Ed25519 verifier key"),
    ],
)
def test_a_witness_that_is_written_wrongly_stops_the_start_with_a_sentence(
    url: str, key: str, said: str
) -> None:
    if key == "a right one":
        key = Witness("w", "a+0+AQ==").verifier_key
    text = f'[audit.witnesses]\n"{url}" = "{key}"\n[development]\nloopback_http = true\n'
    with pytest.raises(SettingsError, match=said):
        parse_settings(Path("civitas.toml"), text, SECTIONS, {})
