"""The composition root: settings in, one application out. It reads as a list."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from civitas import governance, openapi, schema, system, tls_files
from civitas.deployment import Deployment
from civitas.fellows import Fellows
from civitas.routing import (
    FixedPaths,
    Options,
    ProtocolRoute,
    allowed,
    nearest,
    on_the_loop,
    typed_route,
)
from foundation.clock import Clock
from foundation.cross_origin import origin
from foundation.edge import Edge
from foundation.errors import BadRequest, MethodNotAllowed, NotFound, Problem, Unprocessable
from foundation.limits import Limits
from foundation.middleware import Gate
from foundation.pages import N_
from foundation.settings import Server, Settings
from foundation.web import Context, Route
from idp import federation

VERSION = "0.1.0"


def build(
    settings: Settings, clock: Clock | None = None, fellows: Fellows | None = None
) -> FastAPI:
    """The application of the deployment that `settings` describe.

    `fellows`: the other processes that answer at the same addresses, if there are any.

    Raises SettingsError, one sentence that says what to do, when it must not start.
    """
    deployment = governance.assemble(settings, clock)
    federation.check(settings)
    schema.check(deployment.runtime.database)
    deployment.runtime.check()
    return serve_deployment(deployment, fellows)


def serve_deployment(deployment: Deployment, fellows: Fellows | None = None) -> FastAPI:
    """Put the deployment's routes behind one gate."""
    runtime = deployment.runtime
    settings = runtime.settings
    app = FastAPI(
        title="Civitas",
        version=VERSION,
        summary="Verified identities for people and things, steered by consent.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        # Such a redirect is built from the Host header, which anybody may write.
        redirect_slashes=False,
        lifespan=_lifespan(deployment, fellows),
        separate_input_output_schemas=False,
        servers=[{"url": settings.of(Server).url}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        # Ours tells of routes and outcomes; the framework's own would tell of what was sent.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.state.deployment = deployment
    runtime.jobs.periodic(
        tls_files.work_of(settings), timedelta(seconds=15), lambda: tls_files.ensure(deployment)
    )
    context = _context(deployment)
    # The way that FastAPI names for a description of one's own.
    app.openapi = openapi.complete(app, context.cookie_name("session"))  # type: ignore[method-assign]
    routes = {**deployment.routes, "civitas": system.routes_of(runtime, app.openapi, fellows)}
    for package, group in routes.items():
        for route in group:
            mount(app, package, route)
    app.router.routes[:0] = [FixedPaths(app.router.routes), Options(app.router.routes)]
    # The header offers the places that this model of governance has.
    paths = {route.path for group in routes.values() for route in group}
    runtime.pages.paths = frozenset(paths)
    runtime.pages.places = tuple(p for p in runtime.pages.places if p.href in paths)
    edge = Edge(runtime.database, runtime.pages)
    _translate_framework_errors(app, edge)
    app.add_middleware(
        Gate,
        context=context,
        edge=edge,
        max_body=settings.of(Server).max_body,
        routes=[route for group in routes.values() for route in group],
        threads=settings.of(Server).threads,
        limits=settings.of(Limits),
        observe=runtime.telemetry.observe,
    )
    return app


def mount(app: FastAPI, package: str, route: Route) -> None:
    """Hang one route: a typed one shows in OpenAPI, a protocol's own or a page does not."""
    endpoint = route.endpoint if route.in_thread else on_the_loop(route.endpoint)
    if not route.api:
        app.router.routes.append(
            ProtocolRoute(
                route.path, endpoint, methods=list(route.methods), include_in_schema=False
            )
        )
        return
    for method in route.methods:
        told = openapi.described(package, method, route)
        app.router.routes.append(typed_route(route.path, method, endpoint, told))


def _context(deployment: Deployment) -> Context:
    server = deployment.runtime.settings.of(Server)
    return Context(
        origins=frozenset(origin(u) for u in (server.url, server.tls_url) if u),
        cookie_tag=hashlib.sha256(server.url.encode()).hexdigest()[:8],
        secure_cookies=server.url.startswith("https://"),
        trusted_proxies=server.trusted_proxies,
        mac=deployment.runtime.keys.mac,
        who=deployment.who,
        way_back=deployment.way_back,
        signed_out=deployment.signed_out,
        frames=deployment.frames,
        client_certificate_header=server.client_certificate_header,
        resource_metadata=deployment.resource_metadata,
    )


def _lifespan(deployment: Deployment, fellows: Fellows | None) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        import anyio.to_thread

        runtime = deployment.runtime
        threads = runtime.settings.of(Server).threads
        anyio.to_thread.current_default_thread_limiter().total_tokens = threads
        for mend in deployment.on_start:
            await anyio.to_thread.run_sync(mend, runtime.clock.now())
        stop = threading.Event()
        worker = threading.Thread(target=runtime.jobs.run_until, args=(stop,), name="jobs")
        worker.start()
        loop = asyncio.get_running_loop()
        if fellows is not None:
            fellows.attend(loop, runtime.telemetry.families)
        try:
            yield
        finally:
            if fellows is not None:
                fellows.leave(loop)
            stop.set()
            await anyio.to_thread.run_sync(worker.join)
            runtime.close()

    return lifespan


def _translate_framework_errors(app: FastAPI, edge: Edge) -> None:
    def http_error(request: Request, error: HTTPException) -> Response:
        problem: Problem
        if error.status_code == 404:
            near = nearest(request.app.routes, request.url.path)
            problem = NotFound(
                N_("There is nothing at this address."),
                where=request.url.path,
                next_step=f"Did you mean {near}?"
                if near
                else N_(
                    "Check the address, or begin at the start page. "
                    "Programs find everything at /api."
                ),
            )
        elif error.status_code == 405:
            allow = allowed(request.app.routes, request.scope)
            problem = MethodNotAllowed(
                N_("%(method)s is not possible here.", method=request.method),
                where="method",
                next_step=N_("Use one of %(allow)s.", allow=allow),
                headers={"Allow": allow},
            )
        else:
            problem = BadRequest(str(error.detail))
        return edge.answer(request, problem)

    def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"])
        kind = BadRequest if first["type"] == "json_invalid" else Unprocessable
        return edge.answer(request, kind(f"{where}: {first['msg']}.", where=where))

    app.exception_handler(HTTPException)(http_error)
    app.exception_handler(RequestValidationError)(invalid)
