"""A client against the catalogue of purposes and attributes — GDPR art. 5(1)(c)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from foundation.nearest import instead
from idp.oauth.client import (
    CIBA,
    DEVICE_CODE,
    OFFLINE_ACCESS,
    OPENID,
    OPENID_CREDENTIAL,
    PRE_AUTHORIZED_CODE,
    SIGNALS_MANAGE,
    SIGNALS_READ,
    Client,
)
from idp.oauth.members import InvalidClientMetadata
from policies import Catalogue


def against(catalogue: Catalogue) -> Callable[[Client], Client]:
    """A function that refuses what the catalogue does not know, and completes the rest."""
    personal = frozenset({OPENID, *catalogue.scopes()})

    def complete(client: Client) -> Client:
        if client.kind == "federated":
            return _federated(client, catalogue)
        for purpose in client.purposes:
            if purpose not in catalogue.purposes:
                raise InvalidClientMetadata(
                    f"purposes: {purpose!r} is not known. {instead(purpose, catalogue.purposes)}",
                    where="purposes",
                )
        about_people = {"authorization_code", DEVICE_CODE, PRE_AUTHORIZED_CODE, CIBA}
        if client.grant_types & about_people and not client.purposes:
            raise InvalidClientMetadata(
                "purposes is needed: what people are told they are signed in for",
                where="purposes",
            )
        for scope in client.scopes:
            own = (OFFLINE_ACCESS, SIGNALS_READ, SIGNALS_MANAGE)
            if scope not in personal and scope not in own and ":" not in scope:
                known = sorted({*personal, *own})
                raise InvalidClientMetadata(
                    f"scope: {scope!r} is not known. {instead(scope, known)}", where="scope"
                )
        _check_details(client, catalogue)
        for name in client.attributes | client.required_attributes:
            if name not in catalogue.attributes:
                raise InvalidClientMetadata(
                    f"attributes: {name!r} is not in the catalogue", where="attributes"
                )
        return _with_reasons(_completed(client, catalogue))

    return complete


def _check_details(client: Client, catalogue: Catalogue) -> None:
    for kind in client.authorization_details_types:
        if kind not in catalogue.authorization_types:
            raise InvalidClientMetadata(
                f"authorization_details_types: {kind!r} is not known. "
                f"{instead(kind, catalogue.authorization_types)}",
                where="authorization_details_types",
            )


def _completed(client: Client, catalogue: Catalogue) -> Client:
    """Without a list of its own, a client is registered for what its scopes ask; a wallet for every
    kind of credential that there is."""
    if client.is_wallet:
        kinds = catalogue.authorization_types[OPENID_CREDENTIAL].fields
        offered = kinds["credential_configuration_id"].values
        client = replace(client, scopes=client.scopes | offered.keys())
    by_scope = {name for scope in client.scopes for name in catalogue.attributes_of_scope(scope)}
    attributes = frozenset(client.attributes or by_scope) | client.required_attributes
    return replace(client, attributes=attributes)


def _with_reasons(client: Client) -> Client:
    """Each reason is for something that the client may ask for."""
    for tagged in client.attribute_reasons:
        if tagged.partition("#")[0] not in client.attributes:
            raise InvalidClientMetadata(
                f"attribute_reasons: {tagged!r} is none of what this client may ask for: "
                + ", ".join(sorted(client.attributes)),
                where="attribute_reasons",
            )
    return client


def _federated(client: Client, catalogue: Catalogue) -> Client:
    # A leaf describes itself to many: what we do not know of it, it simply does not get.
    known = frozenset({OPENID, OFFLINE_ACCESS, *catalogue.scopes()})
    trimmed = replace(
        client,
        purposes=tuple(p for p in client.purposes if p in catalogue.purposes)
        or ("identity.sign-in",),
        scopes=client.scopes & known,
        attributes=client.attributes & catalogue.attributes.keys(),
        required_attributes=frozenset(),
    )
    return _completed(trimmed, catalogue)
