"""The printing house's file is encrypted for its certificate — RFC 5652 §6."""

from __future__ import annotations

import csv
import io
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from foundation.pages import Pages
from foundation.settings import Jurisdiction, SettingsError
from idp.register import csv_text, printing
from idp.register.activation import IssuedCode
from idp.register.letters import Printed
from idp.register.profile import Profile
from tests.support.english import english_on

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PRIVATE = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def house(folder: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Path:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Printing house")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=30))
    (folder / "key.pem").write_bytes(key.private_bytes(*PRIVATE))
    file = folder / "house.pem"
    file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return file


def test_the_printing_house_opens_its_file_with_openssl_and_nobody_reads_it(
    tmp_path: Path,
) -> None:
    found = printing.certificate(house(tmp_path, rsa.generate_private_key(65537, 2048)))
    content = '{"code": "ABCDE", "name": "Jüri"}\n'.encode()
    (tmp_path / "letters.p7m").write_bytes(printing.encrypted(content, found))
    assert b"ABCDE" not in (tmp_path / "letters.p7m").read_bytes()
    opened = subprocess.run(
        ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", "letters.p7m",
         "-inkey", "key.pem", "-binary"],
        cwd=tmp_path, capture_output=True, check=True,
    )  # fmt: skip
    assert opened.stdout == content


def test_a_certificate_that_cannot_be_used_is_told_before_any_code_is_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="RSA"):
        printing.certificate(house(tmp_path, ec.generate_private_key(ec.SECP256R1())))
    (tmp_path / "junk.pem").write_text("junk")
    with pytest.raises(SettingsError, match="PEM"):
        printing.certificate(tmp_path / "junk.pem")
    with pytest.raises(SettingsError):
        printing.certificate(tmp_path / "absent.pem")


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1", "@x", "\tx"])
def test_no_cell_is_a_formula(name: str) -> None:
    written = csv_text(("name", "town"), [{"name": name, "town": "Jõhvi"}])
    assert list(csv.DictReader(io.StringIO(written))) == [{"name": f"'{name}", "town": "Jõhvi"}]


@pytest.mark.parametrize(
    ("locale", "language", "direction", "says"),
    [
        ("fr-CA", "fr", "ltr", "Tapez ce code."),
        ("ar", "ar", "rtl", "اكتب هذا الرمز."),
        ("en-GB", "en", "ltr", "Type this code."),
        ("tlh", "fr", "ltr", "Tapez ce code."),  # the city's first language
        ("", "fr", "ltr", "Tapez ce code."),
    ],
)
def test_a_letter_speaks_the_language_of_its_reader(
    locale: str, language: str, direction: str, says: str
) -> None:
    here = Jurisdiction(city="Genève", country="CH", languages=("fr", "ar", "en"))
    pages = Pages({"register": Path(printing.__file__).parent / "pages"}, here)
    person = Profile("AB12345", "Amal", "Haddad", date(1990, 1, 2), locale=locale)
    made = Printed(1, person, IssuedCode("ABCDE-FGHIJ", "per_1", NOW))
    letter = printing._html(pages, "https://id.example/activate", [made]).decode()
    assert f'<article lang="{language}" dir="{direction}">' in letter
    assert says in letter
    assert language == "en" or not english_on(letter.partition("<article")[2], language)
