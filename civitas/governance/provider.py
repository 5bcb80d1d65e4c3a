"""Provider: the government is the identity provider.

- People are enrolled and proofed at its desk, and sign in here.
- Services learn what the person consents to, from the register.
- Devices are registered, enrolled by EST, and call with certificates.
- Kept: the register, sealed for each person; consents; what happened.

A *private provider* is the same deployment with `[jurisdiction] regulator`: it is accredited, and
serves brokers that its regulator vouches for.
"""

from __future__ import annotations

from civitas.deployment import Deployment
from civitas.plugs import (
    Federated,
    FromTheRegister,
    KnownByServices,
    device_is_active,
    who_calls,
)
from device_registry import DeviceLife, Devices
from device_registry import doors as device_doors
from device_registry import prepare as prepare_devices
from foundation.audit.doors import doors as audit_doors
from foundation.ground import Ground
from foundation.pages import doors as page_doors
from idp import federation, login, oauth, portal, register, supervision
from idp.federation import Federation
from idp.login import Login
from idp.oauth import OAuth, provider_metadata
from idp.portal import Portal, StaffAccount
from idp.register import Desk, IdentityLife, Importer, Register
from idp.supervision import Parts, Supervision
from pki import CertificateAuthority, Pki, linking_of
from pki import doors as pki_doors
from pki import prepare as prepare_pki
from policies import DecisionPoint, Policies, Withdrawal
from policies import doors as policy_doors
from policies import prepare as prepare_policies


def assemble(ground: Ground) -> Deployment:
    """People, things, consent, certificates: the whole house."""
    policies = Policies(ground)

    # Devices: their certificates, and the registry that says which of them may have one.
    authority = CertificateAuthority(ground)
    devices = Devices(ground, authority)
    pki = Pki(authority, devices.gate, linking_of(ground.settings))

    # People: who they are, and how they sign in.
    people = Register(ground)
    signing_in = Login(
        ground,
        people,
        policies,
        ends=(oauth.TokensEndWithSession(),),
        hears=(oauth.AskAfterChange(),),
    )

    # Services: those registered here; at a private provider, those that its regulator vouches for.
    allied = Federation(
        ground, lambda: {"openid_provider": provider_metadata(ground.settings, policies.catalogue)}
    )
    tokens = OAuth(
        ground,
        policies,
        who=signing_in,
        signs_out=signing_in,
        claims=FromTheRegister(people),
        sources=(Federated(allied, ground.settings),) if allied.role == "leaf" else (),
        authenticate_device=devices.authenticate,
        device_is_active=device_is_active(devices),
        validate_certificate=authority.validate_client,
        ceiling=lambda: policies.settings.organisation_level,
    )
    questions = DecisionPoint(policies, KnownByServices(people, tokens))

    # Ends: of a consent, an identity, a device, and of all that rests on it.
    withdrawal = Withdrawal(policies, ends=(oauth.TokensEndWithConsent(),))
    life = IdentityLife(
        ground, people.proofing, ends=(signing_in.sessions_end, oauth.TokensEndWithIdentity())
    )
    device_life = DeviceLife(devices, ends=(oauth.TokensEndWithDevice(),))

    # Pages: the officer's desk, the citizen's account.
    desk = Desk(ground, people, life, Importer(ground, people))
    acting = oauth.ActingServices(
        ground, policies, tokens.clients, withdrawal, signing_in.end_elsewhere
    )
    ground.pages.name_of = people.staff.name_of
    account = Portal(ground, policies, withdrawal, people, signing_in, tokens, devices, acting)

    # Operators in an incident, auditors.
    watch = Supervision(Parts(ground, signing_in.sessions, people, signing_in, tokens))
    return Deployment(
        ground=ground,
        doors={
            "login": login.doors(signing_in),
            "oauth": oauth.doors(tokens),
            "policies": policy_doors(questions),
            "portal": portal.doors(account),
            "work": portal.staff_doors(StaffAccount(ground, people, signing_in)),
            "services": oauth.account_doors(acting),
            "register": register.doors(desk),
            "supervision": supervision.doors(watch),
            "pki": pki_doors(pki),
            "devices": device_doors(device_life),
            "federation": federation.doors(allied),
            "audit": audit_doors(ground.audit),
            "pages": page_doors(ground.pages),
        },
        who=who_calls(tokens.principal_of_token, signing_in.principal_of_session),
        way_back=tokens.ways_back.of,
        resource_metadata=tokens.resource_metadata,
        prepare=(
            prepare_policies,
            prepare_pki,
            prepare_devices,
            oauth.prepare,
            federation.prepare,
        ),
        on_start=(
            pki.complete_or_void,
            people.notices.say_where_they_go,
        ),
        knows_certificates=True,
        parts={
            "pki": authority,
            "register": people,
            "desk": desk,
            "importer": desk.importer,
            "identity_life": life,
            "login": signing_in,
            "oauth": tokens,
            "devices": devices,
            "device_life": device_life,
            "federation": allied,
            "policies": policies,
            "supervision": watch,
        },
    )
