"""Pages of the account of staff: where their work is, and what they did — ISO/IEC 27002 8.15."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from foundation.audit import Actor
from foundation.audit.review import AuditReview, Entry, Wish
from idp.portal.endpoints.credentials import told
from idp.portal.sentences import OF_STAFF
from idp.portal.staff_account import StaffAccount
from idp.register import Subject

PAGE, LATEST = 50, 5


def home(account: StaffAccount, request: Request) -> Response:
    """Who they are here, where their work is, and what they did last."""
    staff_id = account.member(request)
    subject = Subject("staff", staff_id)
    with account.runtime.database.read() as uow:
        member = account.register.staff.member(uow, staff_id)
    return account.runtime.pages.render(
        request,
        "portal/work.html",
        base=account.base,
        member=member,
        sign_in_name=account.register.sign_in_name_of(subject) or "",
        credentials=len(account.login.management.list(subject)),
        acts=_acts(account, staff_id, "", LATEST),
        sentences=OF_STAFF,
        told=told(account, request),
    )


def acts(account: StaffAccount, request: Request) -> Response:
    """Everything that they did here, sign-ins included, newest first."""
    staff_id = account.member(request)
    before = web.query(request).get("before", "")[:64]
    found = _acts(account, staff_id, before, PAGE + 1)
    return account.runtime.pages.render(
        request,
        "portal/work_ledger.html",
        acts=found[:PAGE],
        older=found[PAGE - 1].id if len(found) > PAGE else "",
        sentences=OF_STAFF,
    )


def _acts(account: StaffAccount, staff_id: str, before: str, most: int) -> list[Entry]:
    actor = Actor("staff", staff_id)
    return AuditReview(account.runtime.audit).entries(Wish(by=actor, before=before), [actor], most)
