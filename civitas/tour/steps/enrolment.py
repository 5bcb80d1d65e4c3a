"""Step 1: an officer enrols people from a civil-register file, and proofs one at level 2."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence

from civitas.residents import as_csv, as_json, residents
from civitas.tour.browser import Browser
from civitas.tour.deployments import Deployed
from civitas.tour.story import expect
from civitas.tour.world import World

PEOPLE = 1000


def enrol(world: World) -> str:
    """Half of the city by the officer's upload (CSV), half by the command line (JSON)."""
    people = list(residents(PEOPLE, city="Tallinn", country="EE"))
    half = PEOPLE // 2
    # Who imports does not proof: they are two officers.
    upload(world.importer, world.provider, as_csv(iter(people[:half])))
    file = world.provider.folder / "second-half.json"
    file.write_bytes(as_json(iter(people[half:])))
    report = world.run_json(world.provider, "citizens", "import", str(file))
    expect(
        report["enrolled"] == half and not report["refused"] and not report["remarks"],
        f"all accepted, and read as they are written, but got {report}",
    )
    someone = an_adult_of(people, "Tallinn")
    world.civil_number = someone["civil_number"]
    world.code = proof_and_write(world.officer, world.provider, world.civil_number)
    return f"{PEOPLE} residents from CSV and JSON; one proofed at level 2, with a printed letter"


def an_adult_of(people: Sequence[dict[str, str]], city: str) -> dict[str, str]:
    return next(p for p in people if p["locality"] == city and p["birthdate"] < "2000")


def upload(officer: Browser, provider: Deployed, content: bytes) -> None:
    """Upload a file at the desk and wait until its job is done."""
    officer.get(f"{provider.url}/desk")
    form = officer.form("file")
    officer.submit(form, files={"file": ("residents.csv", content)})
    deadline = time.monotonic() + 300
    while "Finished on" not in officer.text:
        expect(time.monotonic() < deadline, f"the import to finish: {officer.text[:200]}")
        time.sleep(0.3)
        officer.get(officer.url)


def proof_and_ask(officer: Browser, provider: Deployed, civil_number: str) -> None:
    """Look a person up, proof them at level 2, ask for their letter; no code is seen."""
    officer.get(f"{provider.url}/desk")
    search = officer.form("civil_number", "purpose")
    purpose = next(p for p in search.choices["purpose"] if p)
    officer.submit(search, typed={"civil_number": civil_number, "purpose": purpose})
    proofing = officer.form("evidence_1", "level")
    evidence = next(e for e in proofing.choices["evidence_1"] if e.startswith("passport"))
    officer.submit(
        proofing,
        typed={
            "level": "2",
            "evidence_1": evidence,
            "reference_1": "K1234567",
            "possessed_1": "yes",
            "valid_1": "yes",
        },
    )
    expect("The identity check is accepted" in officer.text, f"level 2: {officer.text[:300]}")
    officer.submit(officer.form(action="/letter"))
    expect("The letter is asked for" in officer.text, f"a letter: {officer.text[:300]}")


def proof_and_write(officer: Browser, provider: Deployed, civil_number: str) -> str:
    """The officer's part, then the printing house's; the code of the letter."""
    proof_and_ask(officer, provider, civil_number)
    return printed(provider)


def printed(provider: Deployed) -> str:
    """Be the printing house: the file of the next letters; the code of its last one."""
    file = provider.folder / f"letters-{secrets.token_hex(4)}.json"
    provider.civitas("letters", "print", "--format", "json", "--output", str(file))
    letters = json.loads(file.read_text(encoding="utf-8"))["letters"]
    file.unlink()
    return str(letters[-1]["code"])
