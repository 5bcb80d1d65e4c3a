"""pyHanko's own client of the Cloud Signature Consortium's API signs a PDF — CSC API 2.x §11.

Nothing of ours runs on its side: it finds the certificate, authorises its hashes, fetches the
signature, and puts it into the PDF.
"""

# mypy: disallow-untyped-calls=False
from __future__ import annotations

import asyncio
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.signers.csc_signer import (
    CSCAuthorizationManager,
    CSCServiceSessionInfo,
    CSCSigner,
    fetch_certs_in_csc_credential,
)

from foundation.clock import FrozenClock, SystemClock
from pki import TimeStampSettings
from tests.support import deployments
from tests.support.pdfs import pdf, pdfsig, verdict
from tests.support.sealing import with_seal
from tests.support.serving import serving
from tests.support.signing import SigningCity


class Authorizing(CSCAuthorizationManager):
    """As its documentation has it: the hashes go along, and activation data comes back."""

    def __init__(self, session: aiohttp.ClientSession, *given: Any, other: bool = False) -> None:
        super().__init__(*given)
        self._session = session
        self._other = other

    async def authorize_signature(self, hash_b64s: list[str]) -> Any:
        hashes = ["A" * 43 + "="] if self._other else hash_b64s
        url = self.csc_session_info.endpoint_url("credentials/authorize")
        wanted = self.format_csc_auth_request(hash_b64s=hashes)
        headers = self.auth_headers
        async with self._session.post(url, headers=headers, json=wanted) as answer:
            answer.raise_for_status()
            return self.parse_csc_auth_response(await answer.json())


@pytest.fixture
def city(tmp_path: Path) -> Iterator[SigningCity]:
    settings = deployments.settings_in(tmp_path, TimeStampSettings(clock="operator"))
    made = SigningCity(settings, FrozenClock(SystemClock().now()))
    yield made
    made.close()


async def signed(url: str, token: str, document: bytes, *, other: bool = False) -> bytes:
    known = CSCServiceSessionInfo(url, "seal", oauth_token=token, api_ver="v2")
    async with aiohttp.ClientSession() as session:
        found = await fetch_certs_in_csc_credential(session, known)
        signer = CSCSigner(session, Authorizing(session, known, found, other=other))
        meta = PdfSignatureMetadata(
            field_name="Seal", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES
        )
        writer = IncrementalPdfFileWriter(BytesIO(document))
        out: BytesIO = await PdfSigner(meta, signer).async_sign_pdf(writer)
        return out.getvalue()


def test_pyhankos_csc_client_seals_a_pdf(city: SigningCity, tmp_path: Path) -> None:
    with_seal(city, city.service.id, "Registry Office")
    token = city.service.bearer["Authorization"].removeprefix("Bearer ")
    port = deployments.free_port()
    with serving(city.app, port):
        url = f"http://127.0.0.1:{port}"
        whole = asyncio.run(signed(url, token, pdf()))
        with pytest.raises(SigningError):
            # Activation data for other hashes opens nothing.
            asyncio.run(signed(url, token, pdf(), other=True))
    found = verdict(city, whole)
    assert found.bottom_line, found.pretty_print_details()
    assert found.signing_cert.subject.native == {"common_name": "Registry Office"}
    assert "Signature is Valid." in pdfsig(tmp_path, whole)
