"""What comes in: who calls is known before much of it, it lies on disk, and it has to come."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette import requests
from starlette.responses import Response

from foundation import bodies, middleware, web
from foundation.errors import Forbidden, Problem
from foundation.runtime import Runtime
from tests.support.gates import MOST, Request, answered, gate_of, settle

LARGE = 400_000
MULTIPART = "multipart/form-data; boundary=b"


def nobody(request: requests.Request) -> None:
    raise Forbidden("Not for you.")


def anybody(request: requests.Request) -> None:
    return None


def route(admits: Any, path: str = "/large") -> web.Route:
    return web.Route(("POST",), path, Response, "test", max_body=LARGE, admits=admits)


async def chunks(*parts: bytes, then: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    if then is not None:
        await then.wait()


def declared(size: int, **more: str) -> dict[str, str]:
    return {"content-length": str(size), **more}


@pytest.fixture(autouse=True)
def no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "LINGER_SECONDS", 0)


@pytest.mark.row("failures", "15")
@pytest.mark.row("failures", "22")
@pytest.mark.parametrize(
    "headers", [declared(LARGE), {"transfer-encoding": "chunked"}], ids=["declared", "chunked"]
)
def test_a_stranger_is_refused_before_any_of_a_large_body_is_read(
    runtime: Runtime, headers: dict[str, str]
) -> None:
    gate = gate_of(answered, runtime, [route(nobody)])
    request = Request("POST", "/large", headers=headers, body=chunks(b"a" * LARGE))
    asyncio.run(request(gate))  # type: ignore[arg-type]
    assert (request.status, request.asked_before_answer) == (403, 0)
    assert request.headers["connection"] == "close"


@pytest.mark.row("failures", "15")
def test_a_large_body_lies_on_disk_sealed_and_comes_out_whole(runtime: Runtime) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = scope["civitas.body"]
        on_disk = os.pread(body._sealed._file.fileno(), LARGE, 0)
        name = str(Path(f"/proc/self/fd/{body._sealed._file.fileno()}").readlink())
        seen.append((body.on_disk, body.whole(), on_disk, name))
        await answered(scope, receive, send)

    secret = [b"civil number 48001010011" * 500, b"b" * 100_000]
    gate = gate_of(app, runtime, [route(anybody)])
    request = Request("POST", "/large", headers=declared(112_000), body=chunks(*secret))
    asyncio.run(request(gate))  # type: ignore[arg-type]
    ((on_disk, whole, stored, name),) = seen
    assert on_disk
    assert whole == b"".join(secret)
    assert b"civil number" not in stored
    assert name.endswith("(deleted)")


@pytest.mark.row("failures", "15")
def test_few_large_bodies_come_in_at_once_and_the_rest_is_told_when_to_come_back(
    runtime: Runtime,
) -> None:
    async def walk() -> None:
        gate = gate_of(answered, runtime, [route(anybody)], large_bodies=2)
        go_on = asyncio.Event()
        tasks = []
        for number in range(9):
            body = chunks(b"a", then=go_on)
            address = f"2001:db8:{number:x}::1"
            request = Request("POST", "/large", address, declared(LARGE), body)
            tasks.append(asyncio.create_task(request(gate)))
        while gate.coming_in.busy + gate.coming_in.waiting < 4 or sum(t.done() for t in tasks) < 5:
            await settle()
        assert (gate.coming_in.busy, gate.coming_in.waiting) == (2, 2)
        go_on.set()
        done = [await task for task in tasks]
        assert sorted(r.status for r in done) == [200] * 4 + [503] * 5
        assert all(int(r.headers["retry-after"]) >= 1 for r in done if r.status == 503)

    asyncio.run(walk())


@pytest.mark.row("failures", "15")
@pytest.mark.row("failures", "22")
def test_a_body_that_does_not_come_is_not_waited_for(runtime: Runtime) -> None:
    async def walk() -> None:
        gate = gate_of(answered, runtime, (), body_seconds=0.01)
        body = chunks(b"half", then=asyncio.Event())
        request = await Request("POST", "/any", headers=declared(9), body=body)(gate)
        assert request.status == 408
        assert request.headers["connection"] == "close"

    asyncio.run(walk())


def test_a_body_that_comes_has_longer_the_more_of_it_came(runtime: Runtime) -> None:
    async def walk() -> None:
        # A thousandth of a second for the first, then a second more for each byte that came.
        gate = gate_of(answered, runtime, (), body_seconds=0.001, least_rate=1)

        async def slowly() -> AsyncIterator[bytes]:
            yield b"a" * 600
            await asyncio.sleep(0.005)
            yield b"abc"

        request = await Request("POST", "/any", headers=declared(603), body=slowly())(gate)
        assert request.status == 200

    asyncio.run(walk())


def test_who_goes_on_sending_after_a_refusal_is_not_read_for_long(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "LINGER_SECONDS", 0.5)
    monkeypatch.setattr(middleware, "LINGER_PAUSE", 0.3)
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while given < 100 * middleware.LINGER_BYTES:
            given += 65_536
            yield b"a" * 65_536

    gate = gate_of(answered, runtime, [route(nobody)])
    request = Request("POST", "/large", headers=declared(LARGE), body=endless())
    asyncio.run(request(gate))  # type: ignore[arg-type]
    assert request.status == 403
    assert given == middleware.LINGER_BYTES


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("says", [{}, {"transfer-encoding": "chunked"}], ids=["lies", "chunked"])
def test_more_than_the_cap_is_refused_whatever_the_head_says(
    runtime: Runtime, method: str, says: dict[str, str]
) -> None:
    gate = gate_of(answered, runtime, ())
    headers = says or declared(1)
    request = Request(method, "/any", headers=headers, body=chunks(b"a" * MOST, b"a"))
    asyncio.run(request(gate))  # type: ignore[arg-type]
    assert request.status == 413


def test_a_length_that_is_no_number_is_more_than_any_cap(runtime: Runtime) -> None:
    for length in ("-1", "1e3", "9" * 400, ""):
        gate = gate_of(answered, runtime, ())
        request = Request("POST", "/any", headers={"content-length": length})
        asyncio.run(request(gate))  # type: ignore[arg-type]
        assert request.status == 413, length


def _form(*parts: bytes) -> requests.Request:
    body = bodies.Body()
    for part in parts:
        body.write(b"--b\r\n" + part + b"\r\n")
    body.write(b"--b--\r\n")
    scope = {
        "type": "http",
        "headers": [(b"content-type", MULTIPART.encode())],
        "civitas.body": body,
    }
    return requests.Request(scope)


def test_a_form_with_a_large_file_is_read_from_disk_and_the_file_stays_in_memory() -> None:
    head = b'Content-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    fields, files = web.upload(
        _form(head + b"a" * LARGE * 4, b'Content-Disposition: form-data; name="t"\r\n\r\n1')
    )
    assert dict(fields) == {"t": "1"}
    assert files == {"file": ("a.csv", b"a" * LARGE * 4)}


@pytest.mark.parametrize(
    "parts",
    [
        [b'Content-Disposition: form-data; name="f%d"\r\n\r\n1' % n for n in range(2000)],
        [b'Content-Disposition: form-data; name="f"; filename="%d"\r\n\r\n1' % n for n in range(9)],
        [b'Content-Disposition: form-data; name="t"\r\n\r\n' + b"a" * 2_000_000],
        [b'Content-Disposition: form-data; name="t"\r\n\r\n1'] * 2,
        [b"X: y\r\n\r\n1"],
        [b"no colon at all\r\n\r\n1"],
    ],
    ids=["many fields", "many files", "a long field", "twice", "no name", "no header"],
)
def test_a_form_of_many_or_odd_parts_is_the_senders_fault(parts: list[bytes]) -> None:
    with pytest.raises(Problem) as refused:
        web.upload(_form(*parts))
    assert refused.value.status == 400
