"""Building chains from what entities publish, without loops and without end — §10.1."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from foundation.clock import FrozenClock
from foundation.fetch import Fetch, Fetched, FetchFailed
from idp.federation.resolution import Resolution, Unresolved
from tests.unit.idp.federation.chains import NOW, Entity, federation

pytestmark = pytest.mark.rfc("openid-federation", "10.1")


class Web(Fetch):
    """What is published, by URL without its query."""

    def __init__(self) -> None:
        self.documents: dict[str, str] = {}
        self.asked: list[str] = []

    def get(
        self, url: str, accept: Sequence[str], headers: Mapping[str, str] | None = None
    ) -> Fetched:
        self.asked.append(url)
        parts = urlsplit(url)
        subject = parse_qs(parts.query).get("sub", [""])[0]
        body = self.documents.get(f"{parts.scheme}://{parts.netloc}{parts.path}{subject}")
        if body is None:
            raise FetchFailed(f"{url} answered 404.", 404)
        return Fetched(url, 200, accept[0], body.encode())

    def publish(self, entity: Entity, *subordinates: Entity, **claims: Any) -> None:
        own = {}
        if subordinates:
            own = {"federation_entity": {"federation_fetch_endpoint": f"{entity.id}/fetch"}}
        well_known = f"{entity.id}/.well-known/openid-federation"
        self.documents[well_known] = entity.configuration(
            metadata={**entity.metadata, **own}, **claims
        )
        for other in subordinates:
            self.documents[f"{entity.id}/fetch{other.id}"] = entity.about(other)


def resolution(web: Web, anchor: Entity, clock: FrozenClock | None = None) -> Resolution:
    return Resolution(
        web,
        clock or FrozenClock(NOW),
        {anchor.id: anchor.jwks["keys"]},
        keep=timedelta(seconds=2),
        loopback_http=False,
    )


def test_a_chain_is_found_through_an_intermediate() -> None:
    web, (leaf, middle, anchor) = Web(), federation()
    web.publish(leaf)
    web.publish(middle, leaf)
    web.publish(anchor, middle)
    found = resolution(web, anchor).chain(leaf.id)
    assert [s.subject for s in found.statements] == [leaf.id, leaf.id, middle.id, anchor.id]


def test_of_two_ways_the_direct_one_is_taken() -> None:
    web, (leaf, middle, anchor) = Web(), federation()
    leaf.hints = (middle.id, anchor.id)
    web.publish(leaf)
    web.publish(middle, leaf)
    web.publish(anchor, middle, leaf)
    assert len(resolution(web, anchor).chain(leaf.id).statements) == 3


def test_a_loop_of_authorities_comes_to_an_end() -> None:
    web, (leaf, middle, anchor) = Web(), federation()
    middle.hints = (leaf.id,)
    leaf.hints = (middle.id,)
    web.publish(leaf, middle)
    web.publish(middle, leaf)
    with pytest.raises(Unresolved):
        resolution(web, anchor).chain(leaf.id)
    assert len(web.asked) < 10


def test_a_ladder_without_end_is_cut_off() -> None:
    web, anchor = Web(), Entity("https://anchor.example")
    rungs = [Entity(f"https://r{i}.example", (f"https://r{i + 1}.example",)) for i in range(40)]
    for lower, upper in zip([rungs[0], *rungs], rungs, strict=False):
        web.publish(upper, lower)
    with pytest.raises(Unresolved):
        resolution(web, anchor).chain(rungs[0].id)
    assert len(web.asked) < 30


def test_many_false_hints_do_not_make_us_ask_the_world() -> None:
    web, (leaf, _, anchor) = Web(), federation()
    leaf.hints = tuple(f"https://h{i}.example" for i in range(500))
    web.publish(leaf)
    with pytest.raises(Unresolved):
        resolution(web, anchor).chain(leaf.id)
    assert len(web.asked) < 30


def test_a_configuration_about_somebody_else_is_refused() -> None:
    web, (leaf, middle, anchor) = Web(), federation()
    web.documents[f"{leaf.id}/.well-known/openid-federation"] = middle.configuration()
    with pytest.raises(Unresolved):
        resolution(web, anchor).chain(leaf.id)


@pytest.mark.parametrize(
    "entity_id",
    ["", "x", "http://leaf.example", "https://127.0.0.1?", "é", "https://leaf..example",
     "https://10.0.0.300", "https://-leaf.example", "https://bücher.example"],
)  # fmt: skip
def test_what_is_no_entity_identifier_is_not_fetched(entity_id: str) -> None:
    web, anchor = Web(), Entity("https://anchor.example")
    with pytest.raises(Unresolved):
        resolution(web, anchor).chain(entity_id)
    assert web.asked == []


def test_success_and_failure_are_remembered_for_two_seconds() -> None:
    web, (leaf, _, anchor) = Web(), federation()
    clock = FrozenClock(NOW)
    asking = resolution(web, anchor, clock)
    for _ in range(3):
        with pytest.raises(Unresolved):
            asking.chain(leaf.id)
    assert len(web.asked) == 1
    leaf.hints = (anchor.id,)
    web.publish(leaf)
    web.publish(anchor, leaf)
    clock.advance(timedelta(seconds=2))
    asking.chain(leaf.id)
    asked = len(web.asked)
    asking.chain(leaf.id)
    assert len(web.asked) == asked


@pytest.mark.parametrize("listed", ["{}", "x", "5", json.dumps("x")])
def test_a_list_that_is_none_is_refused(listed: str) -> None:
    web, anchor = Web(), Entity("https://anchor.example")
    anchor.metadata = {"federation_entity": {"federation_list_endpoint": f"{anchor.id}/list"}}
    web.publish(anchor)
    web.documents[f"{anchor.id}/list"] = listed
    with pytest.raises(Unresolved):
        resolution(web, anchor).subordinates(anchor.id, "openid_provider")
