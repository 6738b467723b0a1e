"""The application: routes under `/v1`, one schema for every error, bounds around all of it.

Invariant: nothing is served without a token, the description of the API included; the files of pages, which tell nothing, are
served to anybody. Whatever a request holds, it is answered with a status below 500, or 503 with a sentence when the store or the
book of breaks is away.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

import meridian
from meridian.risk.api import (
    break_routes,
    kill_routes,
    limit_routes,
    rule_routes,
    session_routes,
    state_routes,
    stream,
    words,
)
from meridian.risk.api.errors import Errors, Refused, problem
from meridian.risk.api.guard import Guarded
from meridian.risk.api.service import Reader, Service
from meridian.web import pages

log = structlog.get_logger("limits-api")
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Errors, "description": text}
    for status, text in {
        400: "a body that cannot be read",
        401: "no token, or none that is in force",
        403: "the role, or the person, may not do this",
        404: "nothing has this name",
        408: "a body that came too slowly",
        409: "the state does not allow it: stale, taken, not open",
        412: "another version is there now",
        413: "a body that is too long",
        414: "a query that is too long",
        422: "input that cannot be used, every error at once",
        428: "If-Match is missing",
        429: "too many requests",
        503: "the store or the book of breaks is away: nothing was written, or its fate is unknown",
    }.items()
}


def create_app(service: Service) -> FastAPI:
    """The application around a service."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    app = FastAPI(
        title="Meridian limits",
        version=meridian.__version__,
        summary="Limits, kills and what they do in every region.",
        description="Values are decimals as text in the metric's unit; times are ns UTC. Every write is one transaction "
        "with its audit entry; loosening needs a second person.",
        lifespan=lifespan,
        responses=RESPONSES,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    for routes in (limit_routes, kill_routes, rule_routes, session_routes, state_routes, break_routes, stream):
        app.include_router(routes.router)
    app.include_router(pages.router)

    @app.get("/v1/openapi.json", tags=["health"], summary="This description")
    async def description(_: Reader) -> dict[str, Any]:
        """OpenAPI of every route."""
        return app.openapi()

    _add_handlers(app)
    app.add_middleware(Guarded)
    return app


def _add_handlers(app: FastAPI) -> None:
    async def on_refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refused)
        return JSONResponse(error.body.model_dump(mode="json"), error.status, error.headers)

    async def on_bad_input(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        path, media = getattr(request.scope.get("route"), "path_format", ""), request.headers.get("content-type", "")
        wrong = words.problems_of(app.openapi(), path, request.method, media, error.errors())
        body = Errors(code="bad_input", errors=list(wrong))
        return JSONResponse(body.model_dump(mode="json"), 422)

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        codes = {404: "not_found", 405: "method", 400: "bad_input"}
        place = f"{request.method} {request.url.path}"
        allowed = {404: "a path of /v1/openapi.json", 405: "a method of this path", 400: "a body that is JSON"}
        one = problem("request", place, allowed.get(error.status_code, "another request"))
        body = Errors(code=codes.get(error.status_code, "refused"), errors=[one])
        return JSONResponse(body.model_dump(mode="json"), error.status_code, error.headers)

    async def on_mistake(request: Request, error: Exception) -> JSONResponse:
        log.error("a request failed", path=request.url.path, method=request.method, exc_info=error)
        body = Errors(code="mistake", errors=[problem("request", None, "nothing wrong here: this is our mistake")])
        return JSONResponse(body.model_dump(mode="json"), 500)

    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(RequestValidationError, on_bad_input)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_mistake)
