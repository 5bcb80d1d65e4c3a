"""One frozen tree of settings, from `civitas.toml` and the environment."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from foundation import hosts, setting_words
from foundation.clock import LeapDayBirthday

PREFIX = "CIVITAS_"


class SettingsError(Exception):
    """A configuration that must not start; the message is a sentence that says what to write."""

    exit_code: ClassVar[int] = 2


class Section(BaseModel):
    """A table of `civitas.toml`. Subclasses name it in `section` and give every key a type."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
    section: ClassVar[str]


S = TypeVar("S", bound=Section)


class Server(Section):
    """Where this deployment is reached, and where it listens."""

    section: ClassVar[str] = "server"
    url: str = "http://localhost:8000"
    """The issuer: the origin that people, services and devices know. It never changes. A host of
    other letters than a to z is written as A-labels (`xn--`)."""
    listen: str | None = "127.0.0.1:8000"
    """host:port for plain HTTP behind a proxy on this machine or for health checks; `""`: none."""
    tls_url: str | None = None
    """The origin where client certificates are asked for; `mtls_endpoint_aliases` name it."""
    tls_listen: str | None = None
    """host:port for TLS in this process; absent: none."""
    linking_listen: str | None = None
    """host:port of a second TLS listener, no newer than TLS 1.2, where devices link EST requests to
    their connection (RFC 7030 §3.5); absent: none."""
    tls_certificate: str = "tls/server.pem"
    """PEM chain of the TLS listener; `civitas init` makes one where there is none."""
    tls_key: str = "tls/server.key"
    """PEM private key of the TLS listener."""
    unix_socket: str | None = None
    """Path of a Unix socket to listen on, mode 0660, for a proxy on this machine."""
    trusted_proxies: tuple[str, ...] = ()
    """Whose forwarded headers count: IP addresses, or `unix` for the socket. Nobody's, if empty."""
    client_certificate_header: Literal["X-SSL-Client-Cert", "Client-Cert"] | None = None
    """Where a trusted proxy puts the caller's certificate: escaped PEM, or as RFC 9440 says."""
    workers: int = Field(default=1, ge=1)
    """Processes that answer on the same addresses: one for each processor, at most."""
    threads: int = Field(default=40, ge=1)
    """How many requests a process works on at once."""
    max_body: int = Field(default=65_536, ge=1)
    """Bytes of a request's body; a route may have a cap of its own."""
    security_contact: str = "mailto:security@localhost"
    """URI for those who found a weakness; shown in `/.well-known/security.txt`."""

    @field_validator("url", "tls_url")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            url = hosts.http_url(value).rstrip("/")
        except ValueError as error:
            raise ValueError(f"write an origin such as https://id.example.city. {error}") from None
        if url.count("/") > 2:
            raise ValueError("write an origin such as https://id.example.city, without a path")
        return url

    @field_validator("listen", "tls_listen", "linking_listen")
    @classmethod
    def _is_host_and_port(cls, value: str | None) -> str | None:
        if value:
            host, _, port = value.rpartition(":")
            if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65_535:
                raise ValueError("write host:port with a port up to 65535, such as 127.0.0.1:8000")
        return value


class Jurisdiction(Section):
    """The jurisdiction that this deployment serves, and its governance model."""

    section: ClassVar[str] = "jurisdiction"
    name: str = Field(default="Civitas", min_length=1)
    """Whose service this is; shown on every page, and in certificates when they are made."""
    city: str = "Civitas"
    """The city that `resident_of_city` speaks of."""
    municipality_code: str = ""
    """The code of the city in the country's list of municipalities, as files of the civil register
    write it: with codes `resident_of_city` can be a no."""
    city_spellings: tuple[str, ...] = ()
    """Other names of the city in addresses, such as `Bruxelles` beside `Brussel`."""
    country: str = "XX"
    """ISO 3166-1 alpha-2 code; in certificates."""
    governance: Literal["provider", "regulator", "broker"] = "provider"
    """The governance model: what this deployment serves."""
    regulator: str | None = None
    """Entity identifier of the regulator; a provider that names one is a private provider."""
    time_zone: str = "UTC"
    """IANA name; ages are reckoned and dates shown in it."""
    date_order: Literal["day-month", "month-day"] | None = None
    """How files of the civil register write 1/5/1990. Absent: as those dates of a file show that
    can be read in one way only; where there are none, such a date is refused."""
    leap_day_birthday: LeapDayBirthday = "1 March"
    """When those born on 29 February are a year older in a common year: `28 February` or
    `1 March`, as the law says."""
    languages: tuple[str, ...] = ("en", "fr", "ar")
    """Offered on the pages; the first is the default."""
    terms_version: str = "1"
    """Version of the terms that an enrolment records (EN-1)."""
    digital_age: int = 16
    """Age from which a person gives consent alone, 13 to 16 (GDPR art. 8)."""

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("write an IANA time zone such as Europe/Tallinn") from error
        return value

    @field_validator("country")
    @classmethod
    def _is_a_code(cls, value: str) -> str:
        if not re.fullmatch("[A-Z]{2}", value):
            raise ValueError("write two capital letters of ISO 3166-1, such as EE")
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class Development(Section):
    """The one relaxation for development: plain http on loopback."""

    section: ClassVar[str] = "development"
    loopback_http: bool = False
    """Permit http for every URL, on this machine only; any other address stops the start."""


class Settings:
    """The whole configuration. `of(Section)` gives a package its own part."""

    def __init__(self, path: Path, sections: Mapping[type[Section], Section]) -> None:
        self.path = path
        self._sections = dict(sections)

    def of(self, section: type[S]) -> S:
        found = self._sections.get(section)
        if not isinstance(found, section):
            found = section()
        return found

    def sections(self) -> dict[type[Section], Section]:
        """All that was said, by kind of section."""
        return dict(self._sections)

    def resolve(self, written: str) -> Path:
        """A path as written in the file, relative to the file's own folder."""
        return (self.path.parent / written).expanduser()

    def with_sections(self, *changed: Section) -> Settings:
        """The same settings with some sections replaced."""
        return Settings(self.path, {**self._sections, **{type(c): c for c in changed}})


def load(path: Path, sections: Sequence[type[Section]], environ: Mapping[str, str]) -> Settings:
    """Read `path`, lay `CIVITAS_SECTION__KEY` of `environ` over it, and check everything.

    Raises SettingsError with one sentence: the key, what is wrong, and what to write.
    """
    return parse(path, _read(path), sections, environ)


def parse(
    path: Path, text: str, sections: Sequence[type[Section]], environ: Mapping[str, str]
) -> Settings:
    """As `load`, of a `text` that stands in `path`, or will."""
    try:
        in_file = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} {setting_words.not_toml(text, error)}") from None
    known = {s.section: s for s in sections}
    written = _with_environment(in_file, known, environ)
    for name in written:
        if name not in known:
            raise SettingsError(f"{path}: {setting_words.section_unknown(name, known)}")
    parsed: dict[type[Section], Section] = {}
    for name, section in known.items():
        try:
            parsed[section] = section.model_validate(written.get(name, {}))
        except ValidationError as error:
            said = setting_words.about(name, section.model_fields, dict(error.errors()[0]))
            raise SettingsError(f"{path}: {said}") from None
    settings = Settings(path, parsed)
    _refuse_contradictions(settings)
    return settings


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise SettingsError(
            f"{path} does not exist; make it with `civitas init`, or name another by --config."
        ) from None
    except PermissionError:
        raise SettingsError(f"{path} cannot be read; give this user the right to.") from None
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}); name a file by --config."
        ) from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path} is not text in UTF-8 ({error.reason} at byte {error.start}); save it as that."
        ) from None


def _with_environment(
    written: dict[str, Any], known: Mapping[str, type[Section]], environ: Mapping[str, str]
) -> dict[str, Any]:
    merged = {name: dict(v) if isinstance(v, dict) else v for name, v in written.items()}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or "__" not in variable:
            continue
        name, key = variable[len(PREFIX) :].lower().split("__", 1)
        if name not in known or key not in known[name].model_fields:
            raise SettingsError(
                f"The environment variable {variable} names no setting; unset it or correct it."
            )
        table = merged.setdefault(name, {})
        if isinstance(table, dict):
            table[key] = _from_text(value)
    return merged


def _from_text(value: str) -> Any:
    try:
        return tomllib.loads(f"v = {value}")["v"]
    except tomllib.TOMLDecodeError:
        return value


def is_loopback(address: str) -> bool:
    """Whether a URL, `host:port` or host names this machine only."""
    host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _is_address(written: str) -> bool:
    try:
        ip_address(written)
    except ValueError:
        return False
    return True


def _refuse_contradictions(settings: Settings) -> None:
    server = settings.of(Server)
    jurisdiction = settings.of(Jurisdiction)
    relaxed = settings.of(Development).loopback_http
    listeners = (
        *(server.url, server.tls_url),
        *(server.listen, server.tls_listen, server.linking_listen),
    )
    reached = [a for a in listeners if a]
    if relaxed:
        for address in reached:
            if not is_loopback(address):
                raise SettingsError(
                    f"{settings.path}: [development] loopback_http is for this machine only, but "
                    f"{address} is not loopback; remove loopback_http or use 127.0.0.1."
                )
    elif not server.url.startswith("https://"):
        raise SettingsError(
            f"{settings.path}: [server] url is {server.url!r}; write an https URL, or for "
            "development on this machine set [development] loopback_http = true."
        )
    if server.tls_url and not server.tls_url.startswith("https://"):
        raise SettingsError(f"{settings.path}: [server] tls_url must be an https URL.")
    if not (server.listen or server.tls_listen or server.unix_socket):
        raise SettingsError(
            f"{settings.path}: [server] has nowhere to listen; write listen, tls_listen or "
            "unix_socket."
        )
    _check_proxies(settings, server)
    _check_governance(settings, jurisdiction)


def _check_proxies(settings: Settings, server: Server) -> None:
    for proxy in server.trusted_proxies:
        if proxy != "unix" and not _is_address(proxy):
            raise SettingsError(
                f"{settings.path}: [server] trusted_proxies has {proxy!r}, which is no IP address; "
                "write the address from which the proxy comes, or unix for the socket."
            )
    if server.client_certificate_header and not server.trusted_proxies:
        raise SettingsError(
            f"{settings.path}: [server] client_certificate_header is believed from no one; write "
            "the proxy that sets it in trusted_proxies, or remove the key."
        )


def _check_governance(settings: Settings, jurisdiction: Jurisdiction) -> None:
    if jurisdiction.governance == "broker" and not jurisdiction.regulator:
        raise SettingsError(
            f'{settings.path}: [jurisdiction] governance = "broker" needs regulator = the '
            "entity identifier (URL) of the regulator that accredits the providers."
        )
    if jurisdiction.governance == "regulator" and jurisdiction.regulator:
        raise SettingsError(
            f"{settings.path}: [jurisdiction] a regulator names no regulator; remove the key."
        )
