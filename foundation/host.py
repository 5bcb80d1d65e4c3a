"""Whom a request is for, said once — RFC 9112 §3.2, RFC 9110 §7.2.

Two proxies that read two Host lines differently send one request to two places. We build nothing
from what is said here; addresses of ours come from the settings.
"""

from __future__ import annotations

import re

from starlette.types import Scope

from foundation.errors import BadRequest

# RFC 3986 §3.2.2: a name or an address, never empty in http (RFC 9110 §4.2.1), and a port.
_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]+|\[[\w:.%~-]+\])(?::\d*)?", re.ASCII)


def check_host(scope: Scope) -> None:
    """Raises BadRequest unless the request names its host as HTTP wants it."""
    named = [value for name, value in scope["headers"] if name == b"host"]
    if not named and scope.get("http_version") == "1.0":
        return  # it knew no such header
    if len(named) == 1 and _HOST.fullmatch(named[0]):
        return
    if len(named) == 1:
        wrong = "The Host header is not a host name or an address, with or without a port."
    else:
        wrong = "The Host header is missing." if not named else "There are several Host headers."
    raise BadRequest(wrong, where="Host", next_step="Send one: the host of the address you ask.")
