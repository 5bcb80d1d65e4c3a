"""Authentication context class references: our four levels as URNs — OpenID Connect Core §2."""

PREFIX = "urn:civitas:loa:"
LEVELS = (1, 2, 3, 4)
VALUES = tuple(f"{PREFIX}{level}" for level in LEVELS)


def acr_of(level: int) -> str:
    """The `acr` of a level of assurance (1–4)."""
    return f"{PREFIX}{level}"


def level_of(acr: str) -> int | None:
    """The level that an `acr` value names, or None if it is none of ours."""
    return VALUES.index(acr) + 1 if acr in VALUES else None
