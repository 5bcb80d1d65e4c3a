"""The acts of `civitas citizens` on one person: what the desk can, by the operator of the host.

The person reads each of them in their ledger. Attributes are not shown: those are the officers'.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    DryRunOption,
    JsonOption,
    YesOption,
    an_id,
    ask_first,
    deployment_of,
    fail,
    host,
    out,
    print_json,
)
from civitas.deployment import Deployment
from foundation.errors import BadRequest
from idp.register import (
    ARCHIVE,
    POST,
    Desk,
    IdentityLife,
    Recoveries,
    WrongField,
    checked_reason,
    civil_number,
    purpose_sentence,
)

PersonArgument = Annotated[
    str,
    typer.Argument(
        help="The identifier, per_….",
        callback=an_id(
            "a person", "per", look="`civitas citizens show` finds it by the civil number."
        ),
    ),
]
ReasonOption = Annotated[str, typer.Option(help="Why, in a sentence; the person reads it.")]


def add_to(app: typer.Typer) -> None:
    for command in (show, suspend, resume, archive, recover):
        app.command()(command)


def show(
    person: Annotated[
        str, typer.Argument(help="per_…, a civil number, or - to read one from standard input.")
    ],
    purpose: Annotated[
        str, typer.Option(help="proofing, activation, request, correction or misuse.")
    ],
    dry_run: DryRunOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Look a person up: identifier, state, level and steps. They read that you did, and why.

    A civil number on standard input stays out of the history of your shell.

    Example: `civitas citizens show - --purpose misuse`
    """
    try:
        sentence = purpose_sentence(purpose)
        written = sys.stdin.readline().strip() if person == "-" else person
        number = None if written.startswith("per_") else civil_number(written)
    except BadRequest as refusal:
        fail(f"{refusal.description} {refusal.next_step}")
    except WrongField as wrong:
        fail(f"The civil number {wrong.reason}. {wrong.what_to_do}")
    with desk_of(config) as deployment:
        if dry_run:
            # Whether there is such a person is told to nobody without a record of it.
            _say({"purpose": purpose, "sentence": sentence, "changed": False}, as_json)
            return
        desk: Desk = deployment.parts["desk"]
        now = deployment.runtime.clock.now()
        if number is None:
            desk.lookups.open(written, purpose, host(), now)
            found: str | None = written
        else:
            found = desk.lookups.search(number, purpose, host(), now)
        if found is None:
            fail("Nobody in the register has that civil number.", code=1)
        known, steps = desk.register.with_history(found)
    _say(
        {
            "person_id": known.id,
            "state": known.state.value,
            "level": known.level,
            "in_person": known.in_person,
            "enrolled_at": known.enrolled_at.isoformat(),
            "changed_at": known.changed_at.isoformat(),
            "history": [
                {"at": s.at.isoformat(), "step": s.transition, "to": s.to_state.value,
                 "level": s.level, "by": s.actor}
                for s in steps
            ],
        },
        as_json,
    )  # fmt: skip


def suspend(
    person: PersonArgument,
    reason: ReasonOption,
    dry_run: DryRunOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Suspend an identity: sessions and tokens end at once, means of signing in are kept.

    Example: `civitas citizens suspend per_… --reason "Two people use this account"`
    """
    _act("suspend", person, reason, dry_run, config, as_json)


def resume(
    person: PersonArgument,
    reason: ReasonOption,
    dry_run: DryRunOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """End the suspension of an identity; it is back at the level that is shown.

    Example: `civitas citizens resume per_… --reason "It was a mistake of ours"`
    """
    _act("reactivate", person, reason, dry_run, config, as_json)


def archive(
    person: PersonArgument,
    reason: ReasonOption,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """End an identity: means of signing in are revoked, data is cut to what must be kept.

    Example: `civitas citizens archive per_… --reason "Moved away"`
    """
    _act("archive", person, reason, dry_run, config, as_json, yes)


def recover(
    person: PersonArgument,
    reason: ReasonOption,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop the letter that was asked for.")
    ] = False,
    dry_run: DryRunOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Ask for a letter that lets a person back in who lost every way to sign in.

    It waits for `[register] recovery_days`, unless an officer saw the person face to face in the
    last day. They are told, and stop it with any means that they still hold.

    Example: `civitas citizens recover per_… --reason "Lost the phone and the password"`
    """
    try:
        reason = checked_reason(reason)
    except BadRequest as refusal:
        fail(f"{refusal.description} {refusal.next_step}")
    with desk_of(config) as deployment:
        recoveries: Recoveries = deployment.parts["register"].recoveries
        now, database = deployment.runtime.clock.now(), deployment.runtime.database
        way, level = "", 0
        with database.read() as uow:
            standing = recoveries.of(uow, person)
            if not stop:
                way, level = recoveries.foresee(uow, person, now)
        if stop and standing is None:
            fail("No letter that lets this person back in was asked for.", code=1)
        due = now + (recoveries.delay if way == POST else timedelta())
        if not dry_run:
            with database.write() as uow:
                if stop:
                    recoveries.stop(uow, person, host(), now, reason)
                else:
                    made = recoveries.ask(uow, person, host(), reason, now)
                    way, due = made.way, made.due_at
    answer: dict[str, Any] = {
        "person_id": person,
        "act": "stop" if stop else "recover",
        "reason": reason,
    }
    if not stop:
        answer |= {"way": way, "level_at_most": level, "letter_from": due.isoformat()}
    _say({**answer, "changed": not dry_run}, as_json)


@contextmanager
def desk_of(config: Path) -> Iterator[Deployment]:
    with deployment_of(config) as deployment:
        if "desk" not in deployment.parts:
            fail("Only a provider enrols citizens.", code=1)
        yield deployment


def _act(
    act: Literal["suspend", "reactivate", "archive"],
    person: str,
    reason: str,
    dry_run: bool,
    config: Path,
    as_json: bool,
    yes: bool = False,
) -> None:
    try:
        reason = checked_reason(reason)
    except BadRequest as refusal:
        fail(f"{refusal.description} {refusal.next_step}")
    with desk_of(config) as deployment:
        life: IdentityLife = deployment.parts["identity_life"]
        before, reached = life.foresee(person, act)
        now = deployment.runtime.clock.now()
        if not dry_run:
            if act == "suspend":
                after = life.suspend(person, host(), reason, now)
            elif act == "reactivate":
                after = life.reactivate(person, host(), reason, before.level, now)
            else:
                ask_first(ARCHIVE, person, yes)
                after = life.archive(person, host(), reason, now)
            reached = after.state
    _say(
        {
            "person_id": person,
            "act": act,
            "before": before.state.value,
            "after": reached.value,
            "level": before.level,
            "reason": reason,
            "changed": not dry_run,
        },
        as_json,
    )


def _say(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    for name, value in answer.items():
        if name == "history":
            for step in value:
                out.print("  ".join(str(part) for part in step.values()), soft_wrap=True)
        elif name != "changed":
            out.print(f"{name}: {value}", soft_wrap=True, markup=False)
    if answer.get("changed") is False:
        out.print("Nothing was changed.")
