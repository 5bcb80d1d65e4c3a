"""What is switched on for single clients, by the members of RFC 7591 — in one list, for all places
where an operator reads or writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foundation.errors import Unprocessable
from foundation.pages import N_
from idp.oauth.client import Client

YES_OR_NO = (N_("yes"), N_("no"))


@dataclass(frozen=True, slots=True)
class Switch:
    """`field`: of Client. `label`: what an operator reads. `values`: what may be written."""

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
        return text == "yes" if self.values is YES_OR_NO else text


SWITCHES: tuple[Switch, ...] = (
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
)


def switch(member: str) -> Switch:
    """The one of that name. Raises Unprocessable that lists those that there are."""
    for one in SWITCHES:
        if one.member == member:
            return one
    known = ", ".join(one.member for one in SWITCHES)
    raise Unprocessable(f"There is no switch {member!r}; there are {known}.", where=member)


def read(written: Sequence[str]) -> dict[str, Any]:
    """Members out of `member=value` texts. Raises Unprocessable."""
    found = {}
    for one in written:
        member, _, value = one.partition("=")
        found[member.strip()] = switch(member.strip()).read(value.strip())
    return found


def standing(client: Client) -> dict[str, str]:
    """How each stands at a client, by its member."""
    return {one.member: one.written(client) for one in SWITCHES}
