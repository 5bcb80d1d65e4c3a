"""A person puts credentials into a wallet, sees what it holds, and ends it — GDPR art. 7."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from documents.credentials.credentials import Choice, Credentials
from documents.credentials.offer import title_of
from documents.credentials.ports import GoTo, Seen
from documents.locker import as_picture
from foundation import web
from foundation.errors import BadRequest, Forbidden, NotFound
from foundation.marking import N_
from foundation.pages import Question, ask_first

HERE = "/account/wallet"
_GIVE = "give."
_END = Question(
    N_("Shall these copies end?"),
    (N_("Nobody accepts them any more. The wallet has to get new ones, if you still use it."),),
    N_("End them"),
)


def show(credentials: Credentials, request: Request) -> Response:
    """What can be carried, and what wallets hold."""
    person_id = web.require(request, kind="citizen").id
    words = credentials.runtime.pages.translator(request)
    titles = {one.id: title_of(one, words) for one in credentials.known.values()}
    return credentials.runtime.pages.render(
        request,
        "credentials/wallet.html",
        wallets=credentials.wallets.known(),
        choices=[_shown(credentials, one, words) for one in credentials.choices(person_id)],
        held=[
            (batch, name, titles.get(batch.configuration, batch.configuration))
            for batch, name in credentials.held(person_id)
        ],
    )


def choose(credentials: Credentials, request: Request) -> Response:
    """What one credential is to say, and for which wallet; nothing is ticked in advance."""
    person_id = web.require(request, kind="citizen").id
    choice = _choice(credentials, person_id, web.query(request).required("credential"))
    seen = _seen(credentials, request, choice)
    if isinstance(seen, GoTo):
        return RedirectResponse(seen.path, 303)
    words = credentials.runtime.pages.translator(request)
    wallets = credentials.wallets.known()
    catalogue = credentials.policies.catalogue
    return credentials.runtime.pages.render(
        request,
        "credentials/offer.html",
        **_shown(credentials, choice, words),
        attributes=[
            (name, catalogue.label(name))
            for name in credentials.within(choice.configuration, seen.level)
        ],
        wallets=[(one, credentials.notice(one, words)) for one in wallets],
        purpose=catalogue.purposes["wallet"],
    )


def offer(credentials: Credentials, request: Request) -> Response:
    """Have it ready: a code to scan, a link for this device, and what the person types."""
    person_id = web.require(request, kind="citizen").id
    form = web.form(request)
    web.check_csrf(request, form)
    choice = _choice(credentials, person_id, form.required("credential"))
    seen = _seen(credentials, request, choice)
    if isinstance(seen, GoTo):
        return RedirectResponse(seen.path, 303)
    wallet = credentials.wallet(form.required("wallet"))
    words = credentials.runtime.pages.translator(request)
    notice = credentials.notice(wallet, words)
    if form.get(f"notice.{wallet.id}") != notice.digest.hex():
        raise BadRequest(
            N_("The notice changed since you opened this page."),
            next_step=N_("Open it again and read the new one."),
        )
    may = credentials.within(choice.configuration, seen.level)
    chosen = [name for name in may if f"{_GIVE}{name}" in form]
    ready = credentials.offer(seen, wallet, choice, chosen, notice, credentials.runtime.clock.now())
    return credentials.runtime.pages.render(
        request,
        "credentials/ready.html",
        **_shown(credentials, choice, words),
        wallet=wallet,
        ready=ready,
        picture=as_picture(ready.by_reference),
    )


def end(credentials: Credentials, request: Request) -> Response:
    """End copies that a wallet holds, after the page that asks."""
    person_id = web.require(request, kind="citizen").id
    form = web.form(request)
    web.check_csrf(request, form)
    batch_id = form.required("batch")
    asked = ask_first(credentials.runtime.pages, request, form, _END, version=batch_id, back=HERE)
    if asked is not None:
        return asked
    credentials.end(person_id, batch_id)
    return RedirectResponse(HERE, 303)


def _seen(credentials: Credentials, request: Request, choice: Choice) -> Seen | GoTo:
    """The person, at the level that this needs. Raises Forbidden where nothing of it may leave."""
    here = f"{HERE}/offer?{urlencode({'credential': choice.key})}"
    level = credentials.level_of(choice.configuration)
    seen = credentials.wallets.seen(request, level, here)
    if isinstance(seen, Seen) and not credentials.within(choice.configuration, seen.level):
        raise Forbidden(
            N_("This can be carried once it is surer who you are."),
            next_step=N_("Add a stronger way to sign in, or show your papers at the registration "
                         "office; your account says which level you have."),
        )  # fmt: skip
    return seen


def _choice(credentials: Credentials, person_id: str, key: str) -> Choice:
    found = next((one for one in credentials.choices(person_id) if one.key == key), None)
    if found is None:
        raise NotFound(N_("You have nothing of this kind to carry."))
    return found


def _shown(credentials: Credentials, choice: Choice, words: Any) -> dict[str, Any]:
    kind = choice.configuration.kind
    issuer = credentials.locker.kinds.issuers[kind.issuer].name_in(words.language) if kind else ""
    content = choice.document.content if choice.document is not None else None
    return {
        "key": choice.key,
        "title": title_of(choice.configuration, words),
        "issuer": issuer,
        "number": content.number if content is not None else "",
    }
