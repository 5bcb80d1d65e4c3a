"""Containers of files and signatures over them: ASiC-E — ETSI EN 319 162-1 §4.4.

The files stay with the service: what has to lie beside them under META-INF/ is made here, and
`container` puts both together.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from documents.signing.formats import xades
from documents.signing.formats.xades import ASIC, HEAD, uri_of
from documents.signing.formats.xml import DS, HASH_URIS, element, top
from documents.signing.transaction import Document
from pki import CmsSigner, Evidence, signed_data, signing_time

MEDIA_TYPE = "application/vnd.etsi.asic-e+zip"
INNER = "META-INF/"
MANIFEST = "META-INF/manifest.xml"
_ODF = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
_BEGINNING = (1980, 1, 1, 0, 0, 0)

Files = Mapping[str, bytes]


def with_xades(
    by: CmsSigner,
    documents: Sequence[Document],
    hash_name: str,
    at: datetime,
    *,
    number: int,
    stamp: Callable[[bytes], bytes] | None,
    evidence: Evidence | None = None,
) -> Files:
    """The kind that Estonia uses: one XAdES signature over all files, and a list of them."""
    signed = xades.signature(
        by, documents, hash_name, at, number=number, stamp=stamp, evidence=evidence
    )
    return {f"{INNER}signatures{number}.xml": signed, MANIFEST: _listing(documents)}


def with_cades(
    by: CmsSigner,
    documents: Sequence[Document],
    hash_name: str,
    at: datetime,
    *,
    number: int,
    stamp: Callable[[bytes], bytes] | None,
) -> Files:
    """A manifest with the hashes of all files, and CAdES over the manifest (§4.4.3.3)."""
    signature = f"{INNER}signature{number}.p7s"
    references = (
        element(
            "asic:DataObjectReference",
            top("ds:DigestMethod", DS, Algorithm=HASH_URIS[hash_name]),
            top("ds:DigestValue", DS, base64.b64encode(one.digest).decode()),
            MimeType=one.media_type,
            URI=uri_of(one.name),
        )
        for one in documents
    )
    said = element("asic:SigReference", MimeType="application/pkcs7-signature", URI=signature)
    manifest = (HEAD + top("asic:ASiCManifest", ASIC, said, *references)).encode()
    signed = signed_data(
        by,
        hashlib.new(hash_name, manifest).digest(),
        hash_name,
        attributes=(signing_time(at),),
        stamp=stamp,
    )
    return {f"{INNER}ASiCManifest{number}.xml": manifest, signature: signed}


def signature_in(inner: Files) -> str:
    """Which of those files is the signature."""
    (found,) = (one for one in inner if one.startswith(f"{INNER}signature"))
    return found


def container(files: Files, inner: Files) -> bytes:
    """The container: `mimetype` first and uncompressed (§4.4.2), the files, what signs them."""
    out = BytesIO()
    with ZipFile(out, "w") as zipped:
        zipped.writestr(_entry("mimetype", ZIP_STORED), MEDIA_TYPE.encode())
        for name, content in {**files, **inner}.items():
            zipped.writestr(_entry(name, ZIP_DEFLATED), content)
    return out.getvalue()


def _entry(name: str, method: int) -> ZipInfo:
    entry = ZipInfo(name, _BEGINNING)
    entry.compress_type = method
    return entry


def _listing(documents: Sequence[Document]) -> bytes:
    """§4.4.3.2: as OpenDocument has it."""
    entries = [("/", MEDIA_TYPE), *((one.name, one.media_type) for one in documents)]
    inside = (
        f'<manifest:file-entry manifest:full-path="{_quoted(name)}"'
        f' manifest:media-type="{_quoted(kind)}"></manifest:file-entry>'
        for name, kind in entries
    )
    return (
        HEAD + f'<manifest:manifest xmlns:manifest="{_ODF}" manifest:version="1.2">'
        f"{''.join(inside)}</manifest:manifest>"
    ).encode()


def _quoted(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
