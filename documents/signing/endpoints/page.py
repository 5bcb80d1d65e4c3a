"""The page where a person sees what they are asked to sign, and answers — WCAG 2.2, eIDAS Art. 26.

It needs no script. What is shown is what is signed: a transaction never changes.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from documents.signing.ports import GoTo, Seen
from documents.signing.signing import Signing
from documents.signing.transaction import EXPIRED, REFUSED, SIGNED, WAITING, Transaction
from foundation import web
from foundation.errors import BadRequest, Forbidden
from foundation.marking import N_


def show(signing: Signing, request: Request) -> Response:
    """What is asked, or what came of it."""
    found = signing.find(request.path_params["transaction"])
    now = signing.runtime.clock.now()
    state = found.state_at(now)
    if state != WAITING:
        # Who has the link learns that, and nothing of the document.
        return _render(signing, request, found, state=state)
    seen = _seen(signing, request, found)
    if isinstance(seen, GoTo):
        return RedirectResponse(seen.path, 303, headers={"Cache-Control": "no-store"})
    return _render(
        signing,
        request,
        found,
        state=state,
        seen=seen,
        name=signing.parties.name_of(seen.person_id),
        too_low=seen.fresh and seen.level < found.level,
    )


def answer(signing: Signing, request: Request) -> Response:
    """Yes or no."""
    form = web.form(request)
    web.check_csrf(request, form)
    found = signing.find(request.path_params["transaction"])
    now = signing.runtime.clock.now()
    here = RedirectResponse(found.path, 303, headers={"Cache-Control": "no-store"})
    if found.state_at(now) != WAITING:
        return here  # a second click leads to what the first one did
    seen = _seen(signing, request, found)
    given = form.get("answer", "")
    if isinstance(seen, GoTo):
        return RedirectResponse(seen.path, 303, headers={"Cache-Control": "no-store"})
    if given == "refuse":
        signing.refuse(found, seen.person_id, now)
        return here
    if given != "sign":
        raise BadRequest(N_("Choose whether you sign or not."), where="answer")
    if not seen.fresh:
        # An older sign-in is no yes to this.
        return RedirectResponse(seen.prove, 303, headers={"Cache-Control": "no-store"})
    signing.sign(found, seen.person_id, seen.level, now)
    return here


def _seen(signing: Signing, request: Request, found: Transaction) -> Seen | GoTo:
    seen = signing.parties.seen(request, found.level, found.path)
    if isinstance(seen, Seen) and found.person_id not in (None, seen.person_id):
        raise Forbidden(
            N_("Somebody else is asked for this signature."),
            next_step=N_("Sign out, and sign in as the person whom the service asked."),
        )
    return seen


def _render(
    signing: Signing,
    request: Request,
    found: Transaction,
    *,
    state: str,
    seen: Seen | None = None,
    name: str = "",
    too_low: bool = False,
) -> Response:
    back = found.return_uri
    if back:
        mark = "&" if urlsplit(back).query else "?"
        back += mark + urlencode({"transaction": found.id})
    return signing.runtime.pages.render(
        request,
        "signing/sign.html",
        status=410 if state == EXPIRED else 200,
        leads_back=bool(back),
        service=signing.parties.service_name(found.service_id),
        transaction=found,
        state=state,
        seen=seen,
        name=name,
        too_low=too_low,
        back=back,
        ends_well=state in (SIGNED, REFUSED),
    )
