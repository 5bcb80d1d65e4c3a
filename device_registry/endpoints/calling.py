"""Who may manage devices: staff with the role operator, or a service with `devices:manage`."""

from __future__ import annotations

from starlette.requests import Request

from device_registry import device, identifiers
from device_registry.device import Owner
from device_registry.identifiers import Identifier
from foundation import web
from foundation.audit import Actor
from foundation.errors import Unprocessable

SCOPE = "devices:manage"


def manager(request: Request) -> Actor:
    """The caller of the JSON interface, as the audit names it."""
    caller = web.require(request, kind=("staff", "service"), role="operator", scope=SCOPE)
    if caller.kind == "staff" and request.method != "GET":
        # Staff come with a cookie, so their writes must come from a page of ours.
        web.check_csrf(request, {})
    return Actor("staff" if caller.kind == "staff" else "service", caller.id)


def operator(request: Request) -> Actor:
    """The caller of a page."""
    return Actor("staff", web.require(request, kind="staff", role="operator").id)


def posted(request: Request) -> tuple[Actor, web.Form]:
    """The caller of a page, and the form that a page of ours sent."""
    actor, form = operator(request), web.form(request)
    web.check_csrf(request, form)
    return actor, form


def owner_of(kind: str, name: str) -> Owner:
    """Raises Unprocessable, which names the field."""
    try:
        return device.owner(kind, name)
    except ValueError as error:
        raise Unprocessable(
            str(error), where="owner", next_step="Name the owner as the sentence says."
        ) from error


def identifier_of(scheme: str, value: str) -> Identifier:
    """Raises Unprocessable, which names the field."""
    try:
        return identifiers.parse(scheme, value)
    except ValueError as error:
        raise Unprocessable(
            str(error), where=f"identifiers.{scheme[:16]}", next_step="Correct the identifier."
        ) from error


def label_of(value: str) -> str:
    """One line of printable text. Raises Unprocessable."""
    label = " ".join(value.split())
    if not label or len(label) > 120 or not label.isprintable():
        raise Unprocessable(
            "A label is one line of 120 characters at most.",
            where="label",
            next_step="Write what the device is and where, such as: Lamp 114, Harbour Street.",
        )
    return label


def reason_of(value: str) -> str:
    """One line of printable text. Raises Unprocessable."""
    reason = " ".join(value.split())
    if not reason or len(reason) > 300 or not reason.isprintable():
        raise Unprocessable(
            "A reason is one line of 300 characters at most.",
            where="reason",
            next_step="Write why, for whoever reads the device's history.",
        )
    return reason
