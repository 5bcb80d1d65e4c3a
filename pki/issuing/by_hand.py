"""Certificates that an operator issues by hand: for people's cards, for makers, for a server's key.

The same issuance as for every protocol: the profile decides, the request only proposes — RFC 2986.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from foundation.errors import BadRequest, Conflict
from pki.issuing import lint
from pki.issuing.issuance import Issuance
from pki.issuing.server_certificate import Console
from pki.ports import Admission
from pki.profiles.profile import Profile
from pki.refusals import RequestRefused
from pki.requests import request
from pki.x509.certificate import IssuedCertificate
from pki.x509.names import LONGEST_NAME


def issue(
    issuance: Issuance,
    console: Console,
    profile: Profile,
    body: bytes,
    holder: str,
    names: Sequence[str],
    now: datetime,
) -> IssuedCertificate:
    """The certificate of `profile` for the key in `body`, a PKCS #10 request.

    `holder` becomes the subject; `names` are written `URI:…`, `DNS:…` or `IP:…`, and go into the
    certificate in their canonical form (`pki/x509/names.py`). The same request
    for the same holder and names gives the same certificate again. Raises BadRequest,
    RequestRefused, or Conflict where that one has expired.
    """
    if profile.issuer is None or profile.status == "responder":
        raise BadRequest(
            f"A {profile.name} certificate is not issued by hand.",
            where="profile",
            next_step="Authorities come from `civitas init` and the ceremony.",
        )
    if not holder.strip() or len(holder) > LONGEST_NAME or not holder.isprintable():
        raise BadRequest(
            "The holder's name is empty, too long, or cannot be printed.",
            where="holder",
            next_step=f"Write 1 to {LONGEST_NAME} characters.",
        )
    proposed = request.parse(body)
    names = lint.canonical_names(names, profile)
    if profile.name == "server" and not names:
        raise RequestRefused(
            "subjectAltName", "A server has a name.", "Name at least one: --name DNS:host."
        )
    named = hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]
    admission = Admission(
        reference=f"hand:{profile.name}:{proposed.public_key.digest}:{named}",
        holder=f"{profile.name}:{holder}",
        profile=profile.name,
        common_name=holder,
        names=names,
    )
    issued = issuance.issue(admission, proposed, console, now)
    if issued.not_after <= now:
        raise Conflict(
            "The certificate that this key and these names led to has expired.",
            where="request",
            next_step="Make a new key, and a request with it.",
            detail=issued.serial,
        )
    return issued
