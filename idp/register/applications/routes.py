"""Routes of applying online: the applicant's pages, and the officer's queue."""

from __future__ import annotations

from functools import partial

from foundation.web import Route
from idp.register.applications.application import REACH, TERMS, WAY, WHO
from idp.register.applications.endpoints import (
    contact_code,
    desk_case,
    desk_queue,
    filling,
    start,
    status,
)
from idp.register.applications.online import OnlineApplications

_APPLY = "ISO/IEC 29115:2013 §10.1.1"
_CONTACT = "NIST SP 800-63A §3.8"
_CASE = "/desk/applications/{number}"


def routes_of(online: OnlineApplications) -> tuple[Route, ...]:
    """None where nobody applies online."""
    if not online.settings.ways:
        return ()
    return (*_of_applicants(online), *_of_officers(online))


def _of_applicants(online: OnlineApplications) -> tuple[Route, ...]:
    return (
        Route(("GET",), "/apply", partial(start.show, online), _APPLY),
        Route(("GET",), "/apply/who", partial(filling.show, WHO, online), _APPLY),
        Route(("POST",), "/apply/who", partial(filling.save, WHO, online), _APPLY),
        Route(("GET",), "/apply/reach", partial(filling.show, REACH, online), _APPLY),
        Route(("POST",), "/apply/reach", partial(filling.save, REACH, online), _APPLY),
        Route(("GET",), "/apply/contact", partial(contact_code.show, online), _CONTACT),
        Route(("POST",), "/apply/contact", partial(contact_code.confirm, online), _CONTACT),
        Route(("GET",), "/apply/way", partial(filling.show, WAY, online), _APPLY),
        Route(("POST",), "/apply/way", partial(filling.choose, online), _APPLY),
        Route(("GET",), "/apply/terms", partial(filling.show, TERMS, online), _APPLY),
        Route(("POST",), "/apply/terms", partial(filling.agree, online), _APPLY),
        Route(("GET",), "/apply/check", partial(filling.check, online), _APPLY),
        Route(("POST",), "/apply/send", partial(filling.send, online), _APPLY),
        Route(("GET",), "/apply/resume", partial(start.show_resume, online), _APPLY),
        Route(("POST",), "/apply/resume", partial(start.resume, online), _APPLY),
        Route(("POST",), "/apply/leave", partial(start.leave, online), _APPLY),
        Route(("POST",), "/apply/code", partial(start.renew, online), _APPLY),
        Route(("GET",), "/apply/status", partial(status.show, online), _APPLY),
        Route(("POST",), "/apply/answer", partial(status.answer, online), _APPLY),
        Route(
            ("POST",),
            "/apply/withdraw",
            partial(status.withdraw, online),
            "GDPR art. 17",
            asks_first=("withdraw",),
        ),
    )


def _of_officers(online: OnlineApplications) -> tuple[Route, ...]:
    return (
        Route(("GET",), "/desk/applications", partial(desk_queue.show, online), _APPLY),
        Route(("POST",), "/desk/applications", partial(desk_queue.find, online), _APPLY),
        Route(("GET",), _CASE, partial(desk_case.show, online), _APPLY),
        Route(("POST",), f"{_CASE}/take", partial(desk_case.take, online), _APPLY),
        Route(("POST",), f"{_CASE}/return", partial(desk_case.give_back, online), _APPLY),
        Route(("POST",), f"{_CASE}/urgent", partial(desk_case.call_urgent, online), _APPLY),
        Route(("POST",), f"{_CASE}/ask", partial(desk_case.ask, online), _APPLY),
        Route(("POST",), f"{_CASE}/refuse", partial(desk_case.refuse, online), _APPLY),
        Route(("POST",), f"{_CASE}/enrol", partial(desk_case.enrol, online), _APPLY),
    )
