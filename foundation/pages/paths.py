"""Where a browser may be sent back to: a path of ours and nothing else — RFC 9700 §4.11."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

HOME = "/"


def local_path(value: str | None, otherwise: str = HOME) -> str:
    r"""``value`` when it is a path of this deployment, else ``otherwise``.

    Browsers read a backslash as a slash and drop tabs and newlines, so ``/\host`` and
    ``/\t/host`` are other hosts: any of them is refused, as is everything with an authority.
    """
    if not value or len(value) > 4000 or not value.startswith("/") or value.startswith("//"):
        return otherwise
    if "\\" in value or any(ord(c) < 0x21 or ord(c) == 0x7F for c in value):
        return otherwise
    try:
        parts = urlsplit(value)
    except ValueError:
        return otherwise
    return otherwise if parts.scheme or parts.netloc else value


def errand_of(page: str | None) -> str:
    """Where somebody was going who left at ``page``: on to its ``return_to``, or back to it."""
    left = local_path(page, "")
    onward = parse_qs(urlsplit(left).query).get("return_to", [""])[0]
    return local_path(onward, left)
