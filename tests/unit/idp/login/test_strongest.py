"""Which means is the strongest, where a jurisdiction's table of levels does not tell — CM-9."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from idp.login.credential import CHIP_CARD, PASSWORD, TOTP, Credential, Kind
from idp.login.session import Proof, Session
from idp.login.strongest import RECENT, Strongest
from idp.register import Subject
from tests.support.deployments import START

PERSON = Subject("citizen", "per_anna")


class Flat:
    """A table in which everything reaches level 2, alone and together."""

    def level_of_session(self, proofing: Any, used: Any) -> Any:
        return SimpleNamespace(level=2)

    def binds(self, authenticator: str) -> int:
        return 0


def credential(kind: Kind) -> Credential:
    data = {"authenticator": "chip-card", "managed": 4} if kind == CHIP_CARD else {}
    return Credential(kind, PERSON, kind, "", START, None, data=data)


def proven(*kinds: Kind, ago: timedelta = timedelta(0)) -> bool:
    proofs = tuple(Proof(kind, kind, START - ago) for kind in kinds)
    session = Session("ses_1", PERSON, 2, proofs, START, START + timedelta(hours=1))
    bound = [credential(kind) for kind in (PASSWORD, TOTP, CHIP_CARD)]
    return Strongest(Flat()).is_proven(session, bound, START)  # type: ignore[arg-type]


@pytest.mark.row("assurance", "CM-9")
def test_what_answers_to_one_page_alone_is_stronger_than_what_can_be_lured_out() -> None:
    assert not proven(PASSWORD)
    assert not proven(PASSWORD, TOTP)
    assert proven(CHIP_CARD)
    assert not proven(CHIP_CARD, ago=RECENT + timedelta(seconds=1))
