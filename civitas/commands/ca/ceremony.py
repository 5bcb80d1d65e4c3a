"""`civitas ca ceremony`: make, use and renew the roots, several people together, offline.

Needs no deployment, no database and no network: only the box, and the custodians' words.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.prompt import Prompt

from civitas.commands.console import fail, out, refusals
from foundation import secret_file
from foundation.clock import SystemClock
from foundation.settings import Jurisdiction
from pki import (
    CeremonyRequests,
    Root,
    RootsBox,
    SignedInCeremony,
    TokenChoice,
    begin_ceremony,
    fingerprint,
    in_fours,
    read_requests,
    rehearse_ceremony,
    renew_in_ceremony,
    sign_in_ceremony,
)

app = typer.Typer(help="Make, use and renew the roots: offline, several people together.",
                  no_args_is_help=True)  # fmt: skip

Box = Annotated[Path, typer.Argument(help="The folder of the roots, on a medium of its own.")]
Words = Annotated[
    list[Path] | None,
    typer.Option("--words", help="A file with a custodian's words; asked for when not given."),
]
Present = Annotated[
    list[str] | None, typer.Option("--present", help="Who is present, for the page to sign.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Where the answer goes, PEM.")]


def add_to(parent: typer.Typer) -> None:
    parent.add_typer(app, name="ceremony")


@app.callback()
def group() -> None:
    """Make, use and renew the roots: offline, several people together."""


@app.command()
def begin(
    box: Box,
    city: Annotated[str, typer.Option(help="[jurisdiction] name of the deployment.")],
    country: Annotated[str, typer.Option(help="[jurisdiction] country of the deployment.")],
    custodians: Annotated[
        list[str], typer.Option("--custodian", help="A person who keeps words; two or more.")
    ],
    threshold: Annotated[int, typer.Option(help="How many of them open the box.")] = 2,
    algorithm: Annotated[str, typer.Option(help="ES256, ES384, EdDSA or RS256.")] = "ES384",
    words_to: Annotated[
        Path | None, typer.Option(help="A folder for one file of words each, instead of a screen.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(help="pkcs11:token=…?module-path=… to keep the keys in.")
    ] = None,
    token_pin: Annotated[
        Path | None, typer.Option(help="The file with that token's present PIN.")
    ] = None,
    generation: Annotated[
        int, typer.Option(min=1, max=99, help="More than 1 where this box follows a lost one.")
    ] = 1,
) -> None:
    """Make the roots. Each custodian gets words, and writes them down unseen by the others.

    Example: `civitas ca ceremony begin /media/roots --city "Testville" --country EE
    --custodian "A. Tamm" --custodian "B. Kask" --custodian "C. Saar"`
    """
    if (token is None) != (token_pin is None):
        fail("Name both --token and --token-pin, or neither.", code=1)
    choice = TokenChoice(token, token_pin) if token and token_pin else None
    with refusals():
        begun = begin_ceremony(
            box,
            Jurisdiction(name=city, country=country),
            custodians,
            threshold,
            algorithm,
            SystemClock().now(),
            choice,
            generation,
        )
        _hand_out(custodians, begun.words, words_to)
    for root in begun.box.roots:
        out.print(f"{root.slug} ({root.algorithm}): {_fingerprint(root)}", soft_wrap=True)
    out.print(f"Print and sign {begun.page}.", soft_wrap=True)


@app.command()
def sign(
    box: Box,
    requests: Annotated[Path, typer.Argument(help="What `civitas ca requests` wrote.")],
    output: Output = Path("answer.pem"),
    words: Words = None,
    present: Present = None,
    yes: Annotated[bool, typer.Option(help="Do not ask whether the digests agree.")] = False,
) -> None:
    """Certify the authorities that ask, and make fresh revocation lists of the roots.

    Example: `civitas ca ceremony sign /media/roots requests.json -o answer.pem`
    """
    with refusals():
        asked = read_requests(_text(requests))
        _show(asked)
        if not yes and not typer.confirm("Does this agree with the city's own print?"):
            fail("Nothing was signed.", code=1)
        signed = sign_in_ceremony(
            box, _words(box, words), asked, present or (), SystemClock().now()
        )
    _answered(signed, output)


@app.command()
def renew(
    box: Box,
    root: Annotated[str, typer.Argument(help="root or root-mldsa.")],
    output: Output = Path("answer.pem"),
    words: Words = None,
    present: Present = None,
) -> None:
    """Make a next root; the present one and it certify each other, so nobody is locked out.

    Example: `civitas ca ceremony renew /media/roots root -o answer.pem`
    """
    with refusals():
        signed = renew_in_ceremony(
            box, _words(box, words), root, present or (), SystemClock().now()
        )
    _answered(signed, output)


@app.command()
def rehearse(
    page: Annotated[Path | None, typer.Option(help="Keep the page of the rehearsal here.")] = None,
) -> None:
    """Play a whole ceremony through with keys that are thrown away: the script for the day.

    Example: `civitas ca ceremony rehearse --page rehearsal.html`
    """
    with tempfile.TemporaryDirectory() as folder, refusals():
        transcript = rehearse_ceremony(Path(folder) / "box", SystemClock().now())
    for number, act in enumerate(transcript.acts, 1):
        out.print(f"{number}. {act.what}", soft_wrap=True)
    if page is not None:
        page.write_text(transcript.page(), "utf-8")
        out.print(f"Wrote {page}.", soft_wrap=True)


def _show(asked: CeremonyRequests) -> None:
    """What everybody compares with what `civitas ca requests` printed."""
    out.print(f"{asked.city} asks, SHA-256 {in_fours(asked.digest)}", soft_wrap=True)
    out.print(f"Lists are published at {asked.status}", soft_wrap=True, markup=False)
    for one in asked.requests:
        out.print(f"  certify {one.authority}-{one.generation}", soft_wrap=True, markup=False)
    for each in asked.revoke:
        out.print(f"  revoke {each.serial} of {each.issuer}: {each.reason}", soft_wrap=True,
                  markup=False)  # fmt: skip


def _hand_out(custodians: list[str], words: tuple[str, ...], folder: Path | None) -> None:
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number, line in enumerate(words, 1):
            secret_file.create(folder / f"custodian-{number}.txt", line.encode(), "The words file")
        return
    for custodian, line in zip(custodians, words, strict=True):
        Prompt.ask(f"Only {custodian} looks at the screen now. Press Enter")
        # A screen of its own, which leaves nothing to scroll back to.
        with out.screen():
            numbered = [f"{n:2} {word:<10}" for n, word in enumerate(line.split(), 1)]
            for row in range(0, len(numbered), 3):
                out.print("   ".join(numbered[row : row + 3]))
            Prompt.ask("Written down, and read back? Press Enter")
        out.file.write("\x1b[3J")


def _words(box: Path, files: list[Path] | None) -> list[str]:
    if files:
        return [_text(file) for file in files]
    threshold = RootsBox.read(box).threshold
    return [
        Prompt.ask(f"Words of custodian {number} of {threshold}", password=True)
        for number in range(1, threshold + 1)
    ]


def _answered(signed: SignedInCeremony, output: Path) -> None:
    output.write_bytes(signed.answer)
    out.print(f"Wrote {output}: take it to `civitas ca install {output}`.", soft_wrap=True)
    out.print(f"Print and sign {signed.page}.", soft_wrap=True)


def _fingerprint(root: Root) -> str:
    return fingerprint(root.authority.certificate)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        fail(f"{path} is not text.", code=1)
