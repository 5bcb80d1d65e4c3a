"""What a browser brings to a sign-in: its session, its address, its errand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request

from foundation import web
from foundation.pages import local_path

SESSION, KNOWN = "session", "known"
_LEVELS = ("1", "2", "3", "4")
_HANDLE = re.compile("[A-Za-z0-9_-]{8}")


@dataclass(frozen=True, slots=True)
class Errand:
    """Why somebody signs in: where they go afterwards, the level that is asked for, and whether
    an old session does not count (``prompt=login``, ``max_age``). Without a ``return_to`` they go
    to their own first page. ``leave_to``: where they go if they give up. ``strongest``: they want
    to change how they sign in, so the strongest means that is bound has to be shown anew.
    ``ui_locales``: the languages that the service asked the pages to be in. ``set_up``: which of
    the activations under way in this browser it is."""

    return_to: str = ""
    level: int = 1
    fresh: bool = False
    leave_to: str = ""
    strongest: bool = False
    ui_locales: str = ""
    set_up: str = ""

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Errand:
        """From a query string that anybody may have written."""
        level = query.get("level", "1")
        return cls(
            return_to=local_path(query.get("return_to"), ""),
            level=int(level) if level in _LEVELS else 1,
            fresh=query.get("fresh") == "1",
            leave_to=local_path(query.get("leave_to"), ""),
            strongest=query.get("strongest") == "1",
            ui_locales=query.get("ui_locales", "")[:200],
            set_up=set_up if _HANDLE.fullmatch(set_up := query.get("set_up", "")) else "",
        )

    @property
    def query(self) -> str:
        written = {"return_to": self.return_to} if self.return_to else {}
        if self.level > 1:
            written["level"] = str(self.level)
        if self.fresh:
            written["fresh"] = "1"
        if self.strongest:
            written["strongest"] = "1"
        if self.leave_to:
            written["leave_to"] = self.leave_to
        if self.ui_locales:
            written["ui_locales"] = self.ui_locales
        if self.set_up:
            written["set_up"] = self.set_up
        return urlencode(written)

    def path(self, path: str = "/sign-in") -> str:
        return f"{path}?{self.query}" if self.query else path


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a browser, as sign-in sees it. ``browser``: what is begun now is bound to it;
    ``browsers``: all by which it is known. ``token``: its session cookie, unverified."""

    browser: str
    browsers: tuple[str, ...]
    source: str
    token: str | None
    known: str | None
    errand: Errand
    device: str = ""

    @classmethod
    def of(cls, request: Request) -> Visit:
        return cls(
            browser=web.browser_id(request),
            browsers=web.browser_ids(request),
            source=web.client_network(request),
            token=web.cookie(request, SESSION),
            known=web.cookie(request, KNOWN),
            errand=Errand.parse(web.query(request)),
            device=device_of(request.headers.get("user-agent", "")),
        )


# Order decides: the later ones say the names of the earlier ones, too.
_BROWSERS = (
    ("Firefox/", "Firefox"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str) -> str:
    """A browser and its system as their owner knows them, such as "Firefox, Android"; in our words
    only, and nothing that would tell two of them apart. Empty for what we do not know."""
    found = (
        next((name for sign, name in table if sign in user_agent), "")
        for table in (_BROWSERS, _SYSTEMS)
    )
    return ", ".join(filter(None, found))
