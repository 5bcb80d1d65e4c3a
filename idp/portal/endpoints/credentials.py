"""Ways to sign in: change the password, add and remove passkeys — ISO/IEC 29115 CM-8, CM-9."""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from foundation import web
from foundation.pages import Mistakes, Question, ask_first
from foundation.settings import Server
from idp.login import ChoiceRefused, ProveAgain, Session, SignInRefused
from idp.portal.ports import Account
from idp.register import WayBack


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


def change_password_here(account: Account, request: Request) -> Response:
    """Where a password manager sends its person — W3C Well-Known URL for Changing Passwords."""
    return RedirectResponse(f"{account.base}/credentials", 302)


def passkey_endpoints(account: Account, request: Request) -> Response:
    """Where passkeys are made and looked after — W3C Passkey Endpoints Well-Known URL."""
    here = account.runtime.settings.of(Server).url + f"{account.base}/credentials"
    answer = {"enroll": here, "manage": here}
    return JSONResponse(answer, headers={"Cache-Control": "public, max-age=3600"})


def show(account: Account, request: Request) -> Response:
    """What is bound to the person, and what may be done with it."""
    return _page(account, request)


def change_password(account: Account, request: Request) -> Response:
    """A new password, by proof of the present one."""
    session = account.session(request)
    person_id, form = account.posted(request)
    try:
        account.login.management.change_password(
            session,
            form.get("present", ""),
            form.get("chosen", ""),
            form.get("repeated", ""),
            web.client_network(request),
        )
    except ProveAgain:
        return RedirectResponse(_again(account), 303)
    except SignInRefused:
        mistakes = Mistakes()
        mistakes.add("present", WRONG)
        mistakes.extend(
            account.login.management.objections(
                session, form.get("chosen", ""), form.get("repeated", "")
            )
        )
        return _page(account, request, mistakes)
    except ChoiceRefused as refused:
        return _page(account, request, refused.mistakes)
    return RedirectResponse(account.after_change(person_id, f"{_here(account)}?done=password"), 303)


def remove(account: Account, request: Request) -> Response:
    """End one credential, not the last."""
    session = account.session(request)
    person_id, form = account.posted(request)
    if (asked := _ask(account, request, form, session, REMOVE)) is not None:
        return asked
    try:
        account.login.management.remove(session, request.path_params["credential_id"])
    except ProveAgain:
        return RedirectResponse(_again(account), 303)
    return RedirectResponse(account.after_change(person_id, f"{_here(account)}?done=removed"), 303)


def lost(account: Account, request: Request) -> Response:
    """Say that a means is lost: it ends after the delay, if its owner does not stop it."""
    session = account.session(request)
    _, form = account.posted(request)
    if (asked := _ask(account, request, form, session, LOST)) is not None:
        return asked
    try:
        account.login.management.ask_removal(session, request.path_params["credential_id"])
    except ProveAgain:
        return RedirectResponse(_again(account, "fresh"), 303)
    return RedirectResponse(f"{_here(account)}?done=lost", 303)


def lock(account: Account, request: Request) -> Response:
    """A means opens nothing from now on."""
    session = account.session(request)
    person_id, _ = account.posted(request)
    try:
        account.login.management.lock(session, request.path_params["credential_id"])
    except ProveAgain:
        return RedirectResponse(_again(account, "fresh"), 303)
    return RedirectResponse(account.after_change(person_id, f"{_here(account)}?done=locked"), 303)


def unlock(account: Account, request: Request) -> Response:
    """It opens again."""
    session = account.session(request)
    account.posted(request)
    try:
        account.login.management.unlock(session, request.path_params["credential_id"])
    except ProveAgain:
        return RedirectResponse(_again(account), 303)
    return RedirectResponse(f"{_here(account)}?done=unlocked", 303)


def was_not_me(account: Account, request: Request) -> Response:
    """Somebody else signed in: their session ends, and what it was opened with is locked."""
    session = account.session(request)
    person_id, _ = account.posted(request)
    account.login.management.was_not_me(session, request.path_params["notice_id"])
    return RedirectResponse(account.after_change(person_id, f"{_here(account)}?done=not-me"), 303)


def end_session(account: Account, request: Request) -> Response:
    """Sign out somewhere else."""
    session = account.session(request)
    account.posted(request)
    account.login.management.end_session(session, request.path_params["session_id"])
    return RedirectResponse(f"{_here(account)}?done=signed-out", 303)


def stop(account: Account, request: Request) -> Response:
    """Keep what somebody said to be lost."""
    session = account.session(request)
    account.posted(request)
    try:
        account.login.management.stop_removal(session, request.path_params["removal_id"])
    except ProveAgain:
        return RedirectResponse(_again(account), 303)
    return RedirectResponse(f"{_here(account)}?done=kept", 303)


def notices_seen(account: Account, request: Request) -> Response:
    """The person knows what was changed."""
    session = account.session(request)
    account.posted(request)
    try:
        account.login.management.notices_seen(session)
    except ProveAgain:
        return RedirectResponse(_again(account), 303)
    return RedirectResponse(_here(account), 303)


def told(account: Account, request: Request) -> list[tuple[datetime, str, str]]:
    """(instant, sentence, id) of all that was changed and not seen by the person yet; the id where
    one may say that it was somebody else."""
    translate = account.runtime.pages.translator(request)
    session = account.session(request)
    unseen = account.login.management.notices(session.subject)
    return [
        (
            notice.at,
            account.register.mailing.sentence(notice, translate),
            notice.id if notice.words.get("session") not in (None, session.id) else "",
        )
        for notice in unseen
    ]


def _here(account: Account) -> str:
    return f"{account.base}/credentials"


def _again(account: Account, how: str = "strongest") -> str:
    """To one more proof, of the strongest means or (`fresh`) of any, and back here."""
    return f"/sign-in?return_to={_here(account)}&{how}=1"


def _ask(
    account: Account, request: Request, form: web.Form, session: Session, question: Question
) -> Response | None:
    """What is not theirs, or is gone, is left to the act, which refuses it."""
    credential_id = request.path_params["credential_id"]
    bound = account.login.management.list(session.subject)
    found = next((one for one in bound if one.id == credential_id), None)
    if found is None or (question is REMOVE and not account.login.management.may_change(session)):
        return None
    return ask_first(
        account.runtime.pages,
        request,
        form,
        question,
        version=" ".join(sorted(one.id for one in bound)),
        back=_here(account),
        about=found.label,
    )


def recovery_of(account: Account, session: Session) -> WayBack | None:
    """The letter that was asked for by who says to be this person, and lost every means."""
    if session.subject.kind != "citizen":
        return None
    with account.runtime.database.read() as uow:
        return account.register.recoveries.of(uow, session.subject.id)


def _page(
    account: Account,
    request: Request,
    mistakes: Mistakes | None = None,
) -> Response:
    session = account.session(request)
    subject, codes = session.subject, account.login.codes
    return account.runtime.pages.render(
        request,
        "portal/credentials.html",
        base=account.base,
        mistakes=mistakes,
        credentials=account.login.management.list(session.subject),
        may_change=account.login.management.may_change(session),
        again=_again(account),
        known=account.login.management.passkeys_known(session.subject),
        sign_in_name=account.login.directory.name_of(session.subject) or "",
        removals={r.credential_id: r for r in account.login.management.removals(session.subject)},
        told=told(account, request),
        recovery=recovery_of(account, session),
        csrf=web.csrf_token(request),
        here=session.id,
        living=account.login.management.living(session),
        with_codes=subject.kind == "citizen",
        cards=account.login.cards.issuers.labels,
        card_left=codes.left_of_card(subject),
        card_ends=codes.ends_soon(subject),
        card_waits=codes.waiting_card(subject),
        recovery_left=codes.left_of_recovery(subject),
        done=request.query_params.get("done", ""),
    )
