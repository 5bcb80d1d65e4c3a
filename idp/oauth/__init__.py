"""OAuth 2.0 and OpenID Connect: clients, the authorization request, grants, tokens, discovery."""

from pathlib import Path

from idp.oauth.abilities import Relaxation, Sentence
from idp.oauth.abilities import can as abilities_of
from idp.oauth.abilities import doubts as doubts_of
from idp.oauth.abilities import relaxations as relaxations_of
from idp.oauth.acting import ActingService, ActingServices, service_as_json
from idp.oauth.alteration import Alteration
from idp.oauth.authorization_server import OAuth, prepare
from idp.oauth.client import AUTHENTICATION_METHODS, DEVICE_SCOPE, SIGNING_ALGORITHMS, Client
from idp.oauth.clients import AddedClient, Clients, PreparedClient
from idp.oauth.discovery import provider_metadata
from idp.oauth.endings import (
    TokensEndWithConsent,
    TokensEndWithDevice,
    TokensEndWithIdentity,
    TokensEndWithSession,
)
from idp.oauth.kits import Kit, Snippet, kit
from idp.oauth.kits import kits as known_kits
from idp.oauth.members import InvalidClientMetadata
from idp.oauth.ports import ClaimsSource, ClientSource, SignsOut, WhoIsThere
from idp.oauth.registration import parse as client_from_metadata
from idp.oauth.reviews import AskAfterChange
from idp.oauth.routes import account_routes, routes_of
from idp.oauth.self_description import PASSES_ON
from idp.oauth.settings import ClientsSettings, OAuthSettings
from idp.oauth.switches import ADDRESSES, SWITCHES
from idp.oauth.switches import read as read_switches
from idp.oauth.switches import standing as switches_of
from idp.oauth.testers import add as add_tester
from idp.oauth.testers import forget_client as forget_testers_of
from idp.oauth.testers import forget_person as forget_tester
from idp.oauth.testers import invented as invented_residents
from idp.oauth.testers import remove as remove_tester
from idp.oauth.trying import PATH as TRIED
from idp.oauth.trying import Tried
from idp.oauth.wallets import Allowed, Wallets
from idp.oauth.watching import Day, Refusal

SECTIONS = (OAuthSettings, ClientsSettings)
PAGES = Path(__file__).parent / "pages"

__all__ = [
    "ADDRESSES",
    "AUTHENTICATION_METHODS",
    "DEVICE_SCOPE",
    "PAGES",
    "PASSES_ON",
    "SECTIONS",
    "SIGNING_ALGORITHMS",
    "SWITCHES",
    "TRIED",
    "ActingService",
    "ActingServices",
    "AddedClient",
    "Allowed",
    "Alteration",
    "AskAfterChange",
    "ClaimsSource",
    "Client",
    "ClientSource",
    "Clients",
    "ClientsSettings",
    "Day",
    "InvalidClientMetadata",
    "Kit",
    "OAuth",
    "OAuthSettings",
    "PreparedClient",
    "Refusal",
    "Relaxation",
    "Sentence",
    "SignsOut",
    "Snippet",
    "TokensEndWithConsent",
    "TokensEndWithDevice",
    "TokensEndWithIdentity",
    "TokensEndWithSession",
    "Tried",
    "Wallets",
    "WhoIsThere",
    "abilities_of",
    "account_routes",
    "add_tester",
    "client_from_metadata",
    "doubts_of",
    "forget_tester",
    "forget_testers_of",
    "invented_residents",
    "kit",
    "known_kits",
    "prepare",
    "provider_metadata",
    "read_switches",
    "relaxations_of",
    "remove_tester",
    "routes_of",
    "service_as_json",
    "switches_of",
]
