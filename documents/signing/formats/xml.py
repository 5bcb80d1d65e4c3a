"""XML that is in canonical form as it is written — Exclusive XML Canonicalization 1.0.

What is hashed is what is written: no parser and no canonicaliser stands between. A test holds it
against libxml2's.
"""

from __future__ import annotations

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
DS = "http://www.w3.org/2000/09/xmldsig#"
HASH_URIS = {
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
}
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_IN_ATTRIBUTE = str.maketrans({
    "&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;",
})  # fmt: skip


def element(name: str, *inside: str, **attributes: str) -> str:
    """An element of a namespace that is declared around it; attributes come sorted (§2.3)."""
    return _written(name, "", inside, attributes)


def top(name: str, namespace: str, *inside: str, **attributes: str) -> str:
    """An element that declares the namespace of its prefix."""
    return _written(name, f' xmlns:{name.partition(":")[0]}="{namespace}"', inside, attributes)


def text(value: str) -> str:
    return value.translate(_IN_TEXT)


def _written(name: str, declared: str, inside: tuple[str, ...], attributes: dict[str, str]) -> str:
    given = "".join(
        f' {key}="{value.translate(_IN_ATTRIBUTE)}"' for key, value in sorted(attributes.items())
    )
    return f"<{name}{declared}{given}>{''.join(inside)}</{name}>"
