"""Ways to sign in: change the password, add and remove passkeys — ISO/IEC 29115 CM-8, CM-9."""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.pages import Mistakes, Question, ask_first
from idp.login import ChoiceRefused, ProveAgain, Session, SignInRefused
from idp.portal.wing import Portal

HERE = "/account/credentials"
AGAIN = f"/sign-in?return_to={HERE}&strongest=1"
ANEW = f"/sign-in?return_to={HERE}&fresh=1"


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "extract, do not translate yet"
    return message


REMOVE = Question(
    N_("Remove this way to sign in?"),
    (
        N_("You cannot sign in with it any more."),
        N_("Where you are signed in with it, you are signed out."),
    ),
    N_("Yes, remove it"),
)
LOST = Question(
    N_("Have you lost it?"),
    (
        N_("It is removed after a few days. Until then you can say here that you keep it."),
        N_("We tell you on another way, too, so that nobody else can do this for you."),
    ),
    N_("Yes, I have lost it"),
)
WRONG = N_("This is not your present password.")


def show(portal: Portal, request: Request) -> Response:
    """What is bound to the person, and what may be done with it."""
    return _page(portal, request)


def change_password(portal: Portal, request: Request) -> Response:
    """A new password, by proof of the present one."""
    session = portal.session(request)
    person_id, form = portal.posted(request)
    try:
        portal.login.management.change_password(
            session,
            form.get("present", ""),
            form.get("chosen", ""),
            form.get("repeated", ""),
            web.client_network(request),
        )
    except ProveAgain:
        return RedirectResponse(AGAIN, 303)
    except SignInRefused:
        mistakes = Mistakes()
        mistakes.add("present", WRONG)
        mistakes.extend(
            portal.login.management.objections(
                session, form.get("chosen", ""), form.get("repeated", "")
            )
        )
        return _page(portal, request, mistakes)
    except ChoiceRefused as refused:
        return _page(portal, request, refused.mistakes)
    return RedirectResponse(portal.after_change(person_id, f"{HERE}?done=password"), 303)


def remove(portal: Portal, request: Request) -> Response:
    """End one credential, not the last."""
    session = portal.session(request)
    person_id, form = portal.posted(request)
    if (asked := _ask(portal, request, form, session, REMOVE)) is not None:
        return asked
    try:
        portal.login.management.remove(session, request.path_params["credential_id"])
    except ProveAgain:
        return RedirectResponse(AGAIN, 303)
    return RedirectResponse(portal.after_change(person_id, f"{HERE}?done=removed"), 303)


def lost(portal: Portal, request: Request) -> Response:
    """Say that a means is lost: it ends after the delay, if its owner does not stop it."""
    session = portal.session(request)
    _, form = portal.posted(request)
    if (asked := _ask(portal, request, form, session, LOST)) is not None:
        return asked
    try:
        portal.login.management.ask_removal(session, request.path_params["credential_id"])
    except ProveAgain:
        return RedirectResponse(ANEW, 303)
    return RedirectResponse(f"{HERE}?done=lost", 303)


def stop(portal: Portal, request: Request) -> Response:
    """Keep what somebody said to be lost."""
    session = portal.session(request)
    portal.posted(request)
    try:
        portal.login.management.stop_removal(session, request.path_params["removal_id"])
    except ProveAgain:
        return RedirectResponse(AGAIN, 303)
    return RedirectResponse(f"{HERE}?done=kept", 303)


def notices_seen(portal: Portal, request: Request) -> Response:
    """The person knows what was changed."""
    session = portal.session(request)
    portal.posted(request)
    try:
        portal.login.management.notices_seen(session)
    except ProveAgain:
        return RedirectResponse(AGAIN, 303)
    return RedirectResponse(HERE, 303)


def told(portal: Portal, request: Request) -> list[tuple[datetime, str]]:
    """(instant, sentence) of all that was changed and not seen by the person yet."""
    translate = portal.ground.pages.translator(request)
    unseen = portal.login.management.notices(portal.session(request).subject)
    return [(n.at, portal.register.mailing.sentence(n, translate)) for n in unseen]


def _ask(
    portal: Portal, request: Request, form: web.Form, session: Session, question: Question
) -> Response | None:
    """What is not theirs, or is gone, is left to the act, which refuses it."""
    credential_id = request.path_params["credential_id"]
    bound = portal.login.management.list(session.subject)
    found = next((one for one in bound if one.id == credential_id), None)
    if found is None or (question is REMOVE and not portal.login.management.may_change(session)):
        return None
    return ask_first(
        portal.ground.pages,
        request,
        form,
        question,
        version=" ".join(sorted(one.id for one in bound)),
        back=HERE,
        about=found.label,
    )


def _page(
    portal: Portal,
    request: Request,
    mistakes: Mistakes | None = None,
) -> Response:
    session = portal.session(request)
    return portal.ground.pages.render(
        request,
        "portal/credentials.html",
        mistakes=mistakes,
        credentials=portal.login.management.list(session.subject),
        may_change=portal.login.management.may_change(session),
        again=AGAIN,
        removals={r.credential_id: r for r in portal.login.management.removals(session.subject)},
        told=told(portal, request),
        csrf=web.csrf_token(request),
        done=request.query_params.get("done", ""),
    )
