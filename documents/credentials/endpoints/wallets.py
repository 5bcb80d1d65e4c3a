"""For wallets: metadata, offers, nonces, credentials, notifications — OpenID4VCI 1.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from documents.credentials import encryption
from documents.credentials.configurations import FORMAT, type_name
from documents.credentials.credentials import Credentials, code_of
from documents.credentials.deferring import INTERVAL, Deferred
from documents.credentials.encryption import To
from documents.credentials.errors import InvalidCredentialRequest, InvalidNotification
from documents.credentials.issuing import Issued
from documents.credentials.offer import metadata_of, offer_of, type_of
from documents.credentials.signers import ISSUER_USE
from documents.credentials.status_list import IN_CBOR, MEDIA_TYPE
from foundation import web
from foundation.errors import Gone, NotFound
from foundation.marking import N_
from foundation.settings import Jurisdiction

PUBLIC = {"Cache-Control": "public, max-age=600"}
NO_STORE = {"Cache-Control": "no-store"}
EVENTS = {
    "credential_accepted": "accepted",
    "credential_failure": "failed",
    "credential_deleted": "deleted",
}


def issuer_metadata(credentials: Credentials, request: Request) -> Response:
    """What this issuer offers — §12.2."""
    runtime = credentials.runtime
    said = metadata_of(
        credentials.url,
        runtime.settings.of(Jurisdiction).name,
        credentials.known.values(),
        credentials.issuing.settings.batch,
        runtime.keys.signer(ISSUER_USE).algorithm,
        credentials.issuing.request_keys.metadata(runtime.clock.now()),
        credentials.issuing.attesters.metadata(),
        runtime.pages.words.languages,
    )
    return JSONResponse(said, headers=PUBLIC)


def vc_issuer_metadata(credentials: Credentials, request: Request) -> Response:
    """The keys that verify credentials, for who does not go by certificates — SD-JWT VC §5."""
    keys = credentials.runtime.keys
    jwks = [keys.jwk(key) for key in keys.history(ISSUER_USE)]
    return JSONResponse({"issuer": credentials.url, "jwks": {"keys": jwks}}, headers=PUBLIC)


def type_metadata(credentials: Credentials, request: Request) -> Response:
    """What a `vct` stands for — SD-JWT VC §6."""
    one = credentials.known.get(request.path_params["configuration"])
    if one is None:
        raise NotFound(N_("There is no such type of credential."))
    vct = type_name(credentials.url, one.id, FORMAT)
    languages = credentials.runtime.pages.words.languages
    return JSONResponse(type_of(one, vct, languages), headers=PUBLIC)


def status(credentials: Credentials, request: Request) -> Response:
    """A status list, as JWT or as CWT — Token Status List §8.1. Kept by whoever looks: the same for
    everybody."""
    number = request.path_params["number"]
    if not (number.isascii() and number.isdigit() and len(number) < 7):
        raise NotFound(N_("There is no status list of this number."))
    statuses = credentials.statuses
    now = credentials.runtime.clock.now()
    kept = {"Cache-Control": f"public, max-age={statuses.ttl}", "Vary": "Accept"}
    if IN_CBOR in request.headers.get("accept", ""):
        return Response(statuses.in_cbor(int(number), now), media_type=IN_CBOR, headers=kept)
    return Response(statuses.token(int(number), now), media_type=MEDIA_TYPE, headers=kept)


def offer(credentials: Credentials, request: Request) -> Response:
    """An offer by its address — §4.1.3. Who has the address has the offer, and not yet the code
    that its person types."""
    code = code_of(request.path_params["secret"])
    found = credentials.wallets.offered(code)
    if found is None:
        raise Gone(N_("This offer is over."), next_step=N_("Make a new one in your account."))
    return JSONResponse(offer_of(credentials.url, found[0], code), headers=NO_STORE)


def nonce(credentials: Credentials, request: Request) -> Response:
    """A nonce for proofs of keys — §7."""
    now = credentials.runtime.clock.now()
    more = credentials.wallets.headers(request, now)
    said = {"c_nonce": credentials.issuing.nonces.new(now)}
    return JSONResponse(said, headers={**NO_STORE, **more})


def credential(credentials: Credentials, request: Request) -> Response:
    """Copies of a credential, one for each key that is proven — §8."""
    now = credentials.runtime.clock.now()
    holder = credentials.wallets.holder(request)
    body, to = _body(credentials, request)
    return _given(credentials, request, credentials.issuing.issue(holder, body, now), to)


def deferred(credentials: Credentials, request: Request) -> Response:
    """What a wallet waits for, once it is there — §9."""
    now = credentials.runtime.clock.now()
    holder = credentials.wallets.holder(request)
    body, to = _body(credentials, request)
    issued = credentials.issuing.deferred(holder, body.get("transaction_id"), now)
    return _given(credentials, request, issued, to)


def notification(credentials: Credentials, request: Request) -> Response:
    """What became of a credential in the wallet — §11."""
    now = credentials.runtime.clock.now()
    holder = credentials.wallets.holder(request)
    body = web.json_object(request, InvalidNotification)
    which, event = body.get("notification_id"), body.get("event")
    if not isinstance(which, str) or event not in EVENTS:
        raise InvalidNotification(
            f"Send notification_id, and event, one of {', '.join(EVENTS)} (§11.1)."
        )
    credentials.issuing.note(holder, which, EVENTS[str(event)], now)
    return Response(status_code=204, headers=dict(credentials.wallets.headers(request, now)))


def _body(credentials: Credentials, request: Request) -> tuple[dict[str, Any], To | None]:
    """A request as it is, or decrypted (§10); and the key that its answer is encrypted to."""
    encrypted = web.media_type(request) == encryption.MEDIA_TYPE
    if encrypted:
        sealed = web.body(request).decode("ascii", "replace")
        now, keys = credentials.runtime.clock.now(), credentials.issuing.request_keys
        body = web.object_in(keys.opened(sealed, now), InvalidCredentialRequest)
    else:
        body = web.json_object(request, InvalidCredentialRequest)
    return body, encryption.wanted(body, encrypted=encrypted)


def _given(
    credentials: Credentials, request: Request, made: Issued | Deferred, to: To | None
) -> Response:
    if isinstance(made, Deferred):
        wait = {
            "transaction_id": made.transaction_id,
            "interval": int(INTERVAL.total_seconds()),
        }
        return _answer(credentials, request, wait, to, 202)
    said = {
        "credentials": [{"credential": one} for one in made.credentials],
        "notification_id": made.notification_id,
    }
    return _answer(credentials, request, said, to)


def _answer(
    credentials: Credentials,
    request: Request,
    said: Mapping[str, Any],
    to: To | None,
    status: int = 200,
) -> Response:
    more = credentials.wallets.headers(request, credentials.runtime.clock.now())
    headers = {**NO_STORE, **more}
    if to is None:
        return JSONResponse(said, status, headers=headers)
    sealed = encryption.sealed(said, to)
    return Response(sealed, status, media_type=encryption.MEDIA_TYPE, headers=headers)
