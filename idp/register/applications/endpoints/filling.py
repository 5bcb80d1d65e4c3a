"""The steps of an application: each is a page, and saved on the server when it is sent — EN-1."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import opaque, web
from foundation.errors import SeeOther, TooManyRequests
from foundation.marking import Sentence
from foundation.pages import N_, Mistakes
from idp.register.applications.application import (
    CHECK,
    DRAFT,
    FIELDS_OF,
    REACH,
    STEPS,
    TERMS,
    WAY,
    WHO,
    Application,
    missing,
)
from idp.register.applications.application import LABELS as LABELS_OF
from idp.register.applications.applying import Elsewhere, NotOpen
from idp.register.applications.endpoints.contact_code import send_code
from idp.register.applications.endpoints.page import (
    MENDED,
    STATUS,
    draft,
    mine,
    path_of,
    posted,
    render,
    written,
)
from idp.register.applications.online import OnlineApplications
from idp.register.profile import Profile
from idp.register.profile_form import HINTS, LABELS, MUST, profile_of

CHOOSE = N_("Choose one of the ways.")
AGREE = N_("Without your agreement the office may not work with your data.")
CHANGED = N_("You saved this step on another device, or in another tab, meanwhile.")
COMPARE = N_(
    "Below is what you typed here. Send it again to put it in the place of what you saved there."
)
TOO_MANY = N_("Too many applications were begun from your network.")
AUTOCOMPLETE = {
    "given_name": "given-name",
    "family_name": "family-name",
    "birthdate": "bday",
    "street_address": "street-address",
    "postal_code": "postal-code",
    "locality": "address-level2",
    "region": "address-level1",
    "country": "country",
    "email": "email",
    "phone_number": "tel",
}
OWN_HINTS = {
    "civil_number": N_("It is on your identity card, passport or birth certificate."),
    "birthdate": HINTS["birthdate"],
    "country": HINTS["country"],
    "phone_number": HINTS["phone_number"],
    "given_name": HINTS["given_name"],
}


def show(step: str, online: OnlineApplications, request: Request) -> Response:
    """The page of one step, with what was saved; the first one begins a draft when it is sent."""
    now = online.runtime.clock.now()
    if step != WHO:
        return _page(online, request, step, draft(online, request, now))
    found = mine(online, request, now)
    if found is not None and found.state != DRAFT:
        raise SeeOther(STATUS)
    page = _page(online, request, step, found)
    if found is None:
        # Before anything is sent: whose answer is lost finds what they wrote all the same.
        online.applying.accesses.keep(page, request, _given(online, request), 0)
    return page


def save(step: str, online: OnlineApplications, request: Request) -> Response:
    """Keep what a step with fields says, and go on to the next one."""
    form, now = posted(request), online.runtime.clock.now()
    found = _of_form(step, online, request)
    mistakes = _faults(step, online, form)
    if mistakes:
        return _page(online, request, step, found, mistakes, form)
    if found is None:
        source = web.client_network(request)
        try:
            found = online.applying.begin(_given(online, request), source, now)
        except NotOpen:
            response = RedirectResponse(path_of(WHO), 303)
            online.applying.accesses.leave(response, request)
            return response
        except TooManyRequests as full:
            mistakes = Mistakes(full.status)
            mistakes.add("", TOO_MANY, N_(MENDED, seconds=full.retry_after))
            page = _page(online, request, step, None, mistakes, form)
            page.headers.update(full.headers)
            return page
    values = {name: form.get(name, "") for name in FIELDS_OF[step]}
    try:
        online.applying.save(found, step, values, _seen(form), now)
    except Elsewhere as elsewhere:
        mistakes = Mistakes(elsewhere.status)
        mistakes.add("", CHANGED, COMPARE)
        return _page(online, request, step, found, mistakes, form)
    onward = send_code(online, request, found, now) if step == REACH else path_of(_next(step))
    response = RedirectResponse(onward, 303)
    online.applying.accesses.keep(response, request, found.id, found.access)
    return response


def choose(online: OnlineApplications, request: Request) -> Response:
    """The way."""
    form, now = posted(request), online.runtime.clock.now()
    found = draft(online, request, now)
    if form.get("way") not in [offer.way.id for offer in online.offers(now)]:
        mistakes = Mistakes()
        mistakes.add("way", CHOOSE)
        return _page(online, request, WAY, found, mistakes, form)
    online.applying.choose(found, form["way"], now)
    return RedirectResponse(path_of(TERMS), 303)


def agree(online: OnlineApplications, request: Request) -> Response:
    """The terms and the notice, by the versions that the page showed."""
    form, now = posted(request), online.runtime.clock.now()
    found, versions = draft(online, request, now), online.applying.versions
    shown = (form.get("terms_version"), form.get("notice_version"))
    if form.get("agree") != "yes" or shown != (versions.terms, versions.notice):
        mistakes = Mistakes()
        mistakes.add("agree", AGREE)
        return _page(online, request, TERMS, found, mistakes, form)
    policy = online.register.proofing.current_policy(now)
    online.applying.agree(found, policy.version, now)
    return RedirectResponse(path_of(CHECK), 303)


def check(online: OnlineApplications, request: Request) -> Response:
    """All that was written, to be read once more."""
    return _check_page(online, request, draft(online, request, online.runtime.clock.now()))


def send(online: OnlineApplications, request: Request) -> Response:
    """To the office: once, however often the button is pressed."""
    posted(request)
    now = online.runtime.clock.now()
    found = mine(online, request, now)
    if found is not None and found.state != DRAFT:
        return RedirectResponse(STATUS, 303)
    found = draft(online, request, now)
    parts, saved = written(online, found)
    mistakes = Mistakes()
    if lacks := missing(found, saved, online.applying.versions):
        label = Sentence(LABELS_OF[lacks[0]], {})
        mistakes.add("", N_("Something is missing still: %(step)s.", step=label))
    elif _profile(online, parts, mistakes) is not None and online.applying.send(found, now):
        return RedirectResponse(f"{STATUS}?done=sent", 303)
    return _check_page(online, request, found, mistakes)


def _given(online: OnlineApplications, request: Request) -> str:
    """The id under which this browser begins an application: that of its cookie, or a new one."""
    given = online.applying.accesses.of(request)
    return given.application_id if given and given.access == 0 else opaque.identifier("apn")


def _of_form(step: str, online: OnlineApplications, request: Request) -> Application | None:
    """The draft that a form is about: none for the first step of a new one."""
    now = online.runtime.clock.now()
    if step != WHO:
        return draft(online, request, now)
    found = mine(online, request, now)
    if found is not None and found.state != DRAFT:
        raise SeeOther(STATUS)
    return found


def _next(step: str) -> str:
    return STEPS[STEPS.index(step) + 1]


def _seen(form: web.Form) -> int:
    seen = form.get("seen", "0")
    return int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 9 else 0


def _faults(step: str, online: OnlineApplications, form: web.Form) -> Mistakes:
    """What is wrong in the fields of this step, by the rules of the register."""
    here = {name: form.get(name, "") for name in FIELDS_OF[step]}
    all_, told = Mistakes(), Mistakes()
    profile_of(online.register, here, all_)
    for mistake in all_:
        if mistake.field in FIELDS_OF[step]:
            told.add(mistake.field, mistake.sentence, mistake.next_step, mistake.values)
    return told


def _profile(
    online: OnlineApplications, parts: Mapping[str, Mapping[str, str]], mistakes: Mistakes
) -> Profile | None:
    texts = {**parts.get(WHO, {}), **parts.get(REACH, {})}
    return profile_of(online.register, texts, mistakes)


def _page(
    online: OnlineApplications,
    request: Request,
    step: str,
    found: Application | None,
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
) -> Response:
    parts, versions = written(online, found)
    pages = online.runtime.pages
    blank = {
        "country": online.register.jurisdiction.country,
        "locale": pages.translator(request).language,
    }
    return render(
        online,
        request,
        f"{step}.html" if step in (WAY, TERMS) else "fields.html",
        found,
        step,
        mistakes,
        typed,
        fields=FIELDS_OF.get(step, ()),
        labels=LABELS,
        hints=OWN_HINTS,
        must=MUST,
        autocomplete=AUTOCOMPLETE,
        values=parts.get(step) or blank,
        speaks=[(one.language, one.name) for one in pages.words.languages],
        seen=versions.get(step, 0),
        offers=online.offers(online.runtime.clock.now()),
        versions=online.applying.versions,
        terms_of=online.settings,
    )


def _check_page(
    online: OnlineApplications,
    request: Request,
    found: Application,
    mistakes: Mistakes | None = None,
) -> Response:
    parts, saved = written(online, found)
    lacks = missing(found, saved, online.applying.versions)
    wrong = mistakes if mistakes is not None else Mistakes()
    profile = _profile(online, parts, Mistakes()) if not {WHO, REACH} & set(lacks) else None
    chosen = next(
        (o for o in online.offers(online.runtime.clock.now()) if o.way.id == found.way), None
    )
    return render(
        online,
        request,
        "check.html",
        found,
        CHECK,
        wrong,
        parts=parts,
        profile=profile,
        lacks=lacks,
        labels=LABELS,
        fields_of=FIELDS_OF,
        chosen=chosen,
        confirmed=online.contacts.is_of(found, parts.get(REACH, {}).get("email", "")),
    )
