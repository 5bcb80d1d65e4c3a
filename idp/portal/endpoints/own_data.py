"""Your data: all that is held, by whose word; change how to reach you, say what is wrong.

GDPR art. 15, 16, 19. A change needs the strongest means, shown a moment ago (decision 19), and is
told to the old address.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.pages import Mistakes
from foundation.web import Form
from idp.portal import data, ledger
from idp.portal.portal import Portal
from idp.register import FIELD_HINTS, FIELD_LABELS, profile_of, texts_of

HERE = "/account/data"
AGAIN = f"/sign-in?return_to={HERE}&strongest=1"


def show(portal: Portal, request: Request) -> Response:
    """The page."""
    return _page(portal, request)


def change(portal: Portal, request: Request) -> Response:
    """New ways to reach the person, by themselves."""
    session = portal.session(request)
    person_id, form = portal.posted(request)
    if not portal.login.management.may_change(session):
        return RedirectResponse(AGAIN, 303)
    mistakes, now, register = Mistakes(), portal.runtime.clock.now(), portal.register
    own = register.corrections.policy.own()
    with portal.runtime.database.read() as uow:
        texts = texts_of(register.profile(uow, person_id))
    typed = {**texts, **{name: form.get(name, "") for name in own}}
    after = profile_of(register, typed, mistakes)
    if after is not None:
        with mistakes.noting(own[0]), portal.runtime.database.write() as uow:
            register.corrections.make_own(uow, person_id, after, now)
    if mistakes:
        return _page(portal, request, mistakes, form)
    return RedirectResponse(f"{HERE}?done=changed", 303)


def wrong(portal: Portal, request: Request) -> Response:
    """Something else is wrong: a task for the desk."""
    portal.session(request)
    person_id, form = portal.posted(request)
    mistakes, now = Mistakes(), portal.runtime.clock.now()
    with mistakes.noting("reason"), portal.runtime.database.write() as uow:
        portal.register.corrections.ask(uow, person_id, form.get("reason", ""), now)
    if mistakes:
        return _page(portal, request, mistakes, form)
    return RedirectResponse(f"{HERE}?done=asked", 303)


def _page(
    portal: Portal, request: Request, mistakes: Mistakes | None = None, typed: Form | None = None
) -> Response:
    session, person_id = portal.session(request), portal.citizen(request)
    translate = portal.runtime.pages.translator(request)
    with portal.runtime.database.read() as uow:
        profile = portal.register.profile(uow, person_id)
        corrections = portal.register.corrections.of(uow, person_id)
    entries = ledger.whole(portal, person_id)
    enrolled, corrected = data.origins(entries)
    names = portal.service_names(portal.policies.consent.list(person_id))
    known = portal.register.proofing.current_policy(portal.runtime.clock.now()).sources
    return portal.runtime.pages.render(
        request,
        "portal/data.html",
        mistakes=mistakes,
        typed=typed,
        values=texts_of(profile),
        labels=FIELD_LABELS,
        hints=FIELD_HINTS,
        own=portal.register.corrections.policy.own(),
        may_change=portal.login.management.may_change(session),
        again=AGAIN,
        enrolled=enrolled,
        corrected=corrected,
        source_labels={source.id: source.label for source in known.values()},
        open_tasks=[one for one in corrections if one.state in ("asked", "waiting")],
        learned=[
            (
                portal.service_name(one.service, names),
                portal.attribute_label(one.attribute, translate),
                one,
            )
            for one in data.learned(entries)
        ],
        done=request.query_params.get("done", ""),
    )
