"""A file that declares services: read, with the place of each fault — RFC 7591 §2.

TOML, or JSON of the same shape: `set`, a name for the file, and `[clients.NAME]` for each service,
with the members of RFC 7591. `for` and `url` take what a well-known program needs from its kit.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foundation.errors import CivitasError, Unprocessable
from idp.oauth import Kit, kit

SIGN_IN = "identity.sign-in"
_SET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OURS = ("dev-", "dev_")
MOST_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Misstep:
    """What is wrong, and where in the file; `line` is 0 where it is not known."""

    place: str
    line: int
    what: str

    def said(self) -> str:
        line = f"line {self.line}, " if self.line else ""
        return f"{line}{self.place}: {self.what}"


class FaultyFile(Unprocessable):
    """Nothing of the file is done; `faults` are all that was found."""

    def __init__(self, faults: Sequence[Misstep]) -> None:
        super().__init__("\n".join(fault.said() for fault in faults), where="file")
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Declared:
    """One service: `metadata` is its whole registration; `program` and `url` print its kit."""

    id: str
    metadata: Mapping[str, Any]
    program: Kit | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Declarations:
    """A file. `set`: which of the services that files made are this one's."""

    set: str
    clients: tuple[Declared, ...]
    text: str

    def fault(self, client_id: str, error: CivitasError) -> Misstep:
        """An error about one service, at its member."""
        member = getattr(error, "where", None) or ""
        what = error.description
        if member and what.startswith((f"{member} ", f"{member}: ")):
            what = what[len(member) + 1 :].strip()
        return _fault(self.text, client_id, member, what)


def read(text: str, *, as_json: bool) -> Declarations:
    """Raises FaultyFile with everything that can be told without looking at what is registered."""
    if len(text) > MOST_BYTES:
        raise FaultyFile([Misstep("file", 0, f"is longer than {MOST_BYTES} characters")])
    try:
        said = json.loads(text) if as_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        kind = "JSON" if as_json else "TOML"
        raise FaultyFile([Misstep("file", 0, f"is not {kind}: {error}")]) from None
    if not isinstance(said, dict):
        raise FaultyFile([Misstep("file", 0, "must hold one object, with set and clients")])
    faults = [
        Misstep(name, _line(text, rf"\s*\[*\"?{re.escape(name)}\b"), "is not known here; there are "
              "set and [clients.NAME]")
        for name in said
        if name not in ("set", "clients")
    ]  # fmt: skip
    written = said.get("set")
    if not isinstance(written, str) or not _SET.fullmatch(written):
        what = 'is needed: a name for this file, such as set = "libraries"; --prune removes only '
        what += "what a file of that name made"
        faults.append(Misstep("set", _line(text, r"\s*\"?set\b"), what))
    listed = said.get("clients", {})
    if not isinstance(listed, dict):
        raise FaultyFile([*faults, Misstep("clients", 0, "must be a table of services")])
    clients = []
    for client_id, entry in listed.items():
        found = _declared(text, client_id, entry)
        if isinstance(found, Misstep):
            faults.append(found)
        else:
            clients.append(found)
    if faults:
        raise FaultyFile(faults)
    return Declarations(str(written), tuple(clients), text)


def _declared(text: str, client_id: str, entry: object) -> Declared | Misstep:
    if not _ID.fullmatch(client_id) or client_id.startswith(_OURS):
        what = "is the client_id: 1 to 64 letters, digits, dots, hyphens, not beginning with dev-"
        return _fault(text, client_id, "", what)
    if not isinstance(entry, dict):
        return _fault(text, client_id, "", "must be a table of the members of RFC 7591")
    said = dict(entry)
    name, url = said.pop("for", None), said.pop("url", None)
    if "declared_in" in said:
        return _fault(text, client_id, "declared_in", "is ours to say: it is the set of the file")
    for member, value in (("for", name), ("url", url)):
        if value is not None and not isinstance(value, str):
            return _fault(text, client_id, member, "must be a text")
    if url is not None and name is None:
        return _fault(text, client_id, "url", "means something beside for = … alone")
    try:
        program = kit(name) if name else None
        usual = program.metadata(url) if program else {}
    except Unprocessable as error:
        where = error.where or ""
        return _fault(text, client_id, where, error.description)
    return Declared(client_id, _completed({**usual, **said}), program, url)


def _completed(said: Mapping[str, Any]) -> dict[str, Any]:
    """What `civitas clients add` registers where nothing is said."""
    usual: dict[str, Any] = {}
    comes_back = bool(said.get("redirect_uris"))
    if "grant_types" not in said:
        scopes = str(said.get("scope", "")).split()
        grants = ["authorization_code"] if comes_back else []
        if comes_back and "offline_access" in scopes:
            grants.append("refresh_token")
        if not comes_back or any(":" in scope for scope in scopes):
            grants.append("client_credentials")
        usual["grant_types"] = grants
    if comes_back and "purposes" not in said and "purpose" not in said:
        usual["purposes"] = [SIGN_IN]
    if said.get("profile") is None:
        usual["id_token_signed_response_alg"] = "RS256"
        usual["token_endpoint_auth_method"] = "client_secret_basic"
    return {**usual, **said}


# ── places ───────────────────────────────────────────────────────────────────────────────


def _fault(text: str, client_id: str, member: str, what: str) -> Misstep:
    place = f"clients.{client_id}" + (f".{member}" if member else "")
    key = re.escape(client_id)
    header = _line(text, rf"\s*(\[\s*clients\s*\.\s*[\"']?{key}[\"']?\s*[\].]|\"{key}\"\s*:)")
    if not header or not member:
        return Misstep(place, header, what)
    return Misstep(place, _member_line(text, header, member) or header, what)


def _line(text: str, pattern: str) -> int:
    begins = re.compile(pattern)
    lines = text.splitlines()
    return next((n for n, line in enumerate(lines, 1) if begins.match(line)), 0)


def _member_line(text: str, header: int, member: str) -> int:
    """The line of a member in the table that begins at `header`; 0 where it is not written."""
    begins = re.compile(rf"\s*[\"']?{re.escape(member)}[\"']?\s*[=:]")
    for number, line in enumerate(text.splitlines()[header:], header + 1):
        if line.startswith("["):
            return 0
        if begins.match(line):
            return number
    return 0
