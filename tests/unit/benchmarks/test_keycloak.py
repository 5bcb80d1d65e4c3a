"""Keycloak is measured where it can be had, and as it was pinned; elsewhere the rest is."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import keycloak
from benchmarks.keycloak import keycloak_running
from benchmarks.load import Answer, Request
from benchmarks.servers import Missing

POSTGRESQL = "postgresql+psycopg://somebody@127.0.0.1:1/none"


@pytest.fixture(autouse=True)
def nothing_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keycloak, "BUILD", tmp_path)
    monkeypatch.setattr(keycloak, "HOME", tmp_path / "keycloak")


@pytest.mark.parametrize(
    ("there", "said"),
    [((), "it needs Java"), (("java",), "it needs Maven"), (("java", "mvn"), "Maven said")],
)
def test_a_part_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr(keycloak.shutil, "which", lambda name: name in there or None)

    class Refused:
        returncode, stdout, stderr = 1, "no such artefact", ""

    monkeypatch.setattr(keycloak.subprocess, "run", lambda *_, **__: Refused)
    with pytest.raises(Missing, match=said), keycloak_running(tmp_path / "run", POSTGRESQL):
        pass


def test_it_is_left_out_beside_sqlite(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no SQLite"), keycloak_running(tmp_path / "run", None):
        pass


def test_another_file_than_the_pinned_one_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keycloak.shutil, "which", lambda name: name)
    (tmp_path / f"keycloak-quarkus-dist-{keycloak.VERSION}.zip").write_bytes(b"another")
    with pytest.raises(Missing, match="not the one"), keycloak_running(tmp_path / "r", POSTGRESQL):
        pass


def test_the_pinned_version_is_the_one_that_maven_fetches() -> None:
    assert f"<version>{keycloak.VERSION}</version>" in (keycloak.MODULE / "pom.xml").read_text()


def test_a_sign_in_answers_the_form_of_the_page() -> None:
    steps = keycloak.sign_in()()
    asked = next(steps)
    assert isinstance(asked, Request)
    assert asked.path.startswith("/realms/bench/protocol/openid-connect/auth?")
    page = b'<form action="http://localhost/realms/bench/login?code=c&amp;tab=t" method="post">'
    sent = steps.send(Answer(200, {}, page, ["AUTH=1; Path=/", "KC=2"]))
    assert sent.path == "/realms/bench/login?code=c&tab=t"
    assert sent.headers is not None
    assert sent.headers["Cookie"] == "AUTH=1; KC=2"
    with pytest.raises(StopIteration):
        steps.send(Answer(302, {"location": "http://127.0.0.1:1/callback?code=x"}))
