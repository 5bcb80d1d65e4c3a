"""Every URL of the wing, its specification beside it."""

from __future__ import annotations

from functools import partial

from device_registry.device_life import ASKED, DeviceLife
from device_registry.endpoints import manage, own, pages
from foundation.web import Door

_API = "Civitas device registry API v1"
_PAGES = "Civitas operator's pages; WCAG 2.2"


def doors(life: DeviceLife) -> tuple[Door, ...]:
    return (*_api(life), *_pages(life))


def _api(life: DeviceLife) -> tuple[Door, ...]:
    one = "/devices/v1/{device_id}"
    acts = tuple(
        Door(
            ("POST",),
            f"{one}/{act}",
            partial(manage.act_on_device, life, act),
            _API,
            api=True,
            options={"summary": f"{act.capitalize()} a device"},
        )
        for act in ASKED
    )
    return (
        # Before {device_id}, which would match it.
        Door(("GET",), "/devices/v1/self", partial(own.own_device, life), "RFC 8705 §3", api=True),
        Door(("GET",), "/devices/v1", partial(manage.list_devices, life), _API, api=True),
        Door(
            ("POST",),
            "/devices/v1",
            partial(manage.register_device, life),
            _API,
            api=True,
            options={"status_code": 201},
        ),
        Door(("GET",), one, partial(manage.get_device, life), _API, api=True),
        Door(
            ("POST",),
            f"{one}/token",
            partial(manage.new_token, life),
            _API,
            api=True,
            options={"status_code": 201},
        ),
        Door(
            ("POST",),
            f"{one}/claim",
            partial(manage.claim_device, life),
            _API,
            api=True,
            options={"status_code": 201},
        ),
        *acts,
    )


def _pages(life: DeviceLife) -> tuple[Door, ...]:
    one = "/devices/{device_id}"
    return (
        Door(("GET",), "/devices", partial(pages.list_page, life), _PAGES),
        Door(("GET",), "/devices/new", partial(pages.form_page, life), _PAGES),
        Door(("POST",), "/devices/new", partial(pages.register, life), _PAGES),
        Door(("GET",), one, partial(pages.detail_page, life), _PAGES),
        Door(("POST",), f"{one}/act", partial(pages.act, life), _PAGES),
        Door(("POST",), f"{one}/token", partial(pages.new_token, life), _PAGES),
        Door(("POST",), f"{one}/claim", partial(pages.claim, life), _PAGES),
    )
