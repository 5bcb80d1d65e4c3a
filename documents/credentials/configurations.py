"""The kinds of credentials that are issued here — OpenID4VCI §12.2.4, SD-JWT VC §6.

A person's identity, and each kind of document that has a use for the purpose of wallets. The scope
that asks for one is its identifier; what it says are claims of the catalogue, so that consent page
and decision know them as they know all others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from documents.credentials.mdoc.issued import day
from documents.credentials.sd_jwt import Hidden
from documents.locker import Content, Document, Kind, Kinds
from foundation.marking import N_
from policies import AuthorizationType, Catalogue, DetailField

FORMAT, MDOC = "dc+sd-jwt", "mso_mdoc"
FORMATS = (FORMAT, MDOC)
PURPOSE = "wallet"
DETAILS_TYPE = "openid_credential"
IDENTITY = "credential.identity"
AGES = (12, 14, 16, 18, 21, 65)
_OF_A_DOCUMENT = "credential."

# What the identity says: the claim, its label, and the claim of the catalogue that permits it.
_IDENTITY: tuple[tuple[str, str, str], ...] = (
    ("name", N_("Full name"), "name"),
    ("given_name", N_("Given name"), "given_name"),
    ("family_name", N_("Family name"), "family_name"),
    ("birthdate", N_("Date of birth"), "birthdate"),
    ("address", N_("Address"), "address"),
    ("resident_of_city", N_("Lives in the city"), "resident_of_city"),
    ("age_over_18", N_("Is over 18"), "age_over_18"),
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of a kind of credential. `path`: where it stands in it. `labels`: by language."""

    path: tuple[str, ...]
    label: str
    labels: Mapping[str, str]
    always: bool = False
    day: bool = False

    @property
    def element(self) -> str:
        """How an mdoc calls it, which has no claims in claims."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Configuration:
    """One kind of credential. `attributes`: the claims of the catalogue that it is made from;
    `places`: how many digests it has, whoever it is for."""

    id: str
    title: str
    titles: Mapping[str, str]
    claims: tuple[Claim, ...]
    attributes: tuple[str, ...]
    kind: Kind | None = None

    @property
    def places(self) -> int:
        return sum(1 for claim in self.claims if len(claim.path) == 1 and not claim.always)

    def permitted_by(self, path: tuple[str, ...]) -> str | None:
        """The claim of the catalogue that a purpose must have a use for, to ask for this one; None
        for what says nothing of a person but how sure it is."""
        if self.kind is not None:
            return self.kind.claim
        name = path[0]
        if name.startswith("age_over_"):
            return "age_over_18"
        return next((attribute for claim, _, attribute in _IDENTITY if claim == name), None)

    def title_in(self, language: str) -> str:
        return self.titles.get(language, self.title)

    @property
    def forms(self) -> tuple[Form, ...]:
        """The forms that a wallet can have it in, that of SD-JWT VC first."""
        return (Form(self.id, FORMAT, self), Form(f"{self.id}.{MDOC}", MDOC, self))


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of credential in one form, as wallets ask for it (`credential_configuration_id`). A
    person agrees to what it says; which form their wallet reads is no matter of theirs."""

    id: str
    format: str
    configuration: Configuration

    def identifier(self, of: str) -> str:
        """Under which one such credential is asked for in this form; `of`: in the first one."""
        return of if self.format == FORMAT else f"{of}.{self.format}"

    def identified(self, identifier: str) -> str:
        """The way back."""
        return identifier if self.format == FORMAT else identifier.removesuffix(f".{self.format}")


def forms(known: Mapping[str, Configuration]) -> Mapping[str, Form]:
    """All forms of these kinds, by their identifiers."""
    return {form.id: form for one in known.values() for form in one.forms}


def type_name(url: str, configuration: str, form: str) -> str:
    """The type that a credential names: an address where it is described (`vct`, SD-JWT VC §3.2.2);
    in an mdoc a name that begins with whose it is (`docType`, ISO/IEC 18013-5 §8.3.1)."""
    if form == FORMAT:
        return f"{url}/credentials/types/{configuration}"
    host = urlsplit(url).hostname or ""
    return ".".join((*reversed(host.split(".")), configuration))


def _identity() -> Configuration:
    claims = [Claim((name,), label, {}, day=name == "birthdate") for name, label, _ in _IDENTITY]
    ages = [
        Claim((f"age_over_{age}",), f"Is over {age}", {"fr": f"A plus de {age} ans"})
        for age in AGES
        if age != 18
    ]
    level = Claim(("assurance_level",), N_("How sure it is that it is this person"), {})
    return Configuration(
        IDENTITY,
        N_("Identity"),
        {"fr": "Identité", "ar": "الهوية"},
        (*claims, *ages, level),
        tuple(attribute for _, _, attribute in _IDENTITY),
    )


def of_kind(kind: Kind) -> Configuration:
    """The credential that a document of this kind is carried as."""
    claims = (
        Claim(("number",), N_("Number"), {}),
        Claim(("holder", "name"), N_("Full name"), {}),
        Claim(("holder", "birthdate"), N_("Date of birth"), {}, day=True),
        *(Claim(("content", f.name), f.label, f.labels, day=f.type == "date") for f in kind.field),
    )
    return Configuration(
        f"{_OF_A_DOCUMENT}{kind.issuer}.{kind.id}",
        kind.title,
        kind.titles,
        claims,
        (kind.claim,),
        kind,
    )


def configurations(kinds: Kinds) -> Mapping[str, Configuration]:
    """All of them by their identifiers, the identity first."""
    carried = (of_kind(kind) for kind in kinds.kinds.values() if PURPOSE in kind.purposes)
    return {one.id: one for one in (_identity(), *carried)}


def extend(kinds: Kinds, issuer: str = "", called: str = "") -> Callable[[Catalogue], Catalogue]:
    """What the tables of the decision say more: by which scope each kind of credential is asked
    for, and the type of authorization in detail that names one (OpenID4VCI §5.1). `issuer`: where
    it is from, as `locations` may say; `called`: what people call that."""
    known = forms(configurations(kinds))

    def extended(catalogue: Catalogue) -> Catalogue:
        asked_by: dict[str, tuple[str, ...]] = {}
        for one in known.values():
            for name in one.configuration.attributes:
                asked_by[name] = (*asked_by.get(name, ()), one.id)
        attributes = {
            name: replace(row, scopes=(*row.scopes, *asked_by.get(name, ())))
            for name, row in catalogue.attributes.items()
        }
        which = DetailField(
            "credential_configuration_id",
            N_("Credential"),
            "choice",
            True,
            {one.id: one.configuration.title for one in known.values()},
        )
        whose = DetailField("locations", N_("From"), "choices", False, {issuer: called})
        asks = AuthorizationType(
            DETAILS_TYPE,
            N_("To hold a credential of yours in a wallet"),
            {field.name: field for field in (which, whose)},
        )
        said = f"{catalogue.digest}{' '.join(known)}"
        return replace(
            catalogue,
            attributes=attributes,
            authorization_types={**catalogue.authorization_types, asks.id: asks},
            digest=hashlib.sha256(said.encode()).hexdigest(),
        )

    return extended


# ── what one says of a person ─────────────────────────────────────────────────────────


def of_identity(released: Mapping[str, Any], age: int | None, acr: str) -> dict[str, Any]:
    """The claims of an identity, each hidden until its holder discloses it.

    `released`: what the decision permitted. Ages follow from the birth date, so they are in it
    where the birth date, or the age that the catalogue knows, was chosen.
    """
    claims: dict[str, Any] = {
        name: released[attribute]
        for name, _, attribute in _IDENTITY
        if released.get(attribute) is not None
    }
    if age is not None and "birthdate" in released:
        claims |= {f"age_over_{limit}": age >= limit for limit in AGES}
    if claims:
        claims["assurance_level"] = acr
    return {name: Hidden(value) for name, value in claims.items()}


def of_document(document: Document, content: Content) -> dict[str, Any]:
    """The claims of a document; each field is disclosed by itself."""
    return {
        "number": Hidden(content.number),
        "holder": {"name": Hidden(content.name), "birthdate": Hidden(content.birthdate)},
        "content": {name: Hidden(value) for name, value in content.fields.items()},
    }


def elements(configuration: Configuration, claims: Mapping[str, Any]) -> dict[str, Any]:
    """The same claims as the elements of an mdoc: each by itself, a day as a day."""
    found: dict[str, Any] = {}
    for claim in configuration.claims:
        value: Any = claims
        for name in claim.path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if isinstance(value, Hidden) and value.value is not None:
            found[claim.element] = day(value.value) if claim.day else value.value
    return found
