"""Many documents of one issuer from a file: JSON Lines, each as a program would send it.

Each line is done wholly or not at all, and what is there already as it is stays so: after an
interruption the same file is read again, and goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from documents.locker.endpoints.model import NewDocument
from documents.locker.issuing import Issuing, MadeOut
from documents.locker.kinds import Issuer
from foundation.audit import Actor
from foundation.errors import Problem

LONGEST_LINE = 100_000


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """Why a line made no document. `where`: the member that it is about."""

    line: int
    where: str
    reason: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one line: new, another version, or there already as it is."""

    line: int
    version: int
    is_new: bool


def import_lines(
    issuing: Issuing, issuer: Issuer, lines: Iterable[str], actor: Actor
) -> Iterator[Imported | RefusedLine]:
    """One after the other; empty lines are passed over."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _one(issuing, issuer, number, line, actor)


def _one(
    issuing: Issuing, issuer: Issuer, number: int, line: str, actor: Actor
) -> Imported | RefusedLine:
    if len(line) > LONGEST_LINE:
        return RefusedLine(number, "", "It is longer than any document.", "Look for a lost quote.")
    try:
        new = NewDocument.model_validate(json.loads(line))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return RefusedLine(number, where, first["msg"] + ".", "Mend this member.")
    except (ValueError, RecursionError) as error:
        return RefusedLine(number, "", f"It is not JSON: {error}.", "Write one object a line.")
    if new.sub is not None:
        return RefusedLine(
            number, "sub", "A file names people by civil_number.", "Write civil_number instead."
        )
    made = MadeOut(
        kind=new.kind,
        number=new.number,
        name=new.name,
        birthdate=new.birthdate,
        content=new.content,
        civil_number=new.civil_number,
        valid_until=new.valid_until,
    )
    try:
        document, is_new = issuing.make_out(issuer, made, actor)
    except Problem as problem:
        said = (problem.where or "", problem.description, problem.next_step or "")
        return RefusedLine(number, *said)
    return Imported(number, document.version, is_new)
