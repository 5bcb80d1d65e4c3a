"""A restore as an operator does it: told in numbers, and nothing of before is good again."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from civitas import governance
from civitas.configuration import settings_of
from idp.register import InvitationRefused, Register
from pki import Caller, EnrolmentUnauthorized, Pki
from tests.contract.composition.test_backup import beside, found, run
from tests.support.devices import City, csr, new_key
from tests.support.postgresql import PostgreSQL
from tests.support.status import asking, revoke, serial


def told(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


@contextmanager
def opened(config: Path) -> Iterator[City]:
    """The devices' package of a deployment, in this process."""
    deployment = governance.assemble(settings_of(config))
    parts = deployment.parts
    authority, devices = parts["pki"], parts["devices"]
    pki = Pki(authority, devices.gate)
    yield City(deployment.runtime, authority, devices, parts["device_life"], pki)
    deployment.runtime.close()


class Before:
    """A deployment with a mark in a file, backed up; what came to be and was revoked since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = found(folder / "old")
        mark = f'mark_file = "{folder / "mark"}"'
        text, times = re.subn("^mark_file = .*$", mark, self.config.read_text(), flags=re.MULTILINE)
        assert times == 1
        self.config.write_text(text)
        self.invitation = told("staff", "invite", "--role", "auditor", "--config", str(self.config))
        with opened(self.config) as city:
            _, _, self.lamp = city.enrolled()
            _, _, self.held = city.enrolled()
            self.waiting = city.register()
            city.authority.lists.whole("devices", city.now)
            city.runtime.audit.tree.sequence(city.now)
        self.backup, self.keys = folder / "db.backup", folder / "keys.backup"
        run("backup", str(self.backup), "--config", str(self.config))
        run("backup", str(self.keys), "--person-keys", "--config", str(self.config))
        with opened(self.config) as city:
            _, _, self.lost = city.enrolled()
            city.enrol(self.waiting, csr(new_key(), self.waiting.device.id))
            revoke(city, self.lamp, "keyCompromise")
            revoke(city, self.lost, "superseded")
            revoke(city, self.held, "certificateHold")
            city.runtime.audit.tree.sequence(city.now)
        self.last = folder / "last.crl"
        run("ca", "crl", "devices", "-o", str(self.last), "--config", str(self.config))

    def place(self, name: str, *changes: str) -> Path:
        """A new place for it, with a copy of the mark that survived."""
        shutil.copy2(self.folder / "mark", self.folder / f"{name}-mark")
        mark = f'{self.folder / "mark"}"', f'{self.folder / name}-mark"'
        return beside(self.config, *mark, *changes, name=name)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Before:
    """Made once: nobody writes to it."""
    return Before(tmp_path_factory.mktemp("before"))


@pytest.fixture(params=["sqlite", "postgresql"])
def target(
    request: pytest.FixtureRequest, before: Before, postgresql_server: PostgreSQL
) -> Iterator[Path]:
    """A new place, on either database, for the same deployment."""
    if request.param == "sqlite":
        yield before.place("sqlite")
        return
    with postgresql_server.database() as url, postgresql_server.database() as keys:
        yield before.place(
            "postgresql",
            'url = "sqlite:///civitas.db"', f'url = "{url}"',
            'keys = "sqlite:///person-keys.db"', f'keys = "{keys}"',
        )  # fmt: skip


def openssl(folder: Path, *arguments: str) -> str:
    command = ("openssl", *arguments)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.rfc("5280", "5.2.3")
def test_a_restore_says_in_numbers_what_is_void_and_missing_and_openssl_reads_what_is_told_since(
    before: Before, target: Path
) -> None:
    config = ("--config", str(target))
    said = told("restore", str(before.backup), *config)
    assert said["lists_void"] == 1
    assert said["ended"] == {"enrolment tokens of devices": 1, "invitations of staff": 1}
    assert said["audit_leaves_lost"] > 5
    assert said["made_at"]
    run("restore", str(before.keys), "--person-keys", *config)
    run("audit", "resume", "--reason", "a fire", *config)
    with opened(target) as city:
        with pytest.raises(EnrolmentUnauthorized):
            city.enrol(before.waiting, csr(new_key(), before.waiting.device.id))
        secret = before.invitation["link"].rpartition("/")[2]
        staff = Register(city.runtime).staff
        with city.runtime.database.read() as uow, pytest.raises(InvitationRefused):
            staff.open_invitation(uow, secret, city.now)
        assert city.authority.validate_client(before.lamp, city.now), "good again, and told so"

    with serving(before.folder) as url:
        done = told("ca", "revoke", "--from-list", f"{url}/last.crl", "--yes", *config)
    (listed,) = done["lists"]
    assert (listed["authority"], listed["kind"], listed["entries"]) == ("devices-1", "complete", 3)
    counted = done["authorities"]["devices-1"]
    assert {n: counted[n] for n in ("revoked", "on_hold", "unknown", "already")} == {
        "revoked": 1, "on_hold": 1, "unknown": 1, "already": 0,
    }  # fmt: skip
    assert done["backup_made_at"]
    _openssl_reads(before, target)


def _openssl_reads(before: Before, target: Path) -> None:
    folder = target.parent
    run("ca", "crl", "devices", "-o", str(folder / "new.crl"), "--config", str(target))
    numbers = []
    with opened(target) as city:
        anchors = b"".join(c.public_bytes(Encoding.PEM) for c in city.authority.authorities())
        (folder / "ca.pem").write_bytes(anchors)
        issuer = city.authority.hierarchy.by_slug("devices-1")
        assert issuer is not None
        (folder / "issuer.pem").write_bytes(issuer.certificate.public_bytes(Encoding.PEM))
        for name, certificate, reason in (
            ("lamp", before.lamp, "keyCompromise"),
            ("lost", before.lost, "superseded"),
            ("held", before.held, "certificateHold"),
        ):
            body = asking(certificate, issuer.certificate)
            answer = city.authority.responding.answer(body, city.now).der
            (folder / f"{name}.ocsp").write_bytes(answer)
            asked = ("-issuer", "issuer.pem", "-serial", f"0x{serial(certificate)}")
            said = openssl(folder, "ocsp", "-respin", f"{name}.ocsp", *asked, "-CAfile", "ca.pem")
            assert "Response verify OK" in said
            assert ": revoked" in said
            assert f"Reason: {reason}" in said
    for file in (before.last, folder / "new.crl"):
        said = openssl(folder, "crl", "-inform", "DER", "-in", str(file), "-noout",
                       "-crlnumber", "-CAfile", "ca.pem", "-verify")  # fmt: skip
        assert "verify OK" in said
        numbers.append(int(said.split("crlNumber=")[1].split()[0], 16))
        listed = x509.load_der_x509_crl(file.read_bytes())
        assert {f"{entry.serial_number:x}" for entry in listed} == {
            serial(c) for c in (before.lamp, before.lost, before.held)
        }
    assert numbers[0] < numbers[1]


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_people_read_the_numbers_and_what_to_do_next(before: Before) -> None:
    new = before.place("people")
    config = ("--config", str(new))
    said = run("restore", str(before.backup), *config).output
    for part in ("It is as of ", "1 revocation lists are void", "1 enrolment tokens of devices are",
                 "audit events are missing", "civitas ca revoke --from-list"):  # fmt: skip
        assert part in said
    run("restore", str(before.keys), "--person-keys", *config)
    run("audit", "resume", "--reason", "a fire", *config)
    planned = run("ca", "revoke", "--from-list", str(before.last), "--dry-run", *config).output
    assert "signed by it" in planned
    assert "Nothing was changed." in planned
    done = run("ca", "revoke", "--from-list", str(before.last), "--yes", *config).output
    assert "3 serials are named; 1 revoked again, 1 on hold again" in done
    assert "1 of them are not on record" in done
    assert "No list of " in done, "the other authorities published lists as well"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--from-list", "LAST", "--reason", "superseded"), "leave the others out"),
        (("--from-list", "nowhere.crl"), "cannot be read"),
        (("--from-list", "MARK"), "no revocation list"),
        (("--from-list", "http://127.0.0.1:9/x.crl"), "cannot be fetched"),
    ],
)
def test_what_is_no_list_of_ours_is_refused_with_a_sentence(
    before: Before, arguments: tuple[str, ...], why: str
) -> None:
    places = {"LAST": str(before.last), "MARK": str(before.folder / "mark")}
    chosen = [places.get(a, a) for a in arguments]
    said = run("ca", "revoke", *chosen, "--config", str(before.config), code=1).output
    assert why in said


def test_a_move_keeps_what_works_once_and_only_where_nothing_happened_since(
    tmp_path: Path,
) -> None:
    before = Before(tmp_path)
    new = before.place("moved")
    config = ("--config", str(new))
    refused = run("restore", str(before.backup), "--moved", *config, code=2).output
    assert "was used since" in refused
    fresh, keys = tmp_path / "fresh.backup", tmp_path / "fresh-keys.backup"
    with opened(before.config) as city:
        waiting = city.register()
        city.runtime.audit.tree.sequence(city.now)
    run("backup", str(fresh), "--config", str(before.config))
    run("backup", str(keys), "--person-keys", "--config", str(before.config))
    said = told("restore", str(fresh), "--moved", *config)
    assert (said["lists_void"], said["ended"]) == (0, {})
    run("restore", str(keys), "--person-keys", *config)
    with opened(new) as city:
        caller = Caller(waiting.device.id, waiting.token, None, "192.0.2.1")
        assert city.pki.enrol(caller, csr(new_key(), waiting.device.id), city.now)
