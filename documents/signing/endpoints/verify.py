"""A page where anybody sees whether a signed file is good — WCAG 2.2, ETSI EN 319 102-1.

Nobody signs in, and nothing is kept: the file is looked at, and gone with the answer.
"""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from documents.signing.signing import Signing
from documents.signing.verifying import MOST_OCTETS, Verifying
from foundation import web
from foundation.errors import Unprocessable
from foundation.marking import N_
from foundation.pages import Mistakes

BUCKET = "signing.verify"
_MINUTE = timedelta(minutes=1)


def admits(signing: Signing, request: Request) -> None:
    """Asked before a large body is read: how often an address may send one."""
    runtime = signing.runtime
    with runtime.database.write() as uow:
        runtime.rates.attempt_from(
            uow,
            BUCKET,
            web.client_network(request),
            signing.settings.verified_per_minute,
            _MINUTE,
            runtime.clock.now(),
        )


def show(signing: Signing, request: Request) -> Response:
    """The form."""
    return _page(signing, request)


def submit(signing: Signing, verifying: Verifying, request: Request) -> Response:
    """The file, and what is to be said of each signature in it."""
    form, files = web.upload(request)
    web.check_csrf(request, form)
    name, content = files.get("file", ("", b""))
    _, document = files.get("document", ("", b""))
    mistakes = Mistakes()
    try:
        if not content:
            raise Unprocessable(N_("Choose a file."), where="file")
        verdicts = verifying.verify(content, document, signing.runtime.clock.now())
    except Unprocessable as refused:
        mistakes.add(refused.where or "file", refused.description, refused.next_step)
        return _page(signing, request, mistakes=mistakes)
    return _page(signing, request, verdicts=verdicts, name=name[:200])


def _page(signing: Signing, request: Request, **more: object) -> Response:
    context = {"verdicts": (), "name": "", "most": MOST_OCTETS // 1024 // 1024, **more}
    return signing.runtime.pages.render(request, "signing/verify.html", **context)  # type: ignore[arg-type]
