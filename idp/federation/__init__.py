"""Federation: entity statements, trust marks, accreditation — OpenID Federation 1.0."""

from idp.federation.accreditation import OPENID_PROVIDER, OPENID_RELYING_PARTY
from idp.federation.completion import Completion
from idp.federation.endpoints.console import WITHDRAW
from idp.federation.jws import Invalid, key_set, published, read, sign, verify
from idp.federation.resolution import Accredited, Unresolved
from idp.federation.routes import doors
from idp.federation.settings import FederationSettings, check
from idp.federation.vouching import MEMBERS, members
from idp.federation.wing import Federation, Metadata, RelyingParty, prepare

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
    "doors",
    "key_set",
    "members",
    "prepare",
    "published",
    "read",
    "sign",
    "verify",
]
