"""The profiles that ship, one file each — RFC 5280."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from pki.profiles.profile import Profile, parse

HERE = Path(__file__).parent


@cache
def load(folder: Path = HERE) -> Mapping[str, Profile]:
    """Every profile by name, read once. Raises ProfileError with the file's key that is wrong."""
    return MappingProxyType(
        {
            file.stem: parse(file.stem, tomllib.loads(file.read_text("utf-8")))
            for file in sorted(folder.glob("*.toml"))
        }
    )
