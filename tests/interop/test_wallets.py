"""Wallets of other people's libraries take and show credentials — OpenID4VCI 1.0, OpenID4VP 1.0.

`@openid4vc`, `@sd-jwt`, `@owf/mdoc` and `@auth0/mdl` of npm, by their lock; nothing but the offer,
the number that the person types and the client's name is told to them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.support import relying_parties
from tests.support.relying_parties import Citizen, Town

pytestmark = pytest.mark.slow

RETURN = "https://pool.example/callback"
HERE = Path(__file__).parent / "npm" / "wallets"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with relying_parties.town_in(tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of npm's, by the lock alone: versions and digests stand there."""
    folder: Path = tmp_path_factory.mktemp("npm")
    for file in HERE.iterdir():
        shutil.copy(file, folder)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def client_id(town: Town) -> str:
    """Of the wallet, as `civitas clients add --for wallet` registers one."""
    printed = town.printed("wallet", "https://wallet.example")
    return str(json.loads(printed["wallet.json"])["client_id"])


def run(folder: Path, program: str, *arguments: str) -> Any:
    done = subprocess.run(
        ["node", program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def offered(town: Town, citizen: Citizen) -> tuple[str, str]:
    """What a person has ready: the link, and the number."""
    citizen.visit(f"{town.issuer}/account/wallet/offer?credential=credential.identity")
    browser = citizen.browser
    form = next(form for form in browser.forms if form.action.endswith("/account/wallet/offer"))
    ticks = {name: "yes" for name in form.choices if name.startswith("give.")}
    (wallet,) = form.choices["wallet"]
    browser.submit(form, None, {**ticks, "wallet": wallet})
    link = re.search(r'href="(openid-credential-offer:[^"]+)"', browser.html)
    typed = re.search(r'<code class="code">(\d+)</code>', browser.html)
    assert link is not None, browser.html
    assert typed is not None
    return unescape(link[1]), typed[1]


@pytest.fixture(scope="module")
def held(town: Town, programs: Path, client_id: str) -> dict[str, Any]:
    """What a wallet said of the copies that it took; they are in `held.json`."""
    link, typed = offered(town, Citizen(town))
    found: dict[str, Any] = run(programs, "take.mjs", link, typed, client_id, "4", "held.json")
    return found


@pytest.fixture(scope="module")
def mobile(town: Town, programs: Path, client_id: str) -> dict[str, Any]:
    """The same by a wallet that reads ISO mdoc; they are in `mobile.json`."""
    link, typed = offered(town, Citizen(town))
    taken = (link, typed, client_id, "4", "mobile.json", "mso_mdoc")
    found: dict[str, Any] = run(programs, "take.mjs", *taken)
    return found


class Service:
    """A city service that asks to be shown credentials."""

    def __init__(self, town: Town) -> None:
        added = json.loads(
            town.deployed.civitas(
                *("clients", "add", "--name", "Swimming pool", "--purpose", "city"),
                *("--scope", "openid presentations:request", "--redirect", RETURN),
                *("--grant", "client_credentials", "--grant", "authorization_code", "--json"),
            )
        )
        self.url, self.auth = town.issuer, (added["client_id"], added["client_secret"])

    def _bearer(self) -> dict[str, str]:
        form = {"grant_type": "client_credentials"}
        answer = httpx.post(f"{self.url}/oauth/token", data=form, auth=self.auth)
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def ask(self, *claims: str, **more: Any) -> Any:
        wanted = [{"claim": claim} for claim in claims]
        credential: dict[str, Any] = {"credential": "credential.identity", "claims": wanted}
        if formats := more.pop("formats", None):
            credential["formats"] = formats
        body = {"credentials": [credential], **more}
        here = f"{self.url}/presentations/v1/requests"
        answer = httpx.post(here, json=body, headers=self._bearer())
        assert answer.status_code == 201, answer.text
        return answer.json()

    def read(self, request_id: str, code: str | None = None) -> Any:
        here = f"{self.url}/presentations/v1/requests/{request_id}"
        query = {} if code is None else {"response_code": code}
        return httpx.get(here, params=query, headers=self._bearer()).json()


@pytest.fixture(scope="module")
def pool(town: Town) -> Service:
    return Service(town)


def test_a_wallet_takes_copies_of_a_persons_identity(town: Town, held: dict[str, Any]) -> None:
    assert [one["name"] for one in held["said"]] == [town.name] * 4
    assert held["said"][0]["age_over_18"] is True


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_wallet_shows_no_more_than_was_asked(
    programs: Path, pool: Service, held: dict[str, Any], encrypted: bool
) -> None:
    asked = pool.ask("age_over_18", encrypted=encrypted)
    found = run(programs, "show.mjs", asked["link_other_device"], "held.json")
    assert (found["status"], found["by"]) == (200, "x509_hash"), found
    assert found["mode"] == ("direct_post.jwt" if encrypted else "direct_post")
    said = pool.read(asked["id"])
    assert (said["state"], said["claims"]) == ("shown", {"c0": {"age_over_18": True}})


def test_a_wallet_takes_the_same_as_mdoc(
    town: Town, held: dict[str, Any], mobile: dict[str, Any]
) -> None:
    """The library verified the chain to our root, every digest and the times."""
    assert [one["name"] for one in mobile["said"]] == [town.name] * 4
    assert mobile["said"][0]["age_over_18"] is True
    assert mobile["said"][0]["docType"].endswith(".credential.identity")


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("formats", [["mso_mdoc"], ["dc+sd-jwt", "mso_mdoc"]])
def test_a_wallet_shows_an_mdoc_and_no_more_than_was_asked(
    programs: Path, pool: Service, mobile: dict[str, Any], formats: list[str], encrypted: bool
) -> None:
    """What one library signs, another one verifies before it leaves; then we do."""
    asked = pool.ask("age_over_18", formats=formats, encrypted=encrypted)
    found = run(programs, "show.mjs", asked["link_other_device"], "mobile.json")
    assert found["status"] == 200, found
    said = pool.read(asked["id"])
    assert (said["state"], said["claims"]) == ("shown", {"c0": {"age_over_18": True}})


def test_on_the_same_device_the_person_comes_back_with_a_code(
    programs: Path, pool: Service, held: dict[str, Any]
) -> None:
    asked = pool.ask("given_name", return_to=RETURN)
    found = run(programs, "show.mjs", asked["link_same_device"], "held.json")
    assert found["status"] == 200, found
    back = urlsplit(json.loads(found["told"])["redirect_uri"])
    code = parse_qs(back.query)["response_code"][0]
    assert back.netloc == "pool.example"
    assert "claims" not in pool.read(asked["id"])
    assert pool.read(asked["id"], code)["claims"] == {"c0": {"given_name": relying_parties.GIVEN}}


def test_a_wallet_asks_by_itself_and_the_person_agrees(
    town: Town, programs: Path, client_id: str
) -> None:
    back = "https://wallet.example/callback"
    begun = run(programs, "take.mjs", town.issuer, "begin", client_id, back, "begun.json")
    # The library pushes its request, as our metadata says that it may.
    assert "request_uri=" in begun["url"]
    citizen = Citizen(town)
    citizen.browser.leaves_at = back
    citizen.browser.get(begun["url"])
    while not citizen.url.startswith(back):
        assert citizen._answer(), citizen.text
    assert citizen.asked[-1] == "consent"
    code = parse_qs(urlsplit(citizen.url).query)["code"][0]
    found = run(programs, "take.mjs", "begun.json", code, client_id, "2", "asked.json")
    assert [one["name"] for one in found["said"]] == [town.name] * 2
