"""Routes of the register: the registration officer's desk."""

from __future__ import annotations

from functools import partial

from foundation.web import Route
from idp.register.desk import Desk
from idp.register.endpoints import (
    desk_correct,
    desk_enrol,
    desk_home,
    desk_imports,
    desk_person,
    desk_recovery,
    letters,
    resemblances,
    second_looks,
)

_PROOFING = "ISO/IEC 29115:2013 §10.1"
_LIFE = "ISO/IEC 24760-1"
_LOOK_UP = "GDPR art. 15"
_CORRECT = "GDPR art. 16"
_LOST = "NIST SP 800-63B §6.1.2.3"
_LETTERS = "ISO/IEC 29115:2013 CM-5"
_LOOK = "/desk/second-looks/{look_id}"
_PAIR = "/desk/resemblances/{resemblance_id}"
_UNIQUE = "ISO/IEC 29115:2013 EN-3"
_PERSON = "/desk/persons/{person_id}"


def routes_of(desk: Desk) -> tuple[Route, ...]:
    return (
        Route(("GET",), "/desk", partial(desk_home.home, desk), _PROOFING),
        Route(("POST",), "/desk/search", partial(desk_home.search, desk), _LOOK_UP),
        Route(("GET",), "/desk/enrol", partial(desk_enrol.show, desk), _PROOFING),
        Route(("POST",), "/desk/enrol", partial(desk_enrol.enrol, desk), _PROOFING),
        Route(("GET",), _PERSON, partial(desk_person.person, desk), _LOOK_UP),
        Route(("POST",), f"{_PERSON}/look-up", partial(desk_home.look_up, desk), _LOOK_UP),
        Route(("POST",), f"{_PERSON}/proofing", partial(desk_person.proof, desk), _PROOFING),
        Route(("POST",), f"{_PERSON}/letter", partial(desk_person.letter, desk), _PROOFING),
        Route(("POST",), f"{_PERSON}/recovery", partial(desk_recovery.post, desk), _LOST),
        Route(
            ("POST",),
            f"{_PERSON}/state",
            partial(desk_person.change, desk),
            _LIFE,
            asks_first=("archive",),
        ),
        Route(("GET",), f"{_PERSON}/correct", partial(desk_correct.show, desk), _CORRECT),
        Route(("POST",), f"{_PERSON}/correct", partial(desk_correct.correct, desk), _CORRECT),
        Route(
            ("POST",),
            "/desk/corrections/{correction_id}",
            partial(desk_correct.answer, desk),
            _CORRECT,
        ),
        Route(
            ("POST",),
            "/desk/proofing/{decision_id}",
            partial(desk_person.confirm, desk),
            _PROOFING,
        ),
        Route(
            ("POST",),
            "/desk/imports",
            partial(desk_imports.upload, desk),
            "RFC 7578",
            # The parts' own headers, and the form's token, come on top of the file.
            max_body=desk.importer.most_bytes + 65_536,
            in_thread="reads a file of many rows",
            admits=desk.admits,
        ),
        Route(
            ("GET",), "/desk/imports/{import_id}", partial(desk_imports.progress, desk), _PROOFING
        ),
        Route(
            ("POST",),
            "/desk/imports/{import_id}/start",
            partial(desk_imports.start, desk),
            _CORRECT,
            in_thread="reads a file of many rows",
        ),
        Route(
            ("POST",),
            "/desk/imports/{import_id}/refused",
            partial(desk_imports.refused_rows, desk),
            "RFC 4180",
            in_thread="writes a file of many rows",
        ),
        Route(
            ("POST",),
            "/desk/imports/{import_id}/letters",
            partial(desk_imports.letters, desk),
            _PROOFING,
            in_thread="makes many letters",
        ),
        Route(("GET",), _LOOK, partial(second_looks.show, desk), _PROOFING),
        Route(("POST",), _LOOK, partial(second_looks.answer, desk), _PROOFING),
        Route(("GET",), _PAIR, partial(resemblances.show, desk), _UNIQUE),
        Route(
            ("POST",),
            _PAIR,
            partial(resemblances.answer, desk),
            _UNIQUE,
            asks_first=("agree",),
        ),
        Route(("POST",), f"{_PAIR}/look-up", partial(resemblances.look_up, desk), _LOOK_UP),
        Route(("GET",), "/letters", partial(letters.show, desk), _LETTERS),
        Route(
            ("POST",),
            "/letters",
            partial(letters.make, desk),
            _LETTERS,
            in_thread="makes many letters",
        ),
        Route(
            ("POST",),
            "/letters/{batch_id}/again",
            partial(letters.again, desk),
            _LETTERS,
            in_thread="makes many letters",
        ),
    )
