"""What the last certificate of a path must be good for — RFC 5280 §4.2.1.3, §4.2.1.9, §4.2.1.12."""

from __future__ import annotations

from asn1crypto import x509

from pki.path.rules import PathRefused, Rules


def check(leaf: x509.Certificate, rules: Rules) -> None:
    """Raises PathRefused. An extension that is missing where it is asked for is a no."""
    constraints = leaf.basic_constraints_value
    if constraints is not None and constraints["ca"].native and not rules.may_be_authority:
        raise PathRefused("is_an_authority", "an authority's certificate is not a holder's")
    if rules.key_usage is not None:
        usage = leaf.key_usage_value
        named = usage.native if usage is not None else set()
        if rules.key_usage not in named or (
            "key_cert_sign" in named and not rules.may_be_authority
        ):
            raise PathRefused("wrong_key_usage", f"it is not meant for {rules.key_usage}")
    if rules.extended_key_usage is not None:
        purposes = leaf.extended_key_usage_value
        named = {purpose.dotted for purpose in purposes} if purposes is not None else set()
        # anyExtendedKeyUsage is no name of a purpose: who meant this one could have said so.
        if rules.extended_key_usage not in named:
            raise PathRefused(
                "wrong_extended_key_usage", f"it is not meant for {rules.extended_key_usage}"
            )
