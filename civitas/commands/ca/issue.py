"""`civitas ca issue`: a certificate by hand, of any profile that is somebody's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    authority_of,
    err,
    fail,
    out,
    print_json,
)
from foundation.nearest import instead


def add_to(app: typer.Typer) -> None:
    app.command("issue")(issue)


def issue(
    request: Annotated[
        Path,
        typer.Argument(help="A PKCS #10 request, PEM or DER.", exists=True, dir_okay=False),
    ],
    profile: Annotated[str, typer.Option(help="Such as citizen-signature, idevid or server.")],
    holder: Annotated[str, typer.Option(help="Who or what the certificate is for.")],
    names: Annotated[
        list[str] | None, typer.Option("--name", help="DNS:…, IP:… or URI:…; may be repeated.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the certificate goes, PEM.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Issue a certificate for the key in a request; the profile decides what it contains.

    Example: `civitas ca issue card.csr --profile citizen-signature --holder "EE38001085718"`
    """
    with authority_of(config) as (authority, deployment):
        if profile not in authority.profiles:
            fail(f"There is no profile {profile}. {instead(profile, authority.profiles)}", code=1)
        issued = authority.issue_by_hand(
            profile, request.read_bytes(), holder, names or (), deployment.runtime.clock.now()
        )
    pem = x509.load_der_x509_certificate(issued.der).public_bytes(Encoding.PEM)
    if output is not None:
        output.write_bytes(pem)
    if as_json:
        print_json(
            {
                "serial": issued.serial,
                "profile": issued.profile,
                "holder": issued.holder,
                "not_after": issued.not_after.isoformat(),
                "thumbprint": issued.thumbprint,
                "certificate": pem.decode(),
                "left_out": list(issued.left_out),
            }
        )
    elif output is None:
        out.print(pem.decode(), end="")
    else:
        out.print(f"Wrote {output}: serial {issued.serial}, until {issued.not_after:%Y-%m-%d}.",
                  soft_wrap=True)  # fmt: skip
    if issued.left_out and not as_json:
        err.print(f"Not in the certificate: {', '.join(issued.left_out)}.", soft_wrap=True)
