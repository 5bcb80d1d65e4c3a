"""Routes of supervision: staff, services and incidents for operators, the record for auditors."""

from __future__ import annotations

from functools import partial

from foundation.web import Route
from idp.supervision.endpoints import (
    auditor,
    exports,
    incidents,
    registering,
    services,
    staff,
    testers,
)
from idp.supervision.supervision import Supervision

_STAFF, _INCIDENT = "ITU-T X.1253 9.1-6", "ISO/IEC 27035-1 §5.5"
_REGISTER, _MANAGE = "RFC 7591", "RFC 7592 §2.2, §2.3"
_SERVICE, _AUDIT = "RFC 9700 §4.14", "ISO/IEC 27002 8.15"


def routes_of(supervision: Supervision) -> tuple[Route, ...]:
    on_services = (
        Route(("GET",), "/services/add", partial(registering.ask_new, supervision), _REGISTER),
        Route(("POST",), "/services/add", partial(registering.add, supervision), _REGISTER),
        Route(("GET",), "/services/change", partial(registering.ask_change, supervision), _MANAGE),
        Route(
            ("POST",),
            "/services/change",
            partial(registering.change, supervision),
            _MANAGE,
            asks_first=("change",),
        ),
        Route(
            ("POST",),
            "/services/remove",
            partial(registering.remove, supervision),
            _MANAGE,
            asks_first=("remove",),
        ),
        Route(("GET",), "/services", partial(services.services, supervision), _SERVICE),
        Route(("GET",), "/services/one", partial(services.service, supervision), _SERVICE),
        *(
            (
                Route(("GET",), "/services/testers", partial(testers.show, supervision), _REGISTER),
                Route(("POST",), "/services/testers", partial(testers.act, supervision), _REGISTER),
            )
            if supervision.parts.developers is not None
            else ()
        ),
        Route(("POST",), "/services/{act}", partial(services.act, supervision), _SERVICE),
        Route(
            ("POST",), "/incidents/person", partial(incidents.stop_person, supervision), _INCIDENT
        ),
    )
    on_desk = (
        Route(("GET",), "/auditor/decisions", partial(auditor.decisions, supervision), _AUDIT),
        Route(("GET",), "/auditor/officers", partial(auditor.officers, supervision), _STAFF),
    )
    return (
        Route(("GET",), "/staff", partial(staff.members, supervision), _STAFF),
        Route(("GET",), "/staff/{staff_id}", partial(staff.member, supervision), _STAFF),
        Route(
            ("POST",),
            "/staff/{staff_id}/{act}",
            partial(staff.act, supervision),
            _STAFF,
            asks_first=("end", "freeze"),
        ),
        Route(
            ("POST",),
            "/staff/recoveries/{recovery_id}/agree",
            partial(staff.agree, supervision),
            _STAFF,
        ),
        Route(("GET",), "/incidents", partial(incidents.show, supervision), _INCIDENT),
        Route(
            ("POST",),
            "/incidents/everybody",
            partial(incidents.stop_everybody, supervision),
            _INCIDENT,
            asks_first=("everybody",),
        ),
        Route(("GET",), "/auditor", partial(auditor.home, supervision), _AUDIT),
        Route(
            ("GET",), "/auditor/controls", partial(auditor.controls, supervision), "ISO/IEC 29115"
        ),
        Route(("GET",), "/auditor/events", partial(auditor.events, supervision), _AUDIT),
        Route(("GET",), "/auditor/events/{event_id}", partial(auditor.event, supervision), _AUDIT),
        Route(
            ("POST",),
            "/auditor/export",
            partial(exports.export, supervision),
            _AUDIT,
            in_thread="writes a file of many events",
        ),
        *(on_desk if supervision.has_desk else ()),
        *(on_services if supervision.has_services else ()),
    )
