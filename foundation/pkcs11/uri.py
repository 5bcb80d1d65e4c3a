"""Where a PKCS#11 token is: the parts of a URI that we use — RFC 7512."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote

from foundation.settings import SettingsError


@dataclass(frozen=True, slots=True)
class TokenUri:
    """The parts of an RFC 7512 URI that we use."""

    token: str
    object: str | None
    module: Path
    pin: Path | None

    @classmethod
    def parse(cls, uri: str, base: Path, *, without_pin: bool = False) -> Self:
        path, _, query = uri.removeprefix("pkcs11:").partition("?")
        attributes = _attributes(path, ";", ("token", "object", "type"))
        options = _attributes(query, "&", ("module-path", "pin-source"))
        token, module = attributes.get("token"), options.get("module-path")
        pin = options.get("pin-source", "").removeprefix("file:")
        if not uri.startswith("pkcs11:") or not (token and module and (pin or without_pin)):
            raise SettingsError(
                "A PKCS#11 URI must say token=, module-path= and pin-source=, such as "
                "pkcs11:token=civitas?module-path=/usr/lib/softhsm/libsofthsm2.so"
                "&pin-source=file:token.pin"
            )
        return cls(token, attributes.get("object"), base / module, base / pin if pin else None)


def _attributes(text: str, separator: str, known: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, text.split(separator)):
        name, _, value = part.partition("=")
        if name == "pin-value":
            raise SettingsError("A PIN is never written in the settings: use pin-source=file:PATH.")
        if name not in known or name in found:
            raise SettingsError(
                f"The PKCS#11 URI says {name!r}, which is repeated or not one of "
                f"{', '.join(known)}."
            )
        found[name] = unquote(value)
    return found
