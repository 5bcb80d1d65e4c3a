"""Doors of supervision: staff, services and incidents for operators, the record for auditors."""

from __future__ import annotations

from functools import partial

from foundation.web import Door
from idp.supervision.endpoints import auditor, exports, incidents, registering, services, staff
from idp.supervision.wing import Supervision

_STAFF, _INCIDENT = "ITU-T X.1253 9.1-6", "ISO/IEC 27035-1 §5.5"
_REGISTER, _MANAGE = "RFC 7591", "RFC 7592 §2.2, §2.3"
_SERVICE, _AUDIT = "RFC 9700 §4.14", "ISO/IEC 27002 8.15"


def doors(supervision: Supervision) -> tuple[Door, ...]:
    on_services = (
        Door(("GET",), "/services/add", partial(registering.ask_new, supervision), _REGISTER),
        Door(("POST",), "/services/add", partial(registering.add, supervision), _REGISTER),
        Door(("GET",), "/services/change", partial(registering.ask_change, supervision), _MANAGE),
        Door(
            ("POST",),
            "/services/change",
            partial(registering.change, supervision),
            _MANAGE,
            asks_first=("change",),
        ),
        Door(
            ("POST",),
            "/services/remove",
            partial(registering.remove, supervision),
            _MANAGE,
            asks_first=("remove",),
        ),
        Door(("GET",), "/services", partial(services.services, supervision), _SERVICE),
        Door(("GET",), "/services/one", partial(services.service, supervision), _SERVICE),
        Door(("POST",), "/services/{act}", partial(services.act, supervision), _SERVICE),
        Door(
            ("POST",), "/incidents/person", partial(incidents.stop_person, supervision), _INCIDENT
        ),
    )
    on_desk = (
        Door(("GET",), "/auditor/decisions", partial(auditor.decisions, supervision), _AUDIT),
        Door(("GET",), "/auditor/officers", partial(auditor.officers, supervision), _STAFF),
    )
    return (
        Door(("GET",), "/staff", partial(staff.members, supervision), _STAFF),
        Door(("GET",), "/staff/{staff_id}", partial(staff.member, supervision), _STAFF),
        Door(
            ("POST",),
            "/staff/{staff_id}/{act}",
            partial(staff.act, supervision),
            _STAFF,
            asks_first=("end", "freeze"),
        ),
        Door(
            ("POST",),
            "/staff/recoveries/{recovery_id}/agree",
            partial(staff.agree, supervision),
            _STAFF,
        ),
        Door(("GET",), "/incidents", partial(incidents.show, supervision), _INCIDENT),
        Door(
            ("POST",),
            "/incidents/everybody",
            partial(incidents.stop_everybody, supervision),
            _INCIDENT,
            asks_first=("everybody",),
        ),
        Door(("GET",), "/auditor", partial(auditor.home, supervision), _AUDIT),
        Door(("GET",), "/auditor/events", partial(auditor.events, supervision), _AUDIT),
        Door(("GET",), "/auditor/events/{event_id}", partial(auditor.event, supervision), _AUDIT),
        Door(("POST",), "/auditor/export", partial(exports.export, supervision), _AUDIT),
        *(on_desk if supervision.has_desk else ()),
        *(on_services if supervision.has_services else ()),
    )
