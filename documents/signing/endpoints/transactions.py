"""A service asks a person for a signature, and learns what came of it — CSC API 2.x §8.4."""

from __future__ import annotations

import base64

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from documents.signing.endpoints.model import SCOPE, SignatureStands, parse
from documents.signing.signing import Signing
from documents.signing.transaction import (
    EXPIRED,
    FAILED,
    REFUSED,
    SIGNED,
    SIGNING,
    WAITING,
    Transaction,
)
from foundation import web
from foundation.settings import Server

_NEXT = {
    WAITING: "Send the person's browser to url, and ask again when it comes back.",
    SIGNING: "Ask again in a second.",
    SIGNED: "Take signatures and certificates; they are forgotten here after a while.",
    REFUSED: "The person said no: ask for another signature when they want one.",
    FAILED: "Nothing was signed, for a reason of ours: ask for another signature.",
    EXPIRED: "The person did not answer in time: ask for another signature.",
}


def ask(signing: Signing, request: Request) -> Response:
    """Ask a person for a signature. Only hashes come here; send the person's browser to `url`,
    where they see what they sign, prove who they are for this signature alone, and answer.
    """
    caller = web.require(request, kind="service", scope=SCOPE)
    wanted = parse(request)
    found = signing.ask(
        caller.id,
        wanted.asked(),
        signing.runtime.clock.now(),
        level=wanted.level,
        sub=wanted.sub,
        return_uri=wanted.return_uri,
    )
    told = told_of(signing, found)
    headers = {"Cache-Control": "no-store", "Location": f"/sign/v1/transactions/{found.id}"}
    return JSONResponse(told.model_dump(exclude_none=True), 201, headers=headers)


def stands(signing: Signing, request: Request) -> Response:
    """Where a signature stands, and what was signed."""
    caller = web.require(request, kind="service", scope=SCOPE)
    found = signing.of_service(caller.id, request.path_params["transaction"])
    told = told_of(signing, found)
    return JSONResponse(told.model_dump(exclude_none=True), headers={"Cache-Control": "no-store"})


def told_of(signing: Signing, found: Transaction) -> SignatureStands:
    state = found.state_at(signing.runtime.clock.now())
    made = found.made
    return SignatureStands(
        transaction=found.id,
        state=state,  # type: ignore[arg-type]
        url=signing.runtime.settings.of(Server).url + found.path,
        expires_at=found.expires_at.isoformat(),
        next_step=_NEXT[state],
        level=found.level,
        words=[list(document.words) for document in found.asked.documents],
        signatures=_written(made.signatures) if made is not None else None,
        certificates=_written(made.certificates) if made is not None else None,
        files={name: _b64(content) for name, content in made.files.items()}
        if made is not None and made.files
        else None,
        lists=_written(made.lists) if made is not None and made.lists else None,
        answers=_written(made.answers) if made is not None and made.answers else None,
    )


def _written(parts: tuple[bytes, ...]) -> list[str]:
    return [_b64(part) for part in parts]


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()
