"""Puts the application together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.middleware import Middleware

from app.changes import Hub
from app.database import create_engine
from app.errors import ServiceUnavailableError, report_invalid_request, report_outage
from app.logs import configure_logging
from app.middleware import RequestContext, TrustedHost
from app.readiness import read_revisions
from app.redis_client import create_redis
from app.routes import ROUTERS
from app.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Make the application; each worker connects to its services when it needs them."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        configure_logging(settings.log_level)
        engine = create_engine(settings)
        redis = create_redis(settings)
        hub = Hub()
        listener = asyncio.create_task(hub.run(redis))
        try:
            yield {
                "settings": settings,
                "engine": engine,
                "redis": redis,
                "hub": hub,
                "revisions": read_revisions(),
            }
        finally:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener
            await redis.aclose()
            await engine.dispose()

    app = FastAPI(
        title=settings.app_name,
        version=settings.release,
        lifespan=lifespan,
        # This page loads scripts from another site.
        docs_url="/docs" if settings.debug else None,
        redoc_url=None,
        # The first is the outermost.
        middleware=[
            Middleware(RequestContext, release=settings.release, root_path=settings.root_path),
            Middleware(TrustedHost, allowed_hosts=settings.allowed_hosts),
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_credentials=True,
                allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["Authorization", "Content-Type"],
                expose_headers=["X-Release", "X-Request-ID"],
            ),
        ],
        exception_handlers={
            RequestValidationError: report_invalid_request,
            ServiceUnavailableError: report_outage,
        },
    )
    for router in ROUTERS:
        app.include_router(router)
    return app
