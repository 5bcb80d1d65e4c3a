"""XML from strangers: nothing of it is fetched, expanded, or means two things — XML DSig §8.

Only whole elements in one of three canonical forms are hashed; there is no other transform.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

from documents.judging.bounds import Refused

DS = "{http://www.w3.org/2000/09/xmldsig#}"
_FORMS = {
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315": False,
    "http://www.w3.org/2006/12/xml-c14n11": False,
    "http://www.w3.org/2001/10/xml-exc-c14n#": True,
}
"""Canonical forms without comments: whether it is exclusive."""
_HASHES = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
_XML = "{http://www.w3.org/XML/1998/namespace}"


def parsed(content: bytes) -> Any:
    """The root element. Raises Refused."""
    from lxml import etree

    # Before a parser sees it: no document type, so no entities, no defaults, nothing to fetch.
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content or b"\0" in content:
        raise Refused("entities")
    try:
        content.decode("utf-8")
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, UnicodeDecodeError, ValueError) as broken:
        raise Refused("xml") from broken
    if root.getroottree().docinfo.encoding not in ("UTF-8", "utf-8", None):
        raise Refused("xml")
    seen: set[str] = set()
    for node in root.iter():
        if not isinstance(node.tag, str):
            raise Refused("xml")  # comments and instructions have no place in a signature
        for name, value in node.attrib.items():
            if name.startswith(_XML):
                raise Refused("xml")  # it would be inherited into what is hashed
            if name.rpartition("}")[2].lower() == "id":
                if value in seen:
                    raise Refused("wrapping")
                seen.add(value)
    return root


def only(parent: Any, name: str) -> Any:
    """The one child of this name. Raises Refused."""
    found = parent.findall(name)
    if len(found) != 1:
        raise Refused("wrapping" if found else "xml")
    return found[0]


def canonical(element: Any, method: Any) -> bytes:
    """An element by what a CanonicalizationMethod or Transform asks for. Raises Refused."""
    from lxml import etree

    exclusive = _FORMS.get(method.get("Algorithm"))
    if exclusive is None or len(method):
        raise Refused("transform")
    written: bytes = etree.tostring(
        element, method="c14n", exclusive=exclusive, with_comments=False, with_tail=False
    )
    return written


def hash_of(reference: Any) -> tuple[str, bytes]:
    """The hash in a reference, as long as its algorithm makes it. Raises Refused."""
    name = _HASHES.get(only(reference, f"{DS}DigestMethod").get("Algorithm", ""))
    if name is None:
        raise Refused("algorithm")
    digest = octets(only(reference, f"{DS}DigestValue"))
    if len(digest) != hashlib.new(name).digest_size:
        raise Refused("algorithm")
    return name, digest


def is_hash_of(reference: Any, content: bytes) -> bool:
    name, digest = hash_of(reference)
    return hmac.compare_digest(digest, hashlib.new(name, content).digest())


def octets(element: Any) -> bytes:
    """Base64 in an element without others in it. Raises Refused."""
    if len(element):
        raise Refused("xml")
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError) as broken:
        raise Refused("xml") from broken
