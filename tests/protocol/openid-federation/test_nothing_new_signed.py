"""What was signed holds until its end, while nothing new can be signed or written."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn

import pytest

from foundation.clock import FrozenClock
from foundation.errors import Unavailable
from idp.federation import jws, read
from tests.support.federation import OFFICER, PROVIDER, REGULATOR, Member, ScriptedProvider
from tests.support.read_only import read_only

LEVEL_2 = f"{REGULATOR}/trust-marks/loa-2"
CONFIGURATION = "/.well-known/openid-federation"


@contextmanager
def token_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def away(*_: Any) -> NoReturn:
        raise Unavailable("The token is away.")

    with monkeypatch.context() as patched:
        patched.setattr(jws, "sign", away)
        yield


def hindered(how: str, regulator: Member, monkeypatch: pytest.MonkeyPatch) -> Any:
    if how == "token away":
        return token_away(monkeypatch)
    return read_only(regulator.federation.runtime.database)


def end_of(token: str, typ: str) -> int:
    return int(read(token, typ).unverified_claims["exp"])


@pytest.mark.rfc("openid-federation", "9")
@pytest.mark.rfc("openid-federation", "8.1")
@pytest.mark.parametrize("path", [CONFIGURATION, f"/federation/fetch?sub={PROVIDER}"])
def test_a_statement_is_told_until_its_end_while_none_can_be_signed(
    regulator: Member,
    provider: ScriptedProvider,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    first = regulator.browser.get(path)
    assert first.status_code == 200
    life = end_of(first.text, "entity-statement+jwt") - int(clock.now().timestamp())
    with token_away(monkeypatch):
        clock.advance(timedelta(seconds=life - 5))
        assert regulator.browser.get(path).text == first.text
        clock.advance(timedelta(seconds=5))
        assert regulator.browser.get(path).status_code == 503
    assert regulator.browser.get(path).text != first.text


def test_no_old_statement_is_told_of_whom_the_regulator_knows_otherwise_now(
    regulator: Member, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/federation/fetch?sub={PROVIDER}"
    assert regulator.browser.get(path).status_code == 200
    acts = regulator.federation.accreditation
    acts.accredit(PROVIDER, 1, OFFICER)
    with token_away(monkeypatch):
        assert regulator.browser.get(path).status_code == 503
    acts.suspend(PROVIDER, OFFICER, "an incident")
    with token_away(monkeypatch):
        assert regulator.browser.get(path).status_code == 404


@pytest.mark.rfc("openid-federation", "8.6")
@pytest.mark.parametrize("how", ["read-only", "token away"])
def test_a_mark_is_given_until_its_end_while_none_can_be_made_anew(
    regulator: Member,
    provider: ScriptedProvider,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    query = {"sub": PROVIDER, "trust_mark_type": LEVEL_2}
    first = regulator.browser.get("/federation/trust-mark", params=query)
    assert first.status_code == 200
    with hindered(how, regulator, monkeypatch):
        clock.advance(timedelta(minutes=45))
        late = regulator.browser.get("/federation/trust-mark", params=query)
        assert (late.status_code, late.text) == (200, first.text)
    assert regulator.browser.get("/federation/trust-mark", params=query).text != first.text
