"""The authorization request, raw and parsed — RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from idp.oauth import scopes
from idp.oauth.client import OFFLINE_ACCESS, OPENID, Client
from idp.oauth.way_back import QUERY, WayBack, response_mode
from policies import level_of_acr as level_of

MOST_CHARACTERS = 4096


@dataclass(frozen=True, slots=True)
class UncheckedRequest:
    """Parameters as they came, each at most once. Nothing in here is to be trusted yet.

    `signed`: they are those of a request object. `pushed`: they came by their client's own way;
    which request it is (RFC 9126).
    """

    parameters: Mapping[str, str]
    signed: bool = False
    pushed: str | None = None

    def get(self, name: str) -> str | None:
        """The value; an empty one counts as absent (RFC 6749 §3.1)."""
        return self.parameters.get(name) or None

    def way_back(self) -> WayBack | None:
        """Where its answer is to go; whether the client owns that place is still to be checked."""
        uri = self.get("redirect_uri")
        if uri is None:
            return None
        mode = response_mode(self.get("response_mode"), self.get("response_type"))
        return WayBack(uri, self.get("state"), mode, self.get("client_id") or "")


@dataclass(frozen=True, slots=True)
class ClaimsWanted:
    """The `claims` parameter, minimal: attribute names by place — §5.5.

    `essential_levels`: levels one of which the service insists on (`acr` marked essential).
    `auth_time`: whether the time of the sign-in is essential. `subjects`: whom the service
    expects, by its own `sub`; empty expects nobody in particular.
    """

    userinfo: tuple[str, ...] = ()
    id_token: tuple[str, ...] = ()
    essential_levels: tuple[int, ...] = ()
    preferred_levels: tuple[int, ...] = ()
    auth_time: bool = False
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that passed every check: what `/oauth/continue` resumes."""

    client_id: str
    redirect_uri: str
    scope: tuple[str, ...]
    purpose: str
    code_challenge: str | None
    state: str | None = None
    nonce: str | None = None
    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    levels: tuple[int, ...] = ()
    claims: ClaimsWanted = field(default_factory=ClaimsWanted)
    ui_locales: str | None = None
    resource: str | None = None
    response_mode: str = QUERY
    pushed: str | None = None
    dpop_jkt: str | None = None
    authorization_details: tuple[Mapping[str, Any], ...] = ()
    device: str | None = None
    backchannel: str | None = None

    @property
    def way_back(self) -> WayBack:
        """Where the answer goes, a code or an error."""
        return WayBack(self.redirect_uri, self.state, self.response_mode, self.client_id)

    @property
    def is_openid(self) -> bool:
        """Whether an ID token is asked for."""
        return OPENID in self.scope

    @property
    def offline(self) -> bool:
        """Whether the client wants to act when the person is not there — §11."""
        return OFFLINE_ACCESS in self.scope

    @property
    def wanted_level(self) -> int:
        """The lowest level that would satisfy what is asked; 0 asks for none.

        `acr_values` is in order of preference, but every level includes those below it, so the
        lowest one named is enough and asks the least of the person.
        """
        named = self.claims.essential_levels or self.levels or self.claims.preferred_levels
        return min(named, default=0)

    @property
    def essential_level(self) -> int:
        """The level without which the service wants no answer at all."""
        return min(self.claims.essential_levels, default=0)

    def to_json(self) -> dict[str, Any]:
        """For the stored transaction; what is usual is left out, as before there was a choice."""
        stored = asdict(self)
        if self.response_mode == QUERY:
            del stored["response_mode"]
        for name in ("pushed", "dpop_jkt", "authorization_details", "device", "backchannel"):
            if not stored[name]:
                del stored[name]
        return stored

    def digest(self) -> bytes:
        """SHA-256 over everything that was asked: what a consent answer is bound to."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).digest()


def from_json(stored: Mapping[str, Any]) -> AuthorizationRequest:
    """The request out of a stored transaction."""
    wanted = _tuples(stored["claims"])
    # A request that waited while this program took the place of one with a single `subject`.
    subject = wanted.pop("subject", None)
    claims = ClaimsWanted(**(wanted if subject is None else {**wanted, "subjects": (subject,)}))
    return AuthorizationRequest(**{**_tuples(stored), "claims": claims})


def _tuples(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
    }


def parsed(unchecked: UncheckedRequest, client: Client) -> AuthorizationRequest:
    """The typed request. Call it after every check has passed."""
    purpose = client.purpose_of(unchecked.get("purpose"))
    redirect_uri = unchecked.get("redirect_uri")
    if redirect_uri is None or purpose is None:
        raise ValueError("parsed before it was checked")
    max_age = unchecked.get("max_age")
    return AuthorizationRequest(
        client_id=client.id,
        redirect_uri=redirect_uri,
        scope=scopes.parse(unchecked.get("scope") or "") if unchecked.get("scope") else (),
        purpose=purpose,
        code_challenge=unchecked.get("code_challenge"),
        state=unchecked.get("state"),
        nonce=unchecked.get("nonce"),
        prompt=tuple((unchecked.get("prompt") or "").split()),
        max_age=None if max_age is None else int(max_age),
        levels=levels(unchecked.get("acr_values")),
        claims=claims_wanted(unchecked.get("claims")),
        ui_locales=unchecked.get("ui_locales"),
        resource=unchecked.get("resource"),
        response_mode=response_mode(unchecked.get("response_mode"), "code"),
        pushed=unchecked.pushed,
        dpop_jkt=unchecked.get("dpop_jkt"),
        authorization_details=tuple(json.loads(unchecked.get("authorization_details") or "[]")),
    )


def levels(acr_values: str | None) -> tuple[int, ...]:
    """The levels named by `acr_values`; values that are not ours are passed over (voluntary)."""
    named = (level_of(value) for value in (acr_values or "").split())
    return tuple(level for level in named if level is not None)


class MalformedClaims(ValueError):
    """A `claims` parameter that is not what §5.5 describes."""


def claims_wanted(text: str | None) -> ClaimsWanted:
    """Parse the `claims` parameter. Raises MalformedClaims with the reason."""
    if text is None:
        return ClaimsWanted()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedClaims("it is not JSON") from None
    if not isinstance(value, dict):
        raise MalformedClaims("it is not an object")
    userinfo, id_token = (_members(value, place) for place in ("userinfo", "id_token"))
    acr, auth_time = id_token.pop("acr", {}), id_token.pop("auth_time", {})
    subjects = _subjects(id_token.pop("sub", None), userinfo.pop("sub", None))
    for protocol in ("amr", "nonce", "sid"):
        id_token.pop(protocol, None)
    named = tuple(
        level for level in (level_of(acr_value) for acr_value in _values(acr)) if level is not None
    )
    essential = acr.get("essential") is True
    if essential and _values(acr) and not named:
        raise MalformedClaims("none of its essential acr values is known")
    return ClaimsWanted(
        userinfo=tuple(userinfo),
        id_token=tuple(id_token),
        essential_levels=named if essential else (),
        preferred_levels=() if essential else named,
        auth_time=auth_time.get("essential") is True,
        subjects=subjects,
    )


def _members(value: Mapping[str, Any], place: str) -> dict[str, Mapping[str, Any]]:
    members = value.get(place) or {}
    if not isinstance(members, dict):
        raise MalformedClaims(f"{place} is not an object")
    for name, wish in members.items():
        if wish is not None and not isinstance(wish, dict):
            raise MalformedClaims(f"{place}.{name} is neither null nor an object")
    return {name: wish or {} for name, wish in members.items()}


def _subjects(*wishes: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Whom both places may be about: a `sub` asked for at each must be in both (§5.5.1)."""
    named = [_values(wish) for wish in wishes if wish and ("value" in wish or "values" in wish)]
    if not named:
        return ()
    # Asked for nobody whom there could be is not the same as asked for anybody.
    return tuple(s for s in named[0] if all(s in other for other in named)) or ("",)


def _values(wish: Mapping[str, Any]) -> tuple[str, ...]:
    listed = wish.get("values")
    candidates = listed if isinstance(listed, list) else [wish.get("value")]
    return tuple(value for value in candidates if isinstance(value, str))
