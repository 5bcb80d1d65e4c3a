"""Our real server on a Unix socket, with one route that tells whom it believes to see.

`python -m tests.support.peer_server FOLDER` listens on FOLDER/civitas.sock.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from civitas.server import serve
from foundation.clock import SystemClock
from foundation.edge import Edge
from foundation.middleware import Gate
from foundation.runtime import Runtime
from foundation.settings import Server
from foundation.web import Context, body, client_address, client_certificate, is_secure
from tests.support.deployments import build_runtime, settings_in


def peer(request: Request) -> Response:
    """What the application believes about its caller."""
    certificate = client_certificate(request)
    return JSONResponse(
        {
            "address": client_address(request),
            "secure": is_secure(request),
            "certificate": certificate and certificate.fingerprint(SHA256()).hex(),
            "body": len(body(request)),
        }
    )


def app_on(runtime: Runtime) -> Starlette:
    """The one route behind our gate."""
    server = runtime.settings.of(Server)
    app = Starlette(routes=[Route("/", peer), Route("/peer", peer, methods=["GET", "POST"])])
    app.add_middleware(
        Gate,
        context=Context(
            origins=frozenset(["https://id.example.city"]),
            cookie_tag="00000000",
            secure_cookies=True,
            trusted_proxies=server.trusted_proxies,
            client_certificate_header=server.client_certificate_header,
            mac=runtime.keys.mac,
            who=lambda request: None,
        ),
        edge=Edge(runtime.database, runtime.pages),
        max_body=1_048_576,
        observe=lambda scope, status, seconds: None,
    )
    return app


def main(folder: Path) -> None:
    settings = settings_in(
        folder,
        Server(
            url="https://id.example.city",
            listen="",
            unix_socket="civitas.sock",
            trusted_proxies=("unix",),
            client_certificate_header="X-SSL-Client-Cert",
        ),
    )
    serve(app_on(build_runtime(settings, SystemClock())), settings)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
