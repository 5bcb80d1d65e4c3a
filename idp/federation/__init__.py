"""Federation: entity statements, trust marks, accreditation — OpenID Federation 1.0."""

from idp.federation.accreditation import OPENID_PROVIDER, OPENID_RELYING_PARTY
from idp.federation.completion import Completion
from idp.federation.endpoints.console import WITHDRAW
from idp.federation.federation import Federation, Metadata, RelyingParty, prepare
from idp.federation.jws import Invalid, key_set, published, read, sign, verify
from idp.federation.resolution import Accredited, Unresolved
from idp.federation.routes import routes_of
from idp.federation.settings import FederationSettings, check
from idp.federation.vouching import MEMBERS, members

SECTIONS = (FederationSettings,)

__all__ = [
    "MEMBERS",
    "OPENID_PROVIDER",
    "OPENID_RELYING_PARTY",
    "SECTIONS",
    "WITHDRAW",
    "Accredited",
    "Completion",
    "Federation",
    "FederationSettings",
    "Invalid",
    "Metadata",
    "RelyingParty",
    "Unresolved",
    "check",
    "key_set",
    "members",
    "prepare",
    "published",
    "read",
    "routes_of",
    "sign",
    "verify",
]
