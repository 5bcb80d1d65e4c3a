"""Provider: the government is the identity provider.

- People are enrolled and proofed at its desk, and sign in here.
- Services learn what the person consents to, from the register.
- Devices are registered, enrolled by EST, and call with certificates.
- Kept: the register, sealed for each person; consents; what happened.

A *private provider* is the same deployment with `[jurisdiction] regulator`: it is accredited, and
serves brokers that its regulator vouches for.
"""

from __future__ import annotations

from civitas.adapters import (
    Federated,
    FromTheRegister,
    KnownByServices,
    PeopleWithDocuments,
    ServicesThatAsk,
    SigningParties,
    WalletsOfPeople,
    device_is_active,
    tells_people,
    who_calls,
)
from civitas.deployment import Deployment
from device_registry import DeviceLife, Devices
from device_registry import prepare as prepare_devices
from device_registry import routes_of as device_routes
from documents import credentials, locker, signing
from documents.locker import Locker, SharesEndWithIdentity
from foundation.audit.routes import routes_of as audit_routes
from foundation.pages import routes_of as page_routes
from foundation.runtime import Runtime
from foundation.settings import Jurisdiction, Server
from idp import developers, federation, login, oauth, portal, register, supervision
from idp.developers import Developers
from idp.federation import Federation
from idp.login import Login
from idp.oauth import OAuth, provider_metadata
from idp.portal import Portal, StaffAccount
from idp.register import Desk, IdentityLife, Importer, OnlineApplications, Register
from idp.supervision import Parts, Supervision
from pki import CertificateAuthority, Pki, linking_of
from pki import prepare as prepare_pki
from pki import routes_of as pki_routes
from policies import DecisionPoint, Policies, Withdrawal
from policies import prepare as prepare_policies
from policies import routes_of as policy_routes


def assemble(runtime: Runtime) -> Deployment:
    """People, things, consent, certificates: the whole service."""
    kinds = locker.of_settings(runtime.settings)
    carried = credentials.extend(
        kinds,
        runtime.settings.of(Server).url,
        runtime.settings.of(Jurisdiction).name,
    )
    policies = Policies(runtime, documents=lambda known: carried(kinds.extend(known)))

    # Devices: their certificates, and the registry that says which of them may have one.
    authority = CertificateAuthority(runtime)
    devices = Devices(runtime, authority)
    pki = Pki(authority, devices.gate, linking_of(runtime.settings))

    # People: who they are, and how they sign in.
    people = Register(runtime)
    signing_in = Login(
        runtime,
        people,
        policies,
        ends=(oauth.TokensEndWithSession(),),
        hears=(oauth.AskAfterChange(),),
    )

    # Services: those registered here; at a private provider, those that its regulator vouches for.
    allied = Federation(
        runtime,
        lambda: {"openid_provider": provider_metadata(runtime.settings, policies.catalogue)},
    )
    tokens = OAuth(
        runtime,
        policies,
        who=signing_in,
        signs_out=signing_in,
        claims=FromTheRegister(people),
        sources=(Federated(allied, runtime.settings),) if allied.role == "leaf" else (),
        authenticate_device=devices.authenticate,
        device_is_active=device_is_active(devices),
        validate_certificate=authority.validate_client,
        ceiling=lambda: policies.settings.organisation_level,
        tells=tells_people(people),
    )
    # Developers: services that they register, test and ask production for.
    place = Developers(runtime, tokens)
    questions = DecisionPoint(policies, KnownByServices(people, tokens))

    # Documents: what offices have made out for a person, and whom the person shows it to.
    documents = Locker(
        runtime,
        policies,
        kinds,
        PeopleWithDocuments(people, tokens),
        ServicesThatAsk(tokens),
        authority,
        ends=(credentials.CredentialsEndWithDocument(),),
    )
    # Documents: what people carry in wallets, and show where they like.
    wallets = credentials.Credentials(
        runtime,
        policies,
        documents,
        WalletsOfPeople(signing_in, people, tokens),
        ServicesThatAsk(tokens),
        authority,
    )
    # Documents: signatures that people make at a distance.
    parties = SigningParties(signing_in, people, tokens, policies)
    signatures = signing.Signing(runtime, authority, parties)

    # Ends: of a consent, an identity, a device, and of all that rests on it.
    copies_end = credentials.CredentialsEndWithConsent()
    withdrawal = Withdrawal(
        policies, ends=(oauth.TokensEndWithConsent(), documents.ends_with_consent, copies_end)
    )
    policies.consent.ends_when_narrowed((copies_end,))
    life = IdentityLife(
        runtime,
        people.proofing,
        ends=(
            signing_in.sessions_end,
            oauth.TokensEndWithIdentity(),
            SharesEndWithIdentity(),
            credentials.CredentialsEndWithIdentity(),
            developers.ServicesEndWithIdentity(place),
        ),
    )
    device_life = DeviceLife(devices, ends=(oauth.TokensEndWithDevice(),))

    # Pages: the officer's desk, the citizen's account.
    desk = Desk(runtime, people, life, Importer(runtime, people, life))
    applications = OnlineApplications(runtime, desk)
    acting = oauth.ActingServices(
        runtime, policies, tokens.clients, withdrawal, signing_in.end_elsewhere
    )
    runtime.pages.name_of = people.staff.name_of
    account = Portal(runtime, policies, withdrawal, people, signing_in, tokens, devices, acting)

    # Operators in an incident, auditors.
    watch = Supervision(Parts(runtime, signing_in.sessions, people, signing_in, tokens, place))
    return Deployment(
        runtime=runtime,
        routes={
            "login": login.routes_of(signing_in),
            "oauth": oauth.routes_of(tokens),
            "policies": policy_routes(questions),
            "portal": portal.routes_of(account),
            "work": portal.staff_routes(StaffAccount(runtime, people, signing_in)),
            "services": oauth.account_routes(acting),
            "developers": developers.routes_of(place),
            "documents": locker.routes_of(documents),
            "credentials": credentials.routes_of(wallets),
            "register": register.routes_of(desk),
            "applications": register.application_routes(applications),
            "supervision": supervision.routes_of(watch),
            "pki": pki_routes(pki),
            "devices": device_routes(device_life),
            "signing": signing.routes_of(signatures),
            "federation": federation.routes_of(allied),
            "audit": audit_routes(runtime.audit),
            "pages": page_routes(runtime.pages),
        },
        who=who_calls(tokens.principal_of_token, signing_in.principal_of_session),
        way_back=tokens.ways_back.of,
        signed_out=tokens.frames.mark,
        frames=tokens.frames.marked,
        resource_metadata=tokens.resource_metadata,
        prepare=(
            prepare_policies,
            prepare_pki,
            prepare_devices,
            locker.prepare,
            credentials.prepare,
            oauth.prepare,
            federation.prepare,
        ),
        on_start=(
            pki.complete_or_void,
            people.notices.say_where_they_go,
            documents.ready,
            wallets.ready,
            signatures.ready,
        ),
        knows_certificates=True,
        parts={
            "pki": authority,
            "register": people,
            "desk": desk,
            "applications": applications,
            "importer": desk.importer,
            "identity_life": life,
            "login": signing_in,
            "oauth": tokens,
            "developers": place,
            "signing": signatures,
            "devices": devices,
            "documents": documents,
            "credentials": wallets,
            "device_life": device_life,
            "federation": allied,
            "policies": policies,
            "supervision": watch,
        },
    )
