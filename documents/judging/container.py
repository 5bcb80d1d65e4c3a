"""Containers of files and signatures over them: ASiC-E — ETSI EN 319 162-1 §4.4.

Each signature must vouch for every file: what is in the container and not signed is none of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from documents.judging import archive, cms, markup, xades
from documents.judging.bounds import MOST_SIGNATURES, Refused
from documents.judging.coverage import vouch

_ASIC = "{http://uri.etsi.org/02918/v1.2.1#}"
_XADES = re.compile(r"META-INF/[^/]*signatures[^/]*\.xml")
_MANIFEST = re.compile(r"META-INF/ASiCManifest[^/]*\.xml")
_CADES = re.compile(r"META-INF/[^/]*signature[^/]*\.p7s")
_LISTING = "META-INF/manifest.xml"


def judge(content: bytes, question: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Raises Refused."""
    files = archive.files_in(content)
    inner = {name: one for name, one in files.items() if name.casefold().startswith("meta-inf/")}
    data = {name: one for name, one in files.items() if name not in inner}
    if not data:
        raise Refused("uncovered")
    told: list[dict[str, Any]] = []
    looked_at = {_LISTING}
    for name, written in inner.items():
        if _XADES.fullmatch(name):
            told += xades.judge(written, data, question)
            looked_at.add(name)
        elif _MANIFEST.fullmatch(name):
            signature = _vouched_by(written, data)
            if signature not in inner or signature in looked_at:
                raise Refused("strange")
            told.append(cms.judge(inner[signature], written, question))
            looked_at |= {name, signature}
    if set(inner) - looked_at:
        raise Refused("strange")
    if _LISTING in inner:
        markup.parsed(inner[_LISTING])
    return told[:MOST_SIGNATURES]


def _vouched_by(manifest: bytes, data: Mapping[str, bytes]) -> str:
    """The file that signs this manifest, once all files are what it says."""
    root = markup.parsed(manifest)
    if root.tag != f"{_ASIC}ASiCManifest":
        raise Refused("xml")
    signature = unquote(markup.only(root, f"{_ASIC}SigReference").get("URI", ""))
    if not _CADES.fullmatch(signature):
        raise Refused("strange")
    references = root.findall(f"{_ASIC}DataObjectReference")
    if len(root) != len(references) + 1:
        raise Refused("xml")
    vouch(references, data)
    return signature
