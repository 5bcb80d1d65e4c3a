"""Render a template inside the one frame, in the reader's language — HTML, WCAG 2.2 §3.1."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from types import CodeType
from typing import Any
from urllib.parse import quote

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined, pass_context
from jinja2.bccache import Bucket, BytecodeCache
from jinja2.loaders import BaseLoader, ChoiceLoader
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from foundation import web
from foundation.birth import BirthDate, PartialDate, earliest
from foundation.cross_origin import origin
from foundation.marking import N_
from foundation.pages.language import (
    CHOSEN_NOW,
    LANGUAGE_COOKIE,
    Translator,
    Words,
    accepted_languages,
)
from foundation.pages.mistakes import Mistakes
from foundation.pages.navigation import PLACES, Place, places_for
from foundation.pages.static_files import StaticFiles
from foundation.pages.times import spelled
from foundation.settings import Jurisdiction

TEMPLATES = Path(__file__).parent / "templates"
ERROR = "error.html"
ACTORS = {
    "citizen": N_("a citizen"),
    "staff": N_("a member of staff"),
    "service": N_("a service"),
    "device": N_("the device"),
    "system": N_("the system"),
}
"""Kinds of actor, as a page says them."""


class _Once(BytecodeCache):
    """Templates are compiled once a process, however many deployments it assembles."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._code[bucket.key, bucket.checksum] = bucket.code


_ONCE = _Once()


class Pages:
    """Turns templates into pages.

    ``template_dirs``: suite name → folder; ``login/sign_in.html`` is ``sign_in.html`` in the
    folder named ``login``. ``frame.html``, ``parts.html`` and ``error.html`` are ours.
    ``places`` are what the header offers to those who are signed in.
    """

    def __init__(
        self,
        template_dirs: Mapping[str, Path],
        jurisdiction: Jurisdiction | None = None,
        places: Sequence[Place] = PLACES,
    ) -> None:
        self.jurisdiction = jurisdiction or Jurisdiction()
        self.words = Words(self.jurisdiction.languages)
        self.static = StaticFiles()
        self.places = tuple(places)
        self.paths: frozenset[str] = frozenset()
        """What this deployment serves; a page links to nothing else."""
        self.name_of: Callable[[str], str | None] = lambda _id: None
        """What a member of staff is called; whoever knows them plugs it in."""
        suites: dict[str, BaseLoader] = {
            name: FileSystemLoader(folder) for name, folder in template_dirs.items()
        }
        self._environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(TEMPLATES), PrefixLoader(suites)]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
            auto_reload=False,
            bytecode_cache=_ONCE,
        )
        self._environment.newstyle_gettext = True  # type: ignore[attr-defined]
        self._environment.policies["ext.i18n.trimmed"] = True
        self._environment.filters["instant"] = self._instant
        self._environment.filters["day"] = self._day
        self._environment.filters["who"] = self._who
        self._environment.globals["static"] = self.static.url
        self._environment.globals["jurisdiction"] = self.jurisdiction
        self._environment.globals["serves"] = lambda path: path in self.paths

    def translator(self, request: Request) -> Translator:
        """The reader's language: ``ui_locales``, their choice, then ``Accept-Language``."""
        chosen = getattr(request.state, "translator", None)
        if not isinstance(chosen, Translator):
            chosen = self.prefer(request, request.query_params.get("ui_locales", ""))
        return chosen

    def prefer(self, request: Request, ui_locales: str) -> Translator:
        """The reader's language where a service wished for ``ui_locales``, best first.

        What the reader chose a while ago comes after that, what they chose just now before it.
        """
        wishes = ui_locales[:200].split()
        if kept := web.cookie(request, LANGUAGE_COOKIE):
            wishes.insert(0 if web.cookie(request, CHOSEN_NOW) else len(wishes), kept)
        wishes.extend(accepted_languages(request.headers.get("accept-language", "")))
        chosen: Translator = self.words.choose(wishes)
        request.state.translator = chosen
        return chosen

    def render(
        self,
        request: Request,
        template: str,
        status: int = 200,
        *,
        leads_back: bool = False,
        frames: Sequence[str] = (),
        mistakes: Mistakes | None = None,
        typed: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """The page as a response. It is about one person and one moment, so it is never stored.

        `leads_back`: the answer to a form on it may lead to the service that sent the person.
        `frames`: addresses of pages of others that it shows; the browser may show these alone.
        `mistakes`: of the form that was sent, and `typed`: what stood in it.
        """
        if leads_back:
            request.scope["civitas.leads_back"] = True
        if frames:
            request.scope["civitas.frames"] = sorted({origin(uri) for uri in frames})
        translator = self.translator(request)
        body = self._environment.get_template(template).render(
            self._frame(request, translator, about_an_error=template == ERROR),
            mistakes=mistakes if mistakes is not None else Mistakes(),
            typed=typed if typed is not None else {},
            frames=frames,
            **context,
        )
        return HTMLResponse(
            body,
            mistakes.status if mistakes and status == HTTPStatus.OK else status,
            headers={
                "Content-Language": translator.language,
                "Cache-Control": "no-store",
                "Vary": "Cookie, Accept-Language",
            },
        )

    def document(self, template: str, wishes: Iterable[str], **context: Any) -> Markup:
        """A document that is no page of ours, such as a letter, in the first of these languages
        that we speak."""
        translator = self.words.choose(wishes)
        body = self._environment.get_template(template).render(
            {
                "_": translator.escaped,
                "gettext": translator.markup,
                "ngettext": translator.markup_plural,
                "translator": translator,
            },
            **context,
        )
        return Markup(body)  # noqa: S704 - every template escapes what it is given

    def _frame(
        self, request: Request, translator: Translator, about_an_error: bool
    ) -> dict[str, Any]:
        # To say that the database is away must not need the database.
        visitor = (
            request.scope.get("civitas.principal") if about_an_error else web.principal(request)
        )
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return {
            "_": translator.escaped,
            "gettext": translator.markup,
            "ngettext": translator.markup_plural,
            "translator": translator,
            "languages": self.words.languages,
            "here": quote(here, safe=""),
            # Who signs out in the middle of an errand is told the way back to the service.
            "errand": here if request.scope.get("civitas.leads_back") else "",
            "path": request.url.path,
            "visitor": visitor,
            "places": places_for(visitor, request.url.path, self.places),
            "csrf_field": _csrf_field(request),
        }

    @pass_context
    def _who(self, context: Context, id_: str | None, kind: str = "staff") -> Markup:
        """Who acted, as people know them: a member of staff by name, with the id behind it;
        anybody else by what they are."""
        if kind != "staff" or not id_:
            said: str = context["translator"](ACTORS.get(kind, kind))
            return Markup("{}").format(said)
        name = self.name_of(id_)
        if name is None:
            return Markup("<code>{}</code>").format(id_)
        return Markup('<bdi title="{}">{}</bdi>').format(id_, name)

    @pass_context
    def _instant(self, context: Context, value: datetime, style: str = "medium") -> str:
        """An instant by the jurisdiction's time zone, which it names, in the reader's language."""
        return spelled(value, self.jurisdiction.zone, self._custom(context), style)

    @pass_context
    def _day(self, context: Context, value: BirthDate, style: str = "long") -> str:
        """A day, or what is known of it, by the jurisdiction's calendar, in the reader's words."""
        if isinstance(value, PartialDate):
            skeleton = "yMMMM" if value.month else "y"
            return format_skeleton(skeleton, earliest(value), locale=self._custom(context))
        if isinstance(value, datetime):
            value = value.astimezone(self.jurisdiction.zone).date()
        return format_date(value, format=style, locale=self._custom(context))

    def _custom(self, context: Context) -> Locale:
        """How dates are written: in the reader's language, by the custom of the country."""
        language: Locale = context["translator"].locale
        for tag in (f"{language.language}_{self.jurisdiction.country}", f"{language}_150"):
            try:
                return Locale.parse(tag)
            except (UnknownLocaleError, ValueError):
                continue
        return language


def _csrf_field(request: Request) -> Callable[[], Markup]:
    def csrf_field() -> Markup:
        template = Markup('<input type="hidden" name="csrf_token" value="{}">')
        return template.format(web.csrf_token(request))

    return csrf_field
