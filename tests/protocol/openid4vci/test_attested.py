"""Keys of wallets that somebody vouches for — OpenID4VCI Annex D, F.1, F.3."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from documents.credentials.attestations import Attesters, attesters_in
from documents.credentials.proofs import Key
from foundation.settings import SettingsError
from tests.support.city import Visitor
from tests.support.holding import read
from tests.support.lockers import Lockers
from tests.support.wallets import Phone, offer_page, public_jwk

IDENTITY = "credential.identity"


class Maker:
    """Who makes phones, and vouches for the keys in them: a root, and a key that it certified."""

    def __init__(self, city: Lockers) -> None:
        self.now = city.clock.now()
        self.root_key, self.key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root = self._certificate("Maker", self.root_key, None)
        self.leaf = self._certificate("Maker's attestations", self.key, self.root)

    def _certificate(
        self, name: str, key: ec.EllipticCurvePrivateKey, by: x509.Certificate | None
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        above = self.root_key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if by is None else by.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - timedelta(days=1))
            .not_valid_after(self.now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(by is None, None), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False
            )
            .add_extension(_usage(authority=by is None), critical=True)
            .sign(self.root_key, hashes.SHA256())
        )

    def vouches(
        self,
        keys: Sequence[Any],
        nonce: Any = None,
        header: dict[str, Any] | None = None,
        key: Any = None,
        **changed: Any,
    ) -> str:
        now = int(self.now.timestamp())
        said = {
            "iat": now,
            "exp": now + 3600,
            "attested_keys": [one if isinstance(one, dict) else public_jwk(one) for one in keys],
            "key_storage": ["iso_18045_high"],
            "nonce": nonce,
            **changed,
        }
        said = {name: value for name, value in said.items() if value is not None}
        chain = [base64.b64encode(self.leaf.public_bytes(Encoding.DER)).decode()]
        head = {"typ": "key-attestation+jwt", "x5c": chain, **(header or {})}
        return jwt.encode(said, key or self.key, algorithm="ES256", headers=head)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


@pytest.fixture
def maker(city: Lockers) -> Maker:
    """Whom the operator believes from here on."""
    made = Maker(city)
    issuing = city.deployment.parts["credentials"].issuing
    issuing.attesters = Attesters([made.root.public_bytes(Encoding.DER)], issuing.settings.batch)
    return made


@pytest.fixture
def ready(phone: Phone, citizen: Visitor) -> Phone:
    assert phone.redeem(*phone.read(offer_page(citizen, IDENTITY).text)).status_code == 200
    return phone


def new_keys(count: int = 3) -> list[ec.EllipticCurvePrivateKey]:
    return [ec.generate_private_key(ec.SECP256R1()) for _ in range(count)]


def bound_to(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    given = [one["credential"].partition("~")[0] for one in answer.json()["credentials"]]
    return [read(one)["cnf"]["jwk"]["x"] for one in given]


def ask(phone: Phone, proofs: Any) -> Any:
    return phone.ask({**phone.which(), "proofs": proofs})


def word(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"])


@pytest.mark.rfc("OpenID4VCI", "F.3")
def test_all_keys_that_are_vouched_for_get_a_copy(
    city: Lockers, ready: Phone, maker: Maker
) -> None:
    said = city.browser().http.get("/.well-known/openid-credential-issuer").json()
    proven = said["credential_configurations_supported"][IDENTITY]["proof_types_supported"]
    assert proven["jwt"]["key_attestations_required"] == {}
    assert "ES256" in proven["attestation"]["proof_signing_alg_values_supported"]
    keys = new_keys()
    attestation = maker.vouches(keys, ready.new_nonce())
    assert bound_to(ask(ready, {"attestation": [attestation]})) == [
        public_jwk(key)["x"] for key in keys
    ]
    # Its nonce counts once.
    assert word(ask(ready, {"attestation": [attestation]})) == "invalid_nonce"


@pytest.mark.rfc("OpenID4VCI", "F.1")
def test_a_proof_brings_who_vouches_for_its_key(ready: Phone, maker: Maker) -> None:
    keys, nonce = new_keys(), ready.new_nonce()
    head = {"key_attestation": maker.vouches(keys)}
    proofs = [ready.proof_of(key, nonce, head) for key in keys[:2]]
    assert bound_to(ask(ready, {"jwt": proofs})) == [public_jwk(key)["x"] for key in keys]


@pytest.mark.rfc("OpenID4VCI", "D.1")
@pytest.mark.row("failures", "7")
def test_a_key_that_nobody_vouches_for_gets_no_copy(ready: Phone, maker: Maker) -> None:
    (key, other), nonce = new_keys(2), ready.new_nonce()
    stranger = Maker(ready.city)
    assert word(ask(ready, {"jwt": [ready.proof_of(key, nonce)]})) == "invalid_proof"
    thief: Key = ec.generate_private_key(ec.SECP256R1())
    private = {**public_jwk(key), "d": "AA"}
    made = maker.vouches([key], nonce)
    head, content, _ = made.split(".")
    for wrong in (
        maker.vouches([key], nonce, key=thief),
        stranger.vouches([key], nonce),
        maker.vouches([key], nonce, {"x5c": None}),
        maker.vouches([key], nonce, {"x5c": []}),
        maker.vouches([key], nonce, {"x5c": ["AA"]}),
        maker.vouches([key], nonce, {"x5c": [7]}),
        maker.vouches([key], nonce, {"typ": "JWT"}),
        maker.vouches([key], nonce, {"crit": ["x"], "x": 1}),
        maker.vouches([key], nonce, iat=None),
        maker.vouches([key], nonce, iat=99_999_999_999),
        maker.vouches([key], nonce, exp=1),
        maker.vouches([], nonce),
        maker.vouches(new_keys(11), nonce),
        maker.vouches([private], nonce),
        maker.vouches([{"kty": "oct", "k": "AA"}], nonce),
        maker.vouches([key], 7),
        f"{head}.{content}.{'A' * 86}",
        "x",
        "a.b.c",
    ):
        assert word(ask(ready, {"attestation": [wrong]})) == "invalid_proof", wrong[:80]
    for proof in (
        ready.proof_of(other, nonce, {"key_attestation": maker.vouches([key])}),
        ready.proof_of(key, nonce, {"key_attestation": 7}),
    ):
        assert word(ask(ready, {"jwt": [proof]})) == "invalid_proof"
    two = [maker.vouches([one], nonce) for one in (key, other)]
    assert word(ask(ready, {"attestation": two})) == "invalid_proof"
    old = ready.proof_of(key, nonce, {"key_attestation": maker.vouches([key], "another")})
    assert word(ask(ready, {"jwt": [old]})) == "invalid_nonce"
    assert word(ask(ready, {"attestation": [maker.vouches([key])]})) == "invalid_nonce"
    assert word(ask(ready, {"attestation": [maker.vouches([key], "x")]})) == "invalid_nonce"
    # And after all that the nonce is still good.
    assert ask(ready, {"attestation": [made]}).status_code == 200


def test_where_nobody_is_asked_an_attestation_is_no_proof(ready: Phone) -> None:
    (key,) = new_keys(1)
    made = Maker(ready.city).vouches([key], ready.new_nonce())
    assert word(ask(ready, {"attestation": [made]})) == "invalid_proof"


def test_a_file_without_certificates_is_told_at_the_start(tmp_path: Path) -> None:
    assert not attesters_in(None, 10).required
    for content in (None, b"", b"no certificate"):
        file = tmp_path / "roots.pem"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(SettingsError, match="key_attesters"):
            attesters_in(file, 10)
