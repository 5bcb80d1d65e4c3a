"""Every URL of the package, its specification beside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from device_registry.device_life import ASKED, DeviceLife
from device_registry.endpoints import changeover_pages, manage, own, pages
from device_registry.endpoints.calling import SCOPE
from device_registry.endpoints.questions import QUESTIONS
from foundation.web import Route

_API = "Civitas device registry API v1"
_PAGES = "Civitas operator's pages; WCAG 2.2"


def routes_of(life: DeviceLife) -> tuple[Route, ...]:
    return (*_api(life), *_pages(life))


def _managed(
    method: str, path: str, endpoint: Callable[..., Any], summary: str | None = None
) -> Route:
    """A route for those who manage devices; a POST that makes something answers 201."""
    options: dict[str, Any] = {
        "openapi_extra": {"security": [{"bearer": [SCOPE]}, {"session": ["operator"]}]}
    }
    if summary is not None:
        options["summary"] = summary
    elif method == "POST":
        options["status_code"] = 201
    return Route((method,), path, endpoint, _API, api=True, options=options)


def _api(life: DeviceLife) -> tuple[Route, ...]:
    every, one = "/devices/v1", "/devices/v1/{device_id}"
    return (
        # Before {device_id}, which would match it.
        Route(
            ("GET",),
            f"{every}/self",
            partial(own.own_device, life),
            "RFC 8705 §3",
            api=True,
            options={"openapi_extra": {"security": [{"bearer": [], "mutualTLS": []}]}},
        ),
        _managed("GET", every, partial(manage.list_devices, life)),
        _managed("POST", every, partial(manage.register_device, life)),
        _managed("GET", one, partial(manage.get_device, life)),
        _managed("POST", f"{one}/token", partial(manage.new_token, life)),
        _managed("POST", f"{one}/claim", partial(manage.claim_device, life)),
        _managed(
            "POST", f"{one}/approve", partial(manage.approve_device, life), "Approve a device"
        ),
        *(
            _managed(
                "POST",
                f"{one}/{act}",
                partial(manage.act_on_device, life, act),
                f"{act.capitalize()} a device",
            )
            for act in ASKED
        ),
    )


def _pages(life: DeviceLife) -> tuple[Route, ...]:
    one, change_overs = "/devices/{device_id}", changeover_pages.PATH
    return (
        Route(("GET",), "/devices", partial(pages.list_page, life), _PAGES),
        Route(("GET",), "/devices/new", partial(pages.form_page, life), _PAGES),
        Route(("POST",), "/devices/new", partial(pages.register, life), _PAGES),
        # Before {device_id}, which would match it.
        Route(("GET",), change_overs, partial(changeover_pages.list_page, life), _PAGES),
        Route(("POST",), change_overs, partial(changeover_pages.plan, life), _PAGES),
        Route(
            ("POST",),
            f"{change_overs}/{{change_over_id}}/act",
            partial(changeover_pages.act, life),
            _PAGES,
            asks_first=("undo",),
        ),
        Route(("GET",), one, partial(pages.detail_page, life), _PAGES),
        Route(
            ("POST",),
            f"{one}/act",
            partial(pages.act, life),
            _PAGES,
            asks_first=tuple(QUESTIONS),
        ),
        Route(("POST",), f"{one}/token", partial(pages.new_token, life), _PAGES),
        Route(("POST",), f"{one}/claim", partial(pages.claim, life), _PAGES),
        Route(("POST",), f"{one}/approve", partial(pages.approve, life), _PAGES),
    )
