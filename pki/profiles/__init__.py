"""The profiles that ship, one file each — RFC 5280."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pki.profile import Profile, parse

HERE = Path(__file__).parent


def load(folder: Path = HERE) -> Mapping[str, Profile]:
    """Every profile by name. Raises ProfileError with the file's key that is wrong."""
    return {
        file.stem: parse(file.stem, tomllib.loads(file.read_text("utf-8")))
        for file in sorted(folder.glob("*.toml"))
    }
