"""A browser without a window: follows redirects, keeps cookies, reads and sends forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import httpx


@dataclass
class PageForm:
    """A form as the page shows it; `fields` holds what would be sent if nobody typed."""

    action: str
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    identifier: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self.text: list[str] = []
        self.data: dict[str, dict[str, str]] = {}
        self.elements: list[dict[str, str]] = []
        self.links: list[str] = []
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append(found)
        if "id" in found:
            self.data[found["id"]] = found
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "form":
            self.forms.append(
                PageForm(
                    found.get("action", ""),
                    found.get("method", "get").lower(),
                    identifier=found.get("id", ""),
                )
            )
        elif tag == "input" and self.forms and found.get("name"):
            _input(found, self.forms[-1])
        elif self.forms:
            self._field(tag, found, self.forms[-1])

    def _field(self, tag: str, found: dict[str, str], form: PageForm) -> None:
        name = found.get("name", "")
        if tag == "button" and found.get("type") != "button":
            form.buttons.append((name, found.get("value", "")))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            form.choices.setdefault(self._select, []).append(found.get("value", ""))
            if "selected" in found or self._select not in form.fields:
                form.fields[self._select] = found.get("value", "")
        elif tag == "textarea":
            form.fields[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(data.strip())


def _input(found: dict[str, str], form: PageForm) -> None:
    name, kind = found["name"], found.get("type", "text")
    if kind == "file":
        form.files.append(name)
    elif kind in ("checkbox", "radio"):
        form.choices.setdefault(name, []).append(found.get("value", "on"))
        if "checked" in found:
            form.fields[name] = found.get("value", "on")
    elif kind != "submit":
        form.fields[name] = found.get("value", "")


class Unexpected(AssertionError):
    """The page was not the one that the story expects; the message says which came."""


class Browser:
    """One person's browser."""

    def __init__(self, client: httpx.Client | None = None) -> None:
        self.client = client or httpx.Client(timeout=30)
        self.url = ""
        self.leaves_at: str | None = None
        self.response: httpx.Response | None = None
        self._page = _Reader()

    def get(self, url: str) -> Browser:
        return self._load("GET", urljoin(self.url, url))

    def submit(
        self,
        form: PageForm,
        button: tuple[str, str] | None = None,
        typed: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> Browser:
        """Send `form` with what was typed; what the page had filled in goes along."""
        values = {**form.fields, **(typed or {})}
        if button and button[0]:
            values[button[0]] = button[1]
        url = urljoin(self.url, form.action)
        if form.method == "get":
            return self._load("GET", str(httpx.URL(url, params=values)))
        if files is not None:
            return self._load("POST", url, data=values, files=files)
        return self._load("POST", url, data=values)

    @property
    def text(self) -> str:
        return " ".join(self._page.text)

    @property
    def html(self) -> str:
        return "" if self.response is None else self.response.text

    @property
    def forms(self) -> list[PageForm]:
        return self._page.forms

    def element(self, identifier: str) -> dict[str, str]:
        """The attributes of the element with this id."""
        if identifier not in self._page.data:
            raise self.unexpected(f"an element #{identifier}")
        return self._page.data[identifier]

    def marked(self, attribute: str) -> dict[str, str]:
        """The attributes of the first element that carries `attribute`."""
        for element in self._page.elements:
            if attribute in element:
                return element
        raise self.unexpected(f"an element with {attribute}")

    @property
    def links(self) -> list[str]:
        return self._page.links

    def post_json(self, path: str, body: Any, csrf: str) -> Any:
        """What a page's script sends, and the JSON that comes back."""
        response = self.client.post(
            urljoin(self.url, path), json=body, headers={"X-CSRF-Token": csrf}
        )
        if response.status_code != 200:
            raise Unexpected(f"{path} ({response.status_code}): {response.text[:300]}")
        return response.json()

    def form(self, *names: str, action: str | None = None) -> PageForm:
        """The first form that has all these fields or choices, or an action that ends so."""
        for form in self.forms:
            has = {*form.fields, *form.choices, *form.files, *(n for n, _ in form.buttons)}
            if set(names) <= has and (action is None or form.action.split("?")[0].endswith(action)):
                return form
        raise self.unexpected(f"a form with {', '.join(names) or action}")

    def unexpected(self, wanted: str) -> Unexpected:
        status = self.response.status_code if self.response is not None else "no answer"
        return Unexpected(f"{self.url} ({status}) lacks {wanted}: {self.text[:300]}")

    def _load(self, method: str, url: str, **body: object) -> Browser:
        headers = {"Accept": "text/html,application/xhtml+xml"}
        response = self.client.request(method, url, headers=headers, **body)  # type: ignore[arg-type]
        for _ in range(20):
            if not response.is_redirect:
                break
            url = urljoin(url, response.headers["location"])
            if self.leaves_at and url.startswith(self.leaves_at):
                self.url = url  # a service's own page: what the browser carries there is enough
                return self
            if response.status_code in (301, 302, 303):
                method, body = "GET", {}
            response = self.client.request(method, url, headers=headers, **body)  # type: ignore[arg-type]
        self.url, self.response = str(response.url), response
        self._page = _Reader()
        if "html" in response.headers.get("content-type", ""):
            self._page.feed(response.text)
        return self
