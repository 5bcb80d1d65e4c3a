"""Passwords that leaked, refused offline — NIST SP 800-63B §5.1.1.2, AU-2."""

from __future__ import annotations

from hashlib import sha1
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.clock import FrozenClock
from foundation.settings import Settings, SettingsError
from idp.login import LoginSettings
from idp.login.authenticators import password_rules
from idp.login.authenticators.breached import BreachedPasswords, common
from tests.support import deployments
from tests.support.sign_in import CHEAP, NAME, PASSWORD, SignInDesk

LEAKED = "sutvsc5ysaa"  # on the list that comes along, and none that zxcvbn would refuse
ON_FILE = "correct gazelle paints nine"


def written(path: Path, passwords: list[str], ending: str = "\r\n") -> Path:
    """A file as Have I Been Pwned's downloader writes it."""
    hashes = sorted(sha1(word.encode()).hexdigest().upper() for word in passwords)
    lines = (f"{value}:{1 + n * 37}{ending}" for n, value in enumerate(hashes))
    path.write_text("".join(lines), newline="")
    return path


@pytest.mark.row("assurance", "AU-2")
def test_a_password_that_leaked_is_refused_though_nobody_would_guess_its_pattern(
    desk: SignInDesk,
) -> None:
    browser = desk.browser()
    browser.post("/activate", code=desk.enrol())
    for leaked in (LEAKED, LEAKED.upper()):
        page = browser.post("/activate/set-up", name=NAME, password=leaked, repeated=leaked)
        assert page.status_code == 422
        assert "passwords that leaked" in page.text
        assert leaked not in page.text
    done = browser.post("/activate/set-up", name=NAME, password=PASSWORD, repeated=PASSWORD)
    assert done.status_code == 303


@pytest.mark.row("assurance", "AU-2")
def test_the_operators_own_list_of_leaked_passwords_is_heard(
    settings: Settings, clock: FrozenClock, tmp_path: Path
) -> None:
    words = [f"word number {n}" for n in range(500)]
    written(tmp_path / "pwned.txt", [*words, ON_FILE])
    chosen = settings.with_sections(
        CHEAP.model_copy(update={"breached_passwords": str(tmp_path / "pwned.txt")})
    )
    runtime = deployments.ready_runtime(chosen, clock)
    desk = SignInDesk(runtime)
    browser = desk.browser()
    browser.post("/activate", code=desk.enrol())
    page = browser.post("/activate/set-up", name=NAME, password=ON_FILE, repeated=ON_FILE)
    assert page.status_code == 422
    assert "passwords that leaked" in page.text
    done = browser.post("/activate/set-up", name=NAME, password=PASSWORD, repeated=PASSWORD)
    assert done.status_code == 303
    runtime.close()


@given(
    listed=st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=60, unique=True),
    other=st.text(min_size=1, max_size=20),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_every_line_of_a_file_is_found_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, listed: list[str], other: str, ending: str
) -> None:
    path = written(tmp_path_factory.mktemp("lists") / "pwned.txt", listed, ending)
    breached = BreachedPasswords(path)
    assert all(breached.has(word) for word in listed)
    assert breached.has(other) == (other in listed or other.lower() in common())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "password\n123456\n",
        f"{'F' * 40}:1\n" + "".join(f"{'0' * 36}{n:04X}:1\n" for n in range(200)),
        f"{'f' * 40}:1\n",
    ],
    ids=["empty", "plain words", "another order", "small letters"],
)
def test_a_file_that_is_no_such_list_stops_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "wrong.txt"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"\[login\] breached_passwords"):
        BreachedPasswords(path)
    with pytest.raises(SettingsError, match="cannot be read"):
        BreachedPasswords(tmp_path / "missing.txt")


def test_the_list_that_comes_along_is_of_passwords_that_are_long_enough_to_be_chosen() -> None:
    least = LoginSettings.model_fields["password_minimum"].metadata[0].ge
    assert len(common()) > 15_000
    assert min(map(len, common())) >= least
    assert all(word == word.lower().strip() for word in common())
    assert password_rules.objection(LEAKED, 8, BreachedPasswords()) == password_rules.BREACHED
