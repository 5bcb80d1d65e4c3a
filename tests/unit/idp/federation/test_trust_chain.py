"""Trust chains: what makes one valid, and what does not — OpenID Federation §3, §10.2."""

from datetime import timedelta
from typing import Any

import pytest

from idp.federation import jws
from idp.federation.entity_statement import parse
from idp.federation.jws import Invalid
from tests.unit.idp.federation.chains import NOW, Entity, chain, federation

pytestmark = pytest.mark.rfc("openid-federation", "10.2")


def test_a_chain_of_leaf_intermediate_and_anchor_is_valid() -> None:
    leaf, middle, anchor = federation()
    found = chain(
        leaf.configuration(),
        middle.about(leaf),
        anchor.about(middle),
        anchor.configuration(),
        anchor=anchor,
    )
    assert (found.subject, found.anchor) == (leaf.id, anchor.id)
    assert found.metadata == leaf.metadata


@pytest.mark.rfc("openid-federation", "10.4")
def test_a_chain_ends_with_its_shortest_statement() -> None:
    leaf, middle, anchor = federation()
    soon = NOW + timedelta(minutes=2)
    found = chain(
        leaf.configuration(),
        middle.about(leaf),
        anchor.about(middle, exp=jws.seconds(soon)),
        anchor.configuration(),
        anchor=anchor,
    )
    assert found.expires_at == soon


@pytest.mark.rfc("openid-federation", "6.1.4")
@pytest.mark.row("governance", "policy")
def test_the_metadata_is_what_every_superior_allows() -> None:
    leaf, middle, anchor = federation()

    def only(*levels: str) -> dict[str, Any]:
        return {"openid_provider": {"acr_values_supported": {"subset_of": list(levels)}}}

    found = chain(
        leaf.configuration(),
        middle.about(
            leaf,
            metadata={"openid_provider": {"organization_name": "Leaf"}, "oauth_client": {"x": 1}},
            metadata_policy=only("2", "3"),
        ),
        anchor.about(middle, metadata_policy=only("1", "2")),
        anchor.configuration(),
        anchor=anchor,
    )
    assert found.metadata == {
        "openid_provider": {"acr_values_supported": ["2"], "organization_name": "Leaf"}
    }


@pytest.mark.rfc("openid-federation", "6.2.1")
@pytest.mark.parametrize(("length", "valid"), [(0, False), (1, True), (None, True)])
@pytest.mark.row("governance", "constraints")
def test_the_path_is_no_longer_than_allowed(length: int | None, valid: bool) -> None:
    leaf, middle, anchor = federation()
    constraints = {} if length is None else {"max_path_length": length}
    tokens = (
        leaf.configuration(),
        middle.about(leaf, constraints={"max_path_length": 0}),
        anchor.about(middle, constraints=constraints),
        anchor.configuration(),
    )
    if valid:
        chain(*tokens, anchor=anchor)
    else:
        with pytest.raises(Invalid, match="intermediates"):
            chain(*tokens, anchor=anchor)


@pytest.mark.rfc("openid-federation", "6.2.2")
@pytest.mark.parametrize(
    ("naming", "valid"),
    [
        ({"permitted": [".example"]}, True),
        ({"permitted": ["middle.example", "leaf.example"]}, True),
        ({"permitted": ["leaf.example"]}, False),
        ({"permitted": [".leaf.example"]}, False),
        ({"permitted": [".example"], "excluded": ["leaf.example"]}, False),
        ({"excluded": [".other"]}, True),
        ({"permitted": []}, False),
    ],
)
def test_names_stay_within_their_subtree(naming: dict[str, Any], valid: bool) -> None:
    leaf, middle, anchor = federation()
    tokens = (
        leaf.configuration(),
        middle.about(leaf),
        anchor.about(middle, constraints={"naming_constraints": naming}),
        anchor.configuration(),
    )
    if valid:
        chain(*tokens, anchor=anchor)
    else:
        with pytest.raises(Invalid):
            chain(*tokens, anchor=anchor)


@pytest.mark.rfc("openid-federation", "6.2.3")
def test_entity_types_that_are_not_allowed_are_removed() -> None:
    leaf, middle, anchor = federation()
    leaf.metadata = {"openid_provider": {}, "openid_relying_party": {}, "federation_entity": {}}
    found = chain(
        leaf.configuration(),
        middle.about(leaf, constraints={"allowed_entity_types": ["openid_relying_party"]}),
        anchor.about(middle),
        anchor.configuration(),
        anchor=anchor,
    )
    assert set(found.metadata) == {"openid_relying_party", "federation_entity"}


def broken() -> dict[str, tuple[tuple[str, ...], Entity]]:
    leaf, middle, anchor = federation()
    thief = Entity(anchor.id)
    good = [
        leaf.configuration(),
        middle.about(leaf),
        anchor.about(middle),
        anchor.configuration(),
    ]
    past = jws.seconds(NOW - timedelta(minutes=5))
    future = jws.seconds(NOW + timedelta(minutes=5))

    def with_(index: int, token: str) -> tuple[str, ...]:
        return tuple(token if i == index else t for i, t in enumerate(good))

    fake_leaf = Entity(leaf.id, leaf.hints, leaf.metadata)
    policy = {"metadata_policy": {"openid_provider": {"acr_values_supported": {"one_of": []}}}}
    return {
        "an anchor with other keys than the pinned": (with_(3, thief.configuration()), anchor),
        "a whole chain under keys that are not the pinned": (
            (good[0], good[1], thief.about(middle), thief.configuration()), anchor,
        ),
        "an anchor that nobody trusts": (tuple(good), Entity("https://other.example")),
        "a statement missing": ((good[0], good[2], good[3]), anchor),
        "statements in the wrong order": ((good[0], good[2], good[1], good[3]), anchor),
        "a leaf of somebody else": (with_(0, fake_leaf.configuration()), anchor),
        "a statement signed by the subject itself": (
            with_(1, leaf.about(leaf, iss=middle.id)), anchor,
        ),
        "an expired statement": (with_(1, middle.about(leaf, exp=past)), anchor),
        "a statement of the future": (with_(1, middle.about(leaf, iat=future)), anchor),
        "a leaf that names another authority": (
            with_(0, leaf.configuration(authority_hints=["https://other.example"])), anchor,
        ),
        "a leaf that names none": (with_(0, leaf.configuration(authority_hints=...)), anchor),
        "a configuration in the middle": (with_(1, middle.configuration()), anchor),
        "only two statements": ((good[0], good[3]), anchor),
        "a chain too long": (tuple([good[0]] + [good[1]] * 8 + [good[3]]), anchor),
        "a policy of the wrong form": (with_(1, middle.about(leaf, **policy)), anchor),
        "a critical operator unknown": (
            with_(1, middle.about(leaf, metadata_policy_crit=["regexp"])), anchor,
        ),
        "a critical claim unknown": (with_(1, middle.about(leaf, crit=["sanctions"])), anchor),
        "another type of token": (with_(0, leaf.configuration(typ="JWT")), anchor),
        "no tokens at all": ((), anchor),
        "no JWT": (("x", "y", "z"), anchor),
    }  # fmt: skip


BROKEN = broken()


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.row("governance", "chains")
def test_a_broken_chain_is_refused(case: str) -> None:
    tokens, anchor = BROKEN[case]
    with pytest.raises(Invalid):
        chain(*tokens, anchor=anchor)


@pytest.mark.rfc("openid-federation", "3.2")
@pytest.mark.parametrize(
    "claims",
    [
        {"iss": ...}, {"iss": "leaf"}, {"iss": 5}, {"sub": ...}, {"sub": "http://leaf.example"},
        {"sub": "https://leaf.example?x"}, {"iat": ...}, {"iat": "now"}, {"exp": True},
        {"exp": 1e400}, {"jwks": ...}, {"jwks": {}}, {"jwks": {"keys": []}},
        {"jwks": {"keys": [{"kty": "EC"}]}}, {"jwks": {"keys": [{"kid": "a"}, {"kid": "a"}]}},
        {"jwks": {"keys": [{"kid": "a", "kty": "oct", "k": "AA"}]}},
        {"jwks": {"keys": [{"kid": "a", "kty": "EC", "d": "AA"}]}},
        {"metadata": []}, {"metadata": {"openid_provider": []}},
        {"metadata": {"openid_provider": {"issuer": None}}}, {"authority_hints": []},
        {"authority_hints": "x"}, {"authority_hints": ["x"]}, {"trust_marks": {}},
        {"trust_marks": [{}]}, {"trust_marks": [{"trust_mark_type": "x"}]},
        {"trust_mark_issuers": []}, {"trust_mark_issuers": {"x": "y"}},
        {"constraints": {}}, {"metadata_policy": {}}, {"metadata_policy_crit": ["x"]},
        {"source_endpoint": "https://x.example"}, {"aud": "https://x.example"},
        {"trust_anchor": "https://x.example"}, {"crit": []}, {"crit": ["exp"]}, {"crit": "x"},
    ],
)  # fmt: skip
def test_a_configuration_of_the_wrong_form_is_refused(claims: dict[str, Any]) -> None:
    leaf, _, _ = federation()
    if claims.get("exp") == 1e400:
        claims = {"exp": 10**400}
    with pytest.raises(Invalid):
        parse(leaf.configuration(**claims))


@pytest.mark.parametrize(
    "constraints",
    [[], {"max_path_length": -1}, {"max_path_length": True}, {"max_path_length": "1"},
     {"naming_constraints": []}, {"naming_constraints": {"permitted": "x"}},
     {"allowed_entity_types": "x"}, {"allowed_entity_types": ["federation_entity"]}],
)  # fmt: skip
@pytest.mark.rfc("openid-federation", "6.2")
def test_constraints_of_the_wrong_form_are_refused(constraints: Any) -> None:
    leaf, middle, _ = federation()
    with pytest.raises(Invalid):
        parse(middle.about(leaf, constraints=constraints))


@pytest.mark.row("failures", "10")
@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA", "RS256"])
def test_each_algorithm_verifies_with_its_own_key_alone(algorithm: str) -> None:
    one, other = Entity("https://a.example", algorithm=algorithm), Entity("https://a.example")
    statement = parse(one.configuration())
    statement.verified_by(one.jwks["keys"])
    impostor = {**other.jwks["keys"][0], "kid": one.signer.kid}
    impostor.pop("alg")
    with pytest.raises(Invalid):
        statement.verified_by([impostor])
    pinned = {**one.jwks["keys"][0], "alg": "PS256"}
    with pytest.raises(Invalid):
        statement.verified_by([pinned])


@pytest.mark.row("failures", "10")
@pytest.mark.parametrize("tamper", ["empty", "none", "hmac", "cut", "flip"])
def test_a_signature_that_is_none_never_verifies(tamper: str) -> None:
    one = Entity("https://a.example")
    header, payload, signature = one.configuration().split(".")
    if tamper in ("none", "hmac"):
        alg = "none" if tamper == "none" else "HS256"
        header = jws._encode({"alg": alg, "kid": one.signer.kid, "typ": "entity-statement+jwt"})
    signature = {
        "empty": "", "none": "", "hmac": signature, "cut": signature[:-4],
        "flip": ("A" if signature[0] != "A" else "B") + signature[1:],
    }[tamper]  # fmt: skip
    with pytest.raises(Invalid):
        parse(f"{header}.{payload}.{signature}").verified_by(one.jwks["keys"])
