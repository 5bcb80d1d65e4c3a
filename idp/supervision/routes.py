"""Doors of supervision: staff, services and incidents for operators."""

from __future__ import annotations

from functools import partial

from foundation.web import Door
from idp.supervision.endpoints import incidents, services, staff
from idp.supervision.wing import Supervision

_STAFF, _INCIDENT = "ITU-T X.1253 9.1-6", "ISO/IEC 27035-1 §5.5"
_SERVICE = "RFC 9700 §4.14"


def doors(supervision: Supervision) -> tuple[Door, ...]:
    on_services = (
        Door(("GET",), "/services", partial(services.services, supervision), _SERVICE),
        Door(("GET",), "/services/one", partial(services.service, supervision), _SERVICE),
        Door(("POST",), "/services/{act}", partial(services.act, supervision), _SERVICE),
        Door(
            ("POST",), "/incidents/person", partial(incidents.stop_person, supervision), _INCIDENT
        ),
    )
    return (
        Door(("GET",), "/staff", partial(staff.members, supervision), _STAFF),
        Door(("GET",), "/staff/{staff_id}", partial(staff.member, supervision), _STAFF),
        Door(("POST",), "/staff/{staff_id}/{act}", partial(staff.act, supervision), _STAFF),
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
        ),
        *(on_services if supervision.tokens is not None else ()),
    )
