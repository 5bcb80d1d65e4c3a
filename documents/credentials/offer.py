"""Credential offers and issuer metadata, as wallets read them — OpenID4VCI §4.1.1, §12.2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from documents.credentials.configurations import FORMAT, Claim, Configuration, Form, type_name
from documents.credentials.mdoc import cose
from foundation.pages import Translator

PRE_AUTHORIZED = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
TX_CODE_DIGITS = 6
PATHS = {
    "credential_endpoint": "/openid4vci/credential",
    "deferred_credential_endpoint": "/openid4vci/deferred",
    "nonce_endpoint": "/openid4vci/nonce",
    "notification_endpoint": "/openid4vci/notification",
}


def offer_of(issuer: str, which: Sequence[str], code: str) -> dict[str, Any]:
    """An offer by a pre-authorised code, with a code that the person types. `which`: forms of the
    one credential that is ready; the wallet takes that which it reads."""
    return {
        "credential_issuer": issuer,
        "credential_configuration_ids": list(which),
        "grants": {
            PRE_AUTHORIZED: {
                "pre-authorized_code": code,
                "tx_code": {"input_mode": "numeric", "length": TX_CODE_DIGITS},
            }
        },
    }


def metadata_of(
    issuer: str,
    name: str,
    known: Iterable[Configuration],
    batch: int,
    algorithm: str,
    encryption: Mapping[str, Any],
    proven: Mapping[str, Any],
    languages: Sequence[Translator],
) -> dict[str, Any]:
    """The document at `/.well-known/openid-credential-issuer`. The authorization server is the
    same, so it is not named (§12.2.4)."""
    return {
        "credential_issuer": issuer,
        **{member: issuer + path for member, path in PATHS.items()},
        "batch_credential_issuance": {"batch_size": batch},
        **encryption,
        "display": [{"name": name, "locale": words.language} for words in languages],
        "credential_configurations_supported": {
            form.id: _configuration(issuer, form, algorithm, proven, languages)
            for one in known
            for form in one.forms
        },
    }


def _configuration(
    issuer: str,
    form: Form,
    algorithm: str,
    proven: Mapping[str, Any],
    languages: Sequence[Translator],
) -> dict[str, Any]:
    one, named = form.configuration, type_name(issuer, form.configuration.id, form.format)
    if form.format == FORMAT:
        own: dict[str, Any] = {
            "vct": named,
            "cryptographic_binding_methods_supported": ["jwk"],
            "credential_signing_alg_values_supported": [algorithm],
        }
    else:
        # Annex A.2.2: algorithms by the numbers of COSE.
        own = {
            "doctype": named,
            "cryptographic_binding_methods_supported": ["cose_key"],
            "credential_signing_alg_values_supported": [cose.ALGORITHMS[algorithm]],
        }
    return {
        "format": form.format,
        "scope": form.id,
        **own,
        "proof_types_supported": proven,
        "credential_metadata": {
            "display": [
                {"name": title_of(one, words), "locale": words.language} for words in languages
            ],
            "claims": [
                {
                    "path": list(claim.path) if form.format == FORMAT else [named, claim.element],
                    "display": [
                        {"name": label_of(claim, words), "locale": words.language}
                        for words in languages
                    ],
                }
                for claim in one.claims
            ],
        },
    }


def type_of(one: Configuration, vct: str, languages: Sequence[Translator]) -> Mapping[str, Any]:
    """What a `vct` stands for: type metadata — SD-JWT VC §6.2."""
    return {
        "vct": vct,
        "name": one.title,
        "display": [
            # Both spellings: drafts before -11 of SD-JWT VC write lang.
            {"locale": words.language, "lang": words.language, "name": title_of(one, words)}
            for words in languages
        ],
        "claims": [
            {
                "path": list(claim.path),
                "sd": "always",
                "display": [
                    {
                        "locale": words.language,
                        "lang": words.language,
                        "label": label_of(claim, words),
                    }
                    for words in languages
                ],
            }
            for claim in one.claims
        ],
    }


def title_of(one: Configuration, words: Translator) -> str:
    """What people call it."""
    return one.titles.get(words.language) or words(one.title)


def label_of(claim: Claim, words: Translator) -> str:
    """What people call a claim."""
    return claim.labels.get(words.language) or words(claim.label)
