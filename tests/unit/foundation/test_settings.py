"""Settings: one frozen tree, refused with a sentence that says what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.database import DatabaseSettings
from foundation.settings import Development, Jurisdiction, Server, Settings, SettingsError, load

SECTIONS = (Server, Jurisdiction, Development, DatabaseSettings)


def loaded(tmp_path: Path, text: str, **environ: str) -> Settings:
    file = tmp_path / "civitas.toml"
    file.write_text(text)
    return load(file, SECTIONS, environ)


LOOPBACK = "[development]\nloopback_http = true\n"


def test_a_sound_file_gives_a_frozen_tree(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[server]\nurl = "https://id.example.city/"\n')
    assert settings.of(Server).url == "https://id.example.city"
    with pytest.raises(Exception, match="frozen"):
        settings.of(Server).url = "https://other"


def test_the_environment_lies_over_the_file(tmp_path: Path) -> None:
    settings = loaded(tmp_path, LOOPBACK, CIVITAS_SERVER__MAX_BODY="99", OTHER="x")
    assert settings.of(Server).max_body == 99


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server]\nurll = 1\n", "unknown key 'urll' in [server]; write one of"),
        ("[nonsense]\n", "unknown section [nonsense]"),
        ("[server\n", "not valid TOML"),
        ('[jurisdiction]\ntime_zone = "Moon/Base"\n', "IANA time zone"),
        ('[jurisdiction]\ngovernance = "king"\n', "'king'"),
        ('[jurisdiction]\ncountry = "EST"\n', "two capital letters"),
        ('[jurisdiction]\nname = ""\n', "at least 1 character"),
        ("", "write an https URL"),
        ('[server]\nurl = "ftp://x"\n', "write an origin"),
        ('[server]\nurl = "https://x/path"\n', "without a path"),
        ('[server]\nurl = "https://x?y"\n', "a query"),
        ('[server]\nurl = "https://u@x"\n', "a user name"),
        ('[server]\nurl = "https://id..example"\n', "an empty label"),
        ('[server]\nurl = "https://10.0.0.300"\n', "ends in a number"),
        ('[server]\nurl = "https://id.example:99999"\n', "not a host and a port"),
        ('[server]\nurl = "https://x"\ntls_url = "https://a_b"\n', "contains '_'"),
        (LOOPBACK + '[server]\nlisten = "0.0.0.0:80"\n', "0.0.0.0:80 is not loopback"),
        (LOOPBACK + '[server]\nurl = "http://id.example"\n', "not loopback"),
        (LOOPBACK + '[jurisdiction]\ngovernance = "broker"\n', "needs regulator"),
        (
            LOOPBACK + '[jurisdiction]\ngovernance = "regulator"\nregulator = "https://r"\n',
            "names no regulator",
        ),
        ('[server]\nurl = "https://x"\ntls_url = "http://x"\n', "tls_url must be"),
        (
            '[server]\nurl = "https://x"\nclient_certificate_header = "Client-Cert"\n',
            "believed from no one",
        ),
    ],
)
def test_a_broken_configuration_is_refused_with_one_sentence(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        loaded(tmp_path, text)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_origin_is_kept_as_browsers_write_it(tmp_path: Path) -> None:
    text = '[server]\nurl = "HTTPS://Bücher.Example:8443"\ntls_url = "https://[0::1]:8443"\n'
    server = loaded(tmp_path, text).of(Server)
    assert server.url == "https://xn--bcher-kva.example:8443"
    assert server.tls_url == "https://[::1]:8443"


def test_a_missing_file_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="civitas init"):
        load(tmp_path / "none.toml", SECTIONS, {})


def test_a_mistyped_variable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CIVITAS_SERVER__URLL names no setting"):
        loaded(tmp_path, LOOPBACK, CIVITAS_SERVER__URLL="x")


def test_another_database_than_the_two_is_refused() -> None:
    from foundation.database import Database

    with pytest.raises(SettingsError, match="mysql is not supported"):
        Database("mysql://x/y")
    with pytest.raises(SettingsError, match="not a database URL"):
        Database("what is this")
