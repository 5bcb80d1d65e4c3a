"""A city where a service asks a citizen for signatures, and what others verify them with."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from documents.signing import Signing, prepare, with_evidence
from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.register import Evidence, Findings, Profile
from tests.support.city import PASSWORD, City, Visitor
from tests.support.client import TestClient

DOCUMENT = b"I rent the flat at Raekoja plats 1 for a year."
RETURN = "https://rents.example/back"
NAME = "first.citizen"


class SigningCity(City):
    """With a service that may ask, and a citizen who may be asked."""

    def __init__(self, settings: Settings, clock: FrozenClock) -> None:
        super().__init__(settings, clock)
        self.signing: Signing = self.deployment.parts["signing"]
        self.persons = [self._enrol(number) for number in ("AB123456", "AB123457")]
        self.service = self.client("Rents")

    def _enrol(self, number: str) -> str:
        """Somebody whose papers an officer saw: level 2."""
        seen = Evidence("register-extract", "civil-register", "register-query", "", True, True)
        # Two of one name and birth date would be held until officers have compared them.
        born = date(1990 if number == "AB123456" else 1955, 5, 17)
        who = Profile(number, "Léïda", "Õunapuu", born, locality="Tallinn", country="EE")
        officer = Actor("staff", "stf_officer")
        now = self.clock.now()
        return str(
            self.register.enrolment.enrol(
                who, Findings(2, (seen,)), officer, "2026-01", now
            ).person.id
        )

    def client(self, name: str, scope: str = "documents:sign") -> Service:
        added = self.deployment.parts["oauth"].clients.add(
            {
                "client_name": name,
                "grant_types": ["client_credentials", "authorization_code"],
                "redirect_uris": [RETURN],
                "scope": scope,
                "purpose": "city.residence-services",
            },
            self.clock.now(),
        )
        return Service(self, added.client.id, added.secret or "", scope)

    def root(self, folder: Path) -> Path:
        """A file with the root's certificate."""
        authority = self.deployment.parts["pki"]
        file = folder / "root.pem"
        certificate = authority.hierarchy.named("root")[0].certificate
        file.write_bytes(certificate.public_bytes(Encoding.PEM))
        return file


class Service:
    """An e-service: it keeps the documents, and sends hashes."""

    def __init__(self, city: SigningCity, client_id: str, secret: str, scope: str) -> None:
        self._city = city
        self.id = client_id
        self.http = TestClient(city.app, base_url="http://localhost:8000")
        self._auth, self._scope = (client_id, secret), scope

    @property
    def bearer(self) -> dict[str, str]:
        answer = self.http.post(
            "/oauth/token",
            data={"grant_type": "client_credentials", "scope": self._scope},
            auth=self._auth,
        )
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self.http.post(path, json=body, headers=self.bearer)

    def ask(self, document: bytes = DOCUMENT, **more: Any) -> dict[str, Any]:
        answer = self.post("/sign/v1/transactions", asked(document, **more))
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def look(self, transaction: str) -> dict[str, Any]:
        answer = self.http.get(f"/sign/v1/transactions/{transaction}", headers=self.bearer)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def signature(self, transaction: str) -> bytes:
        return base64.b64decode(self.look(transaction)["signatures"][0])


FILES = {"Mietvertrag für Öö.txt": DOCUMENT, "plan & list+1.txt": b"Two rooms.", "a.pdf": b"%PDF-"}


def of_files(files: Mapping[str, bytes] = FILES, **more: Any) -> dict[str, Any]:
    """What a service sends to have these files signed by name."""
    return {
        "documents": [
            {"title": name, "hash": sha256(content), "name": name, "media_type": "text/plain"}
            for name, content in files.items()
        ],
        **more,
    }


def in_container(
    city: SigningCity,
    citizen: Visitor,
    form: str = "asic-xades",
    conformance: str = "Ades-B-T",
    files: Mapping[str, bytes] = FILES,
    **more: Any,
) -> dict[str, bytes]:
    """What a signature of these files puts into their container."""
    asked = city.service.ask(**of_files(files, form=form, conformance_level=conformance, **more))
    sign(citizen, f"/sign/{asked['transaction']}")
    told = city.service.look(asked["transaction"])
    return {name: base64.b64decode(content) for name, content in told["files"].items()}


def for_later(city: SigningCity, citizen: Visitor, pdf: bytes, level: str) -> bytes:
    """A PDF that is signed, with what verifiers of later years need in it."""
    prepared = prepare(pdf, city.clock.now())
    digest = base64.b64encode(prepared.digest).decode()
    asked = city.service.ask(
        documents=[{"title": "Contract", "hash": digest}], form="pades", conformance_level=level
    )
    sign(citizen, f"/sign/{asked['transaction']}")
    told = city.service.look(asked["transaction"])
    taken = {
        member: [base64.b64decode(one) for one in told[member]]
        for member in ("signatures", "certificates", "answers", "lists")
    }
    return with_evidence(
        prepared.with_signature(taken["signatures"][0]),
        taken["certificates"],
        taken["answers"],
        taken["lists"],
        city.signing.authority.time_stamping.stamp_over if level == "Ades-B-LTA" else None,
    )


def asked(document: bytes = DOCUMENT, **more: Any) -> dict[str, Any]:
    return {
        "documents": [{"title": "Rental contract", "hash": sha256(document)}],
        "return_uri": RETURN,
        **more,
    }


def sha256(document: bytes) -> str:
    return base64.b64encode(hashlib.sha256(document).digest()).decode()


def prove(visitor: Visitor, path: str, name: str = NAME) -> Any:
    """Press the button, and sign in for this very signature; what it led to."""
    led = visitor.post(path, path, answer="sign")
    assert led.status_code == 303, led.text
    sign_in = led.headers["location"]
    assert sign_in.startswith("/sign-in?"), sign_in
    return visitor.post(sign_in, sign_in, name=name, password=PASSWORD)


def sign(visitor: Visitor, path: str, name: str = NAME) -> Any:
    """All that a person does to sign."""
    back = prove(visitor, path, name)
    assert back.headers["location"] == path
    return visitor.post(path, path, answer="sign")


def openssl_cms(
    folder: Path, root: Path, signature: bytes, document: bytes, at: int
) -> subprocess.CompletedProcess[bytes]:
    """OpenSSL's own verdict on a detached signature."""
    (folder / "signature.der").write_bytes(signature)
    (folder / "document").write_bytes(document)
    return subprocess.run(
        [
            "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "signature.der",
            "-content", "document", "-CAfile", str(root), "-purpose", "any",
            "-attime", str(at), "-out", "/dev/null",
        ],
        cwd=folder,
        capture_output=True,
    )  # fmt: skip
