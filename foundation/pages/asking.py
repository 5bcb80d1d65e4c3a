"""Acts that cannot be undone ask first, on a page that says what follows — WCAG 2.2 §3.3.4.

The first form of such an act is answered by this page; the form on it carries what was sent, and
`confirmed`: the act, at this address, on the thing as it is now. If the thing has changed since (a
page left open overnight), the question is asked anew. A route names such acts in `asks_first`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from foundation import opaque
from foundation.marking import N_
from foundation.pages.mistakes import Mistakes
from foundation.pages.rendering import Pages
from foundation.web import Form

CHANGED = N_("Something changed since you opened that page, so nothing was done.")
LOOK_AGAIN = N_("Look at it again, then decide.")
_NOT_CARRIED = frozenset({"csrf_token", "confirmed"})


@dataclass(frozen=True, slots=True)
class Question:
    """What the page says, in message ids: the question, what follows (a sentence each), and the
    word on the button."""

    title: str
    follows: tuple[str, ...]
    button: str


def ask_first(
    pages: Pages,
    request: Request,
    form: Form,
    question: Question,
    *,
    version: str,
    back: str,
    about: str = "",
) -> Response | None:
    """The page that asks; None once the person said yes to this act on the thing as it is now.

    `version`: what says that the thing is still the same, such as its state and the instant of its
    last change. `back`: the page of the thing. `about`: what people call it.
    """
    now = opaque.digest(f"{question.title}\0{request.url.path}\0{version}").hex()
    said = form.get("confirmed", "")
    if said and secrets.compare_digest(said.encode(), now.encode()):
        return None
    mistakes = Mistakes(409)
    if said:
        mistakes.add("", CHANGED, LOOK_AGAIN)
    return pages.render(
        request,
        "ask_first.html",
        mistakes=mistakes,
        question=question,
        about=about,
        carried={name: value for name, value in form.items() if name not in _NOT_CARRIED},
        confirmed=now,
        back=back,
    )
