"""What was done in a ceremony, by whom and when: a page to print, sign and keep."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes


@dataclass(frozen=True, slots=True)
class Act:
    """One step: what was done, and what everybody present should have seen."""

    at: datetime
    what: str
    seen: tuple[tuple[str, str], ...] = ()


@dataclass
class Transcript:
    """The acts of one ceremony, in order."""

    title: str
    city: str
    present: tuple[str, ...]
    acts: list[Act] = field(default_factory=list)

    def note(self, at: datetime, what: str, **seen: str) -> None:
        self.acts.append(Act(at, what, tuple((k.replace("_", " "), v) for k, v in seen.items())))

    def page(self) -> str:
        """HTML that prints on A4 and needs nothing else; its digest is on the page's last line."""
        body = "\n".join(
            (
                f"<h1>{escape(self.title)}</h1>",
                f"<p>{escape(self.city)}</p>",
                "<ol>",
                *(_act(act) for act in self.acts),
                "</ol>",
                "<h2>Present</h2>",
                "<p>I was here, and saw what is written above.</p>",
                "<table>",
                *(_signature(name) for name in (*self.present, "Witness", "Witness")),
                "</table>",
            )
        )
        digest = hashlib.sha256(body.encode()).hexdigest()
        return _FRAME.format(title=escape(self.title), body=body, digest=" ".join(_fours(digest)))


def _act(act: Act) -> str:
    seen = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in act.seen)
    shown = f"<dl>{seen}</dl>" if seen else ""
    time = act.at.strftime("%Y-%m-%d %H:%M:%S UTC")
    tick = '<span class="tick" role="img" aria-label="tick when seen"></span>'
    return f"<li>{tick}<strong>{escape(act.what)}</strong> <time>{time}</time>{shown}</li>"


def _signature(name: str) -> str:
    return f"<tr><th scope=row>{escape(name)}</th><td></td><td class=date></td></tr>"


def _fours(text: str) -> Sequence[str]:
    return [text[i : i + 4] for i in range(0, len(text), 4)]


def in_fours(text: str) -> str:
    """A digest as people compare it."""
    return " ".join(_fours(text))


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 as people compare it: groups of four hexadecimal digits."""
    return in_fours(certificate.fingerprint(hashes.SHA256()).hex())


_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
@page {{ size: A4; margin: 20mm }}
body {{ font: 11pt/1.5 serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem;
  color: #111; background: #fff }}
h1 {{ font-size: 1.5rem }} h2 {{ font-size: 1.1rem; margin-top: 2rem }}
li {{ margin: 0 0 .8rem; break-inside: avoid }} time {{ color: #555 }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: .2rem 0 }}
dt {{ color: #555 }} dd {{ margin: 0; font-family: monospace; overflow-wrap: anywhere }}
.tick {{ display: inline-block; width: .9em; height: .9em; border: 1px solid #111;
  margin-right: .5em }}
table {{ border-collapse: collapse; width: 100%; break-inside: avoid }}
th, td {{ border-bottom: 1px solid #111; height: 3rem; text-align: left; vertical-align: bottom }}
th {{ font-weight: normal; width: 35% }} .date {{ width: 20% }}
footer {{ margin-top: 2rem; color: #555; font-size: 9pt; overflow-wrap: anywhere }}
@media (max-width: 30rem) {{ dl {{ grid-template-columns: 1fr }} }}
</style></head><body>
<main>
{body}
</main>
<footer>SHA-256 of the text between &lt;main&gt; and &lt;/main&gt;: {digest}</footer>
</body></html>
"""
