"""What a client will be able to do, in sentences, and what was probably not meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foundation.pages import N_
from idp.oauth.client import OFFLINE_ACCESS, OPENID, Client
from policies import Catalogue

ASKS = "access:evaluate"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A message id, and what to put into it."""

    text: str
    names: Sequence[str] = ()

    def said(self) -> str:
        return self.text % {"names": ", ".join(self.names)} if self.names else self.text


@dataclass(frozen=True, slots=True)
class Relaxation:
    """Something less strict than we have it by default. `member`: what of the registration says so;
    `costs`: what is given away by it, as a message id."""

    member: str
    costs: str


def relaxations(client: Client) -> list[Relaxation]:
    """Where this client is held to less than others."""
    found = []
    if "authorization_code" in client.grant_types and not client.require_pkce:
        costs = N_(
            "It may leave PKCE out and send a nonce: that a code was stolen and put into somebody "
            "else’s sign-in is then found out by the service alone, if it looks."
        )
        found.append(Relaxation("require_pkce", costs))
        if not client.require_nonce:
            costs = N_(
                "It may leave out the nonce as well: nobody finds out that a code was stolen and "
                "put into somebody else’s sign-in (RFC 9700 §2.1.1)."
            )
            found.append(Relaxation("require_nonce", costs))
    if client.session_management:
        costs = N_(
            "Its pages may ask in a frame of ours whether somebody is still signed in: that needs "
            "a cookie which goes along to pages of others, and browsers that keep it back say "
            "“changed” to everybody. Its server can be told instead, by back-channel logout."
        )
        found.append(Relaxation("session_management", costs))
    if client.registered_itself:
        costs = N_(
            "It registered itself: nobody looked at it first, and nobody vouches for its name. "
            "People read the host that they go back to."
        )
        found.append(Relaxation("registered_itself", costs))
    return found


def can(client: Client, catalogue: Catalogue) -> list[Sentence]:
    """What it can do."""
    told = []
    if "authorization_code" in client.grant_types:
        told.append(Sentence(N_("It signs people in, for: %(names)s."), client.purposes))
        useful = [name for name in catalogue.attributes if name in _useful(client, catalogue)]
        if useful:
            told.append(Sentence(N_("It learns what each person chooses of: %(names)s."), useful))
        else:
            told.append(Sentence(N_("It learns nothing about people but that they are the same.")))
    if OFFLINE_ACCESS in client.scopes:
        told.append(Sentence(N_("It can act while the person is away, if they agree.")))
    if ASKS in client.scopes:
        told.append(Sentence(N_("It can ask yes or no about people who agreed.")))
    others = sorted(s for s in client.scopes if ":" in s and s != ASKS)
    if others:
        told.append(Sentence(N_("It can get tokens for itself with: %(names)s."), others))
    if client.audiences:
        told.append(Sentence(N_("It can get tokens for: %(names)s."), client.audiences))
    return told


def doubts(client: Client, catalogue: Catalogue) -> list[Sentence]:
    """What will not work, or not as it looks."""
    told = []
    signs_in = "authorization_code" in client.grant_types
    useless = [
        scope
        for scope in catalogue.scopes()
        if scope in client.scopes
        and not _useful(client, catalogue) & set(catalogue.attributes_of_scope(scope))
    ]
    if signs_in and useless:
        told.append(
            Sentence(
                N_(
                    "None of its purposes has a use for what the scope %(names)s asks for: it "
                    "never gets that. Give it a purpose that has."
                ),
                useless,
            )
        )
    if signs_in and len(client.purposes) > 1:
        told.append(
            Sentence(N_("It has several purposes: each request must name one, as purpose=…"))
        )
    if ASKS in client.scopes and "client_credentials" not in client.grant_types:
        told.append(
            Sentence(N_("It asks yes or no with tokens of its own: it needs client_credentials."))
        )
    if ASKS in client.scopes and not client.purposes:
        told.append(Sentence(N_("It has no purpose: each question must name one.")))
    if signs_in and OPENID not in client.scopes:
        told.append(Sentence(N_("Without the scope openid nobody can sign in at it.")))
    if OFFLINE_ACCESS in client.scopes and "refresh_token" not in client.grant_types:
        told.append(Sentence(N_("offline_access needs refresh_token among its grant types.")))
    return told


def _useful(client: Client, catalogue: Catalogue) -> frozenset[str]:
    """Its attributes that one of its purposes has a use for."""
    known = (catalogue.purposes[p] for p in client.purposes if p in catalogue.purposes)
    wanted = frozenset[str]().union(*(purpose.attributes for purpose in known))
    return client.attributes & wanted
