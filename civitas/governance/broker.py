"""Broker: the government regulates and runs the hub between services and accredited providers.

- People pick a provider that the regulator accredited, and sign in there.
- Services integrate once; provider and service stay blind to each other.
- Devices are not known here.
- Kept: consents and what happened, readable only while that person is signed in; no register of
  people, and no attribute after the session.
"""

from __future__ import annotations

from civitas.adapters import who_calls
from civitas.deployment import Deployment
from foundation.audit.routes import routes_of as audit_routes
from foundation.pages import routes_of as page_routes
from foundation.runtime import Runtime
from idp import broker, federation, oauth
from idp.broker import Broker
from idp.federation import Federation
from idp.oauth import OAuth
from idp.supervision import Parts, Supervision
from policies import Policies, Withdrawal, receipt_routes
from policies import prepare as prepare_policies


def assemble(runtime: Runtime) -> Deployment:
    """Choice of provider in front, OpenID Connect for services behind, nothing kept between."""
    policies = Policies(runtime)

    # In the federation it is a relying party alone: that is what its regulator allows it, and
    # services, to which it is a provider, are registered by its operator.
    allied = Federation(
        runtime,
        lambda: {"openid_relying_party": broker.relying_party_metadata(runtime)},
        how_they_end=lambda: hub.completion(whole_days=True),
    )

    # People and services meet at the hub: it knows who is there, and what their provider said.
    hub = Broker(runtime, allied, policies)
    tokens = OAuth(runtime, policies, who=hub, signs_out=hub, claims=hub, ceiling=hub.ceiling)

    # Ends: of a consent, and of all that rests on it.
    withdrawal = Withdrawal(policies, ends=(oauth.TokensEndWithConsent(),))
    acting = oauth.ActingServices(runtime, policies, tokens.clients, withdrawal)

    # No staff and no pages: the command line acts in an incident.
    watch = Supervision(Parts(runtime, broker.HubSessions(), tokens=tokens))
    return Deployment(
        runtime=runtime,
        routes={
            "broker": broker.routes_of(hub, withdrawal),
            "services": oauth.account_routes(acting),
            "oauth": oauth.routes_of(tokens),
            "policies": receipt_routes(policies),
            "federation": federation.routes_of(allied),
            "audit": audit_routes(runtime.audit),
            "pages": page_routes(runtime.pages),
        },
        who=who_calls(tokens.principal_of_token, hub.principal_of_session),
        way_back=tokens.ways_back.of,
        signed_out=tokens.frames.mark,
        frames=tokens.frames.marked,
        resource_metadata=tokens.resource_metadata,
        prepare=(prepare_policies, oauth.prepare, federation.prepare, broker.prepare),
        parts={
            "broker": hub,
            "oauth": tokens,
            "federation": allied,
            "policies": policies,
            "supervision": watch,
        },
    )
