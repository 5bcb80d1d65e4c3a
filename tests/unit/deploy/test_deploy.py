"""What `deploy/` hands to operators is sound: configurations, unit, proxy, image."""

import configparser
import json
import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from civitas.cli import command_line
from civitas.configuration import settings_of
from foundation.limits import Limits
from foundation.settings import Jurisdiction, Server
from tests.support.deployments import ROOT

app = command_line()

DEPLOY = ROOT / "deploy"
EXAMPLES = sorted((DEPLOY / "examples").glob("*.toml"))


def test_there_is_an_example_for_every_governance_model() -> None:
    assert {"provider", "regulator", "broker", "private-provider"} <= {e.stem for e in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_is_sound_as_it_is_written(example: Path) -> None:
    settings = settings_of(example)
    assert settings.of(Jurisdiction).governance in {"provider", "regulator", "broker"}


def test_config_check_looks_at_the_files_that_an_example_names(tmp_path: Path) -> None:
    written = (DEPLOY / "examples" / "provider.toml").read_text("utf-8")
    for folder in ("/etc/civitas", "/var/lib/civitas"):
        written = written.replace(folder, str(tmp_path))
    config = tmp_path / "civitas.toml"
    config.write_text(written.replace("credential:master-key", "file:master.key"), "utf-8")
    run = CliRunner().invoke
    assert run(app, ["init", "--config", str(config)]).exit_code == 0
    done = run(app, ["config", "check", "--json", "--config", str(config)])
    assert json.loads(done.stdout)["ok"] is True
    (tmp_path / "tls" / "server.key").unlink()
    refused = run(app, ["config", "check", "--config", str(config)])
    assert "tls_key" in str(refused.exception)


def test_the_unit_runs_without_privileges_and_is_handed_the_master_key() -> None:
    unit = configparser.RawConfigParser(strict=False, comment_prefixes="#")
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "civitas.service")
    service = unit["Service"]
    assert service["User"] == "civitas"
    assert service["LoadCredential"] == "master-key:/etc/civitas/master.key"
    for wall in ("NoNewPrivileges", "PrivateDevices", "MemoryDenyWriteExecute"):
        assert service[wall] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert int(service["LimitNOFILE"]) >= 4 * Limits().connections
    written = tomllib.loads((DEPLOY / "examples" / "provider.toml").read_text("utf-8"))
    renewed_in = Path(written["server"]["tls_certificate"]).parent
    assert service["ReadWritePaths"] == f"-{renewed_in}"


def test_the_proxy_overwrites_every_header_that_we_would_believe() -> None:
    servers = [s for s in (DEPLOY / "nginx.conf").read_text().split("\nserver {") if "ssl;" in s]
    assert len(servers) == 2
    for server in servers:
        # nginx hands these on to every location that sets none itself.
        server_level, *locations = re.split(r"\n    location ", server)
        written = set(re.findall(r"proxy_set_header (\S+)", server_level))
        assert {"X-Forwarded-For", "X-Forwarded-Proto", "X-SSL-Client-Cert"} <= written
        assert {"Client-Cert", "Client-Cert-Chain"} <= written
        assert locations
        assert not any("proxy_set_header" in location for location in locations)


def test_the_proxy_takes_no_larger_bodies_than_we_do() -> None:
    proxy = (DEPLOY / "nginx.conf").read_text()
    assert Server.model_fields["max_body"].default == 64 * 1024
    caps = re.findall(r"client_max_body_size (\S+);", proxy)
    assert sorted(caps) == ["64k", "64k", "65m"]
    assert re.search(r"location = /desk/imports \{[^}]*proxy_request_buffering off;", proxy)


def test_the_proxy_and_its_example_meet_at_one_socket() -> None:
    written = tomllib.loads((DEPLOY / "examples" / "behind-nginx.toml").read_text("utf-8"))
    server = Server.model_validate(written["server"])
    assert f"server unix:{server.unix_socket};" in (DEPLOY / "nginx.conf").read_text()
    assert server.trusted_proxies == ("unix",)
    assert not server.listen
    handed_on = f"proxy_set_header {server.client_certificate_header} $ssl_client_escaped_cert;"
    assert handed_on in (DEPLOY / "nginx.conf").read_text()


def test_the_image_runs_as_nobody_in_particular_and_installs_by_hash() -> None:
    recipe = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"^USER (.+)$", recipe, re.MULTILINE)[-1] == "10001:10001"
    assert "--require-hashes" in recipe
