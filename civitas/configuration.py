"""The configuration that the command line reads: every section that a package declares."""

from __future__ import annotations

import os
from pathlib import Path

from civitas.components import SECTIONS
from foundation.settings import Settings, load, parse


def environment() -> dict[str, str]:
    """The environment's settings; CIVITAS_CONFIG names the file and is none of them."""
    return {k: v for k, v in os.environ.items() if k != "CIVITAS_CONFIG"}


def settings_of(config: Path) -> Settings:
    """The settings in `config`, the environment over it. Raises SettingsError."""
    return load(config, SECTIONS, environment())


def settings_from(text: str, config: Path) -> Settings:
    """The same of a `text` that is not yet in `config`."""
    return parse(config, text, SECTIONS, environment())
