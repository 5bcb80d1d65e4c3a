"""Random identifiers, secrets and one-time codes that carry no meaning — RFC 4086."""

import hashlib
import secrets

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 22
_IDENTIFIERS = 62**_LENGTH
# No 0/O, 1/I/L, 5/S, 8/B, 2/Z, U/V: the code is read aloud and copied from paper.
_READABLE = "34679ACDEFGHJKMNPQRTWXY"


def identifier(prefix: str, joint: str = "_") -> str:
    """A new opaque id, `prefix_` and 22 base62 characters (131 bits), safe in a URL.

    With "-" as its `joint` it can be written in any string type of a certificate's subject: a
    PrintableString has no "_" (X.680 §41.4).
    """
    number, digits = secrets.randbelow(_IDENTIFIERS), []
    for _ in range(_LENGTH):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return f"{prefix}{joint}{''.join(digits)}"


def fault(written: str, prefix: str, joint: str = "_") -> str | None:
    """What keeps `written` from being such an id, as the end of a sentence; else None."""
    begins, form = f"{prefix}{joint}", f"{prefix}{joint} and {_LENGTH} letters and digits"
    if not written.startswith(begins):
        return f"it does not begin with {begins}; an id is {form}."
    rest = written.removeprefix(begins)
    if len(rest) != _LENGTH:
        return f"it has {len(rest)} characters after {begins}; an id is {form}."
    strange = next((c for c in rest if c not in _BASE62), None)
    return None if strange is None else f"it has {strange!r} in it; an id is {form}."


def secret(nbytes: int = 32) -> str:
    """A new secret of `nbytes` random bytes, base64url without padding."""
    return secrets.token_urlsafe(nbytes)


def code(groups: int = 4, size: int = 4) -> str:
    """A one-time code for people (4.5 bits a character), such as `K7QF-34WX-…`."""
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(size)) for _ in range(groups))


def code_of(data: bytes, groups: int = 4, size: int = 4) -> str:
    """The code that these bytes spell, such as a MAC: as many as it has letters are enough."""
    number, letters = int.from_bytes(data), ""
    for _ in range(groups * size):
        number, letter = divmod(number, len(_READABLE))
        letters += _READABLE[letter]
    return "-".join(letters[i : i + size] for i in range(0, len(letters), size))


def normalise_code(typed: str) -> str:
    """What a person typed, as `code()` wrote it: case, spaces and dashes do not matter."""
    compact = "".join(c for c in typed.upper() if c.isalnum())
    return "-".join(compact[i : i + 4] for i in range(0, len(compact), 4))


def digest(value: str) -> bytes:
    """SHA-256 of a high-entropy value: what is stored in its place and looked up by."""
    return hashlib.sha256(value.encode()).digest()
