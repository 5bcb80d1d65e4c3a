"""The desk: search by civil number, upload, what waits — row P-4."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import birth, web
from foundation.audit import Actor
from foundation.errors import NotFound
from foundation.pages import N_, Mistakes
from idp.register import second_looks, store, two_people
from idp.register.desk import Desk
from idp.register.imports.dates import iso
from idp.register.lookup import check, purposes
from idp.register.profile import WrongField, civil_number
from idp.register.uniqueness import uniqueness

NOBODY = N_("Nobody in the register has this civil number.")
COMPARE = N_(
    "Compare the number with the document. A person who is not in the register comes with a file "
    "of the civil register."
)
NOBODY_NAMED = N_("Nobody in the register has this name and birth date.")
SPELL = N_("Write the beginning of one name only, or the civil number.")
TOO_MANY = N_("More than 20 people match, so none is shown.")
NARROW = N_("Write more of the name, or the birth date too.")
HOW_A_DATE = N_("Write year-month-day, such as 1987-03-21; or only 1987-03, or 1987.")


def home(desk: Desk, request: Request) -> Response:
    """The officer's start page."""
    return page(desk, request)


def search(desk: Desk, request: Request) -> Response:
    """Find a person by civil number, or by name and birth date, for a purpose that they read."""
    officer, form = desk.posted(request)
    number, name, born = "", form.get("name", "").strip(), ""
    now, purpose, mistakes = desk.runtime.clock.now(), form.get("purpose", ""), Mistakes()
    by_name = not form.get("civil_number", "").strip() and bool(name or form.get("born"))
    try:
        if by_name:
            born = _birthdate(desk, form.get("born", ""))
        else:
            number = civil_number(form.get("civil_number", ""))
    except WrongField as wrong:
        mistakes.add("born" if by_name else "civil_number", wrong.what_to_do)
    with mistakes.noting("purpose"):
        check(purpose)
    if mistakes:
        return page(desk, request, mistakes, form)
    if by_name:
        return _by_name(desk, request, officer, form, name, born, purpose)
    with desk.runtime.database.read() as uow:
        known = store.by_civil_number(uow, desk.runtime.vault, number)
        if known is not None:
            desk.refuse_own(uow, known, officer)
    found = desk.lookups.search(number, purpose, officer, now)
    if found is None:
        mistakes = Mistakes(NotFound.status)
        mistakes.add("civil_number", NOBODY, COMPARE)
        return page(desk, request, mistakes, form)
    return RedirectResponse(f"/desk/persons/{found}", 303)


def _birthdate(desk: Desk, written: str) -> str:
    """As ISO 8601 has it, also in part. Raises WrongField."""
    text = iso(written.strip(), desk.register.jurisdiction.date_order)
    if not text:
        return ""
    try:
        return birth.parse(text).isoformat()
    except ValueError:
        raise WrongField("born", "is not a date", HOW_A_DATE) from None


def _by_name(
    desk: Desk,
    request: Request,
    officer: Actor,
    form: web.Form,
    name: str,
    born: str,
    purpose: str,
) -> Response:
    with desk.runtime.database.read() as uow:
        own = desk.register.staff.own_person(uow, officer.id)
    result = desk.lookups.search_by_name(name, born, purpose, officer, own)
    if result.people:
        return desk.runtime.pages.render(
            request, "register/found.html", result=result, purpose=purpose
        )
    mistakes = Mistakes(NotFound.status)
    if result.too_many:
        mistakes.add("name", TOO_MANY, NARROW)
    else:
        mistakes.add("name", NOBODY_NAMED, SPELL)
    return page(desk, request, mistakes, form)


def look_up(desk: Desk, request: Request) -> Response:
    """Say why, for a person whose page was opened by its address."""
    officer, form = desk.posted(request)
    person_id = request.path_params["person_id"]
    with desk.runtime.database.read() as uow:
        desk.refuse_own(uow, person_id, officer)
    mistakes = Mistakes()
    with mistakes.noting(purpose="purpose"):
        desk.lookups.open(person_id, form.get("purpose", ""), officer, desk.runtime.clock.now())
        return RedirectResponse(f"/desk/persons/{person_id}", 303)
    return why(desk, request, person_id, mistakes)


def why(desk: Desk, request: Request, person_id: str, mistakes: Mistakes | None = None) -> Response:
    """The page that asks what for, before a record opens."""
    return desk.runtime.pages.render(
        request,
        "register/why.html",
        mistakes=mistakes,
        person_id=person_id,
        purposes=purposes(),
    )


def page(
    desk: Desk,
    request: Request,
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
) -> Response:
    """The officer's start page, as it is or with what was wrong in one of its forms."""
    officer = desk.officer(request)
    with desk.runtime.database.read() as uow:
        waiting = desk.register.proofing.waiting(uow)
        looks = second_looks.queue(uow)
        pairs = uniqueness.queue(uow)
        tasks = desk.register.corrections.queue(uow)
        own = two_people.own_cases(uow, officer, [look.person_id for look in looks])
    return desk.runtime.pages.render(
        request,
        "register/desk.html",
        mistakes=mistakes,
        typed=typed,
        purposes=purposes(),
        waiting=waiting,
        looks=looks,
        pairs=pairs,
        officer=officer.id,
        tasks=tasks,
        own=own,
        imports=desk.importer.recent(10),
    )
