"""What is switched on for single clients, by the members of RFC 7591 — in one list, for all places
where an operator reads or writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foundation.errors import Unprocessable
from foundation.pages import N_
from idp.oauth.client import SIGNING_ALGORITHMS, SUBJECT_MEMBERS, Client
from idp.oauth.profiles import PROFILES

NONE = N_("none")
YES_OR_NO = (N_("yes"), N_("no"))


@dataclass(frozen=True, slots=True)
class Switch:
    """`field`: of Client. `label`: what an operator reads. `values`: what may be written; of those
    that are not yes or no the first one takes the member out of the registration."""

    member: str
    field: str
    label: str
    values: Sequence[str] = YES_OR_NO

    def written(self, client: Client) -> str:
        """How it stands."""
        found = getattr(client, self.field)
        if self.values is YES_OR_NO:
            return "yes" if found else "no"
        return str(found or self.values[0])

    def read(self, text: str) -> Any:
        """The value for the registration. Raises Unprocessable."""
        if text not in self.values:
            raise Unprocessable(
                f"{self.member} is {text!r}; write one of {', '.join(self.values)}.",
                where=self.member,
            )
        if self.values is YES_OR_NO:
            return text == "yes"
        return None if text == self.values[0] else text


SWITCHES: tuple[Switch, ...] = (
    Switch("profile", "profile", N_("Security profile that it keeps to"), (NONE, *PROFILES)),
    Switch(
        "require_pushed_authorization_requests",
        "require_pushed_authorization_requests",
        N_("It must push its requests (RFC 9126)"),
    ),
    Switch(
        "require_signed_request_object",
        "require_signed_request_object",
        N_("It must sign its requests (RFC 9101)"),
    ),
    Switch(
        "dpop_bound_access_tokens",
        "dpop_bound_access_tokens",
        N_("Its tokens are bound to its key (DPoP, RFC 9449)"),
    ),
    Switch(
        "tls_client_certificate_bound_access_tokens",
        "certificate_bound_access_tokens",
        N_("Its tokens are bound to its certificate (RFC 8705)"),
    ),
    Switch(
        "authorization_signed_response_alg",
        "authorization_signed_response_alg",
        N_("What signs its signed answers, if not what signs its ID tokens"),
        (NONE, *SIGNING_ALGORITHMS),
    ),
    Switch(
        "require_nonce",
        "require_nonce",
        N_("Where it may leave PKCE out, it must send a nonce"),
    ),
    Switch(
        "userinfo_signed_response_alg",
        "userinfo_signed_response_alg",
        N_("What signs what it reads of people, if it is to be signed"),
        (NONE, *SIGNING_ALGORITHMS),
    ),
    Switch(
        "backchannel_logout_session_required",
        "backchannel_logout_session_required",
        N_("It must learn which session ended (OIDC Back-Channel Logout)"),
    ),
    Switch(
        "frontchannel_logout_session_required",
        "frontchannel_logout_session_required",
        N_("Its page in a frame must learn which session ended (OIDC Front-Channel Logout)"),
    ),
    Switch(
        "backchannel_token_delivery_mode",
        "token_delivery_mode",
        N_("How it learns that a person answered what it asked them elsewhere (CIBA)"),
        (NONE, "poll", "ping"),
    ),
    Switch(
        "session_management",
        "session_management",
        N_("Its pages may ask in a frame whether somebody is signed in (OIDC Session Management)"),
    ),
)


DETAILS = "authorization_details_types"
ADDRESSES = (
    "backchannel_logout_uri",
    "frontchannel_logout_uri",
    "initiate_login_uri",
    "backchannel_client_notification_endpoint",
)
TEXTS = (*SUBJECT_MEMBERS, DETAILS, *ADDRESSES)
"""What is set in the same way, to any text."""


def switch(member: str) -> Switch:
    """The one of that name. Raises Unprocessable that lists those that there are."""
    for one in SWITCHES:
        if one.member == member:
            return one
    known = ", ".join((*(one.member for one in SWITCHES), *TEXTS))
    raise Unprocessable(f"There is no switch {member!r}; there are {known}.", where=member)


def read(written: Sequence[str]) -> dict[str, Any]:
    """Members out of `member=value` texts; None takes one out. Raises Unprocessable."""
    found: dict[str, Any] = {}
    for one in written:
        member, _, value = (part.strip() for part in one.partition("="))
        if member in TEXTS:
            found[member] = None if value in ("", NONE) else value
        else:
            found[member] = switch(member).read(value)
    return found


def standing(client: Client) -> dict[str, str]:
    """How each stands at a client, by its member."""
    listed = " ".join(client.authorization_details_types)
    addresses = {name: getattr(client, name) or "" for name in ADDRESSES}
    switched = {one.member: one.written(client) for one in SWITCHES}
    return {**switched, DETAILS: listed, **addresses}
