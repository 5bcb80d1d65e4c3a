"""Regulator, private provider and broker as they are really assembled, over real HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from civitas import governance
from civitas.app import serve_deployment
from civitas.deployment import Deployment
from foundation.master_key import MasterKey
from foundation.settings import Jurisdiction, Server
from idp import federation
from idp.federation import FederationSettings
from tests.support import deployments

OFFICER = "sta_officer"
NPM = Path(__file__).parent / "npm" / "federation"


@contextmanager
def running(
    folder: Path, model: str, regulator: tuple[str, dict[str, Any]] | None = None
) -> Iterator[Deployment]:
    """A deployment of that model on a free port, in a thread of its own."""
    url = f"http://localhost:{deployments.free_port()}"
    folder.mkdir()
    settings = deployments.settings_in(
        folder,
        Server(url=url, listen=url.removeprefix("http://")),
        Jurisdiction(
            name=f"The {model}",
            governance=model,  # type: ignore[arg-type]
            regulator=regulator[0] if regulator else None,
        ),
        FederationSettings(trust_anchors={regulator[0]: regulator[1]} if regulator else {}),
    )
    MasterKey.create(folder / "master.key")
    deployment = governance.assemble(settings)
    deployments.make_tables(deployment.runtime.database)
    deployment.runtime.prepare()
    for prepare in deployment.prepare:
        prepare(deployment.runtime)
    server = uvicorn.Server(
        uvicorn.Config(
            serve_deployment(deployment),
            host="127.0.0.1",
            port=int(url.rsplit(":", 1)[1]),
            log_level="warning",
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        yield deployment
    finally:
        server.should_exit = True
        thread.join(20)


def url_of(deployment: Deployment) -> str:
    return deployment.runtime.settings.of(Server).url


@pytest.fixture
def three(tmp_path: Path) -> Iterator[tuple[Deployment, Deployment, Deployment]]:
    with running(tmp_path / "regulator", "regulator") as regulator:
        anchor = (url_of(regulator), regulator.parts["federation"].key_set())
        with (
            running(tmp_path / "provider", "provider", anchor) as provider,
            running(tmp_path / "broker", "broker", anchor) as broker,
        ):
            yield regulator, provider, broker


def test_an_accredited_provider_is_offered_knows_the_broker_and_is_gone_when_suspended(
    three: tuple[Deployment, Deployment, Deployment],
) -> None:
    regulator, provider, broker = three
    acts = regulator.parts["federation"].accreditation
    hub, allied = broker.parts["broker"], provider.parts["federation"]
    assert hub.providers.offered(0) == []
    acts.accredit(url_of(provider), 2, OFFICER)
    acts.accredit(url_of(broker), None, OFFICER)
    deadline = time.monotonic() + 20
    while not (offered := hub.providers.offered(2)) and time.monotonic() < deadline:
        time.sleep(0.3)
    assert [(p.entity_id, p.level) for p in offered] == [(url_of(provider), 2)]
    assert "urn:civitas:loa:3" not in offered[0].metadata["acr_values_supported"]

    # The provider takes the broker's signed request without having registered it.
    from idp.broker.upstreams.oidc import Secrets, Sought

    now = broker.runtime.clock.now()
    sought = Sought(2, False, now, hub.signing_in.redirect_uri(offered[0].slug))
    where = hub._oidc.authorization_url(offered[0], sought, Secrets.new())
    deadline = time.monotonic() + 10
    answer = httpx.get(where)
    while answer.status_code != 303 and time.monotonic() < deadline:
        time.sleep(0.5)
        answer = httpx.get(hub._oidc.authorization_url(offered[0], sought, Secrets.new()))
    assert answer.status_code in (302, 303), answer.text
    assert "/sign-in" in answer.headers["location"]
    assert allied.relying_party(url_of(broker))["subject_type"] == "pairwise"

    acts.suspend(url_of(provider), OFFICER, "an incident")
    deadline = time.monotonic() + 10
    while hub.providers.offered(0) and time.monotonic() < deadline:
        time.sleep(0.3)
    assert hub.providers.offered(0) == []
    acts.suspend(url_of(broker), OFFICER, "an incident")
    deadline = time.monotonic() + 10
    while allied.relying_party(url_of(broker)) and time.monotonic() < deadline:
        time.sleep(0.3)
    refused = httpx.get(hub._oidc.authorization_url(offered[0], sought, Secrets.new()))
    assert refused.status_code == 400


def entity_types(deployment: Deployment) -> set[str]:
    token = httpx.get(url_of(deployment) + "/.well-known/openid-federation").text
    return set(federation.read(token, "entity-statement+jwt").unverified_claims["metadata"]) - {
        "federation_entity"
    }


@pytest.mark.rfc("openid-federation", "6.2.3")
def test_the_routes_of_a_model_are_those_of_its_role(
    three: tuple[Deployment, Deployment, Deployment],
) -> None:
    regulator, provider, broker = three
    for deployment in three:
        answer = httpx.get(url_of(deployment) + "/.well-known/openid-federation")
        assert answer.headers["content-type"] == "application/entity-statement+jwt"
    assert entity_types(regulator) == set()
    assert entity_types(provider) == {"openid_provider"}
    # Services, to which it is a provider, are registered by its operator, and find it by itself.
    assert entity_types(broker) == {"openid_relying_party"}
    found = httpx.get(url_of(broker) + "/.well-known/openid-configuration").json()
    assert found["issuer"] == url_of(broker)
    assert httpx.get(url_of(regulator) + "/federation/list").json() == []
    for leaf in (provider, broker):
        assert httpx.get(url_of(leaf) + "/federation/list").status_code == 404
        assert httpx.get(url_of(leaf) + "/regulator").status_code == 404
    assert httpx.get(url_of(regulator) + "/oauth/authorize").status_code == 404
    assert httpx.get(url_of(regulator) + "/register-of-providers").status_code == 200
    assert httpx.get(url_of(broker) + "/").status_code == 200


@pytest.fixture(scope="session")
def openid_federation_core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """npm's `@openid-federation/core` beside a program that resolves by it."""
    folder = tmp_path_factory.mktemp("npm") / "federation"
    shutil.copytree(NPM, folder, ignore=shutil.ignore_patterns("node_modules"))
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund")
    subprocess.run(["npm", "ci", *quiet], cwd=folder, check=True, capture_output=True)
    return folder / "resolve.mjs"


@pytest.mark.slow
@pytest.mark.rfc("openid-federation", "5.1.3")
def test_a_resolver_that_we_did_not_write_finds_provider_hub_and_anchor(
    three: tuple[Deployment, Deployment, Deployment], openid_federation_core: Path
) -> None:
    regulator, provider, broker = three
    acts = regulator.parts["federation"].accreditation
    acts.accredit(url_of(provider), 2, OFFICER)
    acts.accredit(url_of(broker), None, OFFICER)

    def resolved(deployment: Deployment) -> Any:
        done = subprocess.run(
            ["node", openid_federation_core, url_of(deployment), url_of(regulator)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        [chain] = json.loads(done.stdout)
        assert chain["valid"], chain
        return chain["metadata"]

    assert resolved(provider)["openid_provider"]["client_registration_types_supported"] == [
        "automatic"
    ]
    hub = resolved(broker)
    assert hub["openid_relying_party"]["client_registration_types"] == ["automatic"]
    assert "openid_provider" not in hub
    assert set(resolved(regulator)) == {"federation_entity"}
