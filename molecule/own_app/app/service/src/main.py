"""A shop that finds all it needs in its environment."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

DATABASE_URL = os.environ["DATABASE_URL"]
REDIS_URL = os.environ["REDIS_URL"]
SECRETS = ("SECRET_KEY", "PAYMENT_TOKEN")
PLAIN = ("ALLOWED_HOSTS", "APP_NAME", "BETA", "CORS_ORIGINS", "ENVIRONMENT", "FEATURES", "GREETING", "SECURE_COOKIES")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Keep the connections for as long as the application lives."""
    async with asyncpg.create_pool(DATABASE_URL, min_size=1, max_size=2) as app.state.database:
        app.state.redis = Redis.from_url(REDIS_URL)
        yield
        await app.state.redis.aclose()


async def health(_request: Request) -> Response:
    """Answer while the process lives."""
    return PlainTextResponse("fine")


async def about(request: Request) -> Response:
    """Tell what came in: the environment (of secrets only a digest), the request, the process."""
    return JSONResponse(
        {
            "environment": {name: os.environ.get(name) for name in PLAIN},
            "secrets": {name: hashlib.sha256(os.environ[name].encode()).hexdigest() for name in SECRETS},
            "exported": sorted({"FULLSTACK_COMMAND", "BANNER"} & os.environ.keys()),
            "banner": os.environ.get("BANNER"),
            "url": str(request.url),
            "client": request.client.host if request.client else None,
            "command": Path("/proc/1/cmdline").read_text().split("\0")[:-1],
        }
    )


async def orders(request: Request) -> Response:
    """Take an order, and tell them all."""
    database = request.app.state.database
    if request.method == "POST":
        await database.execute("INSERT INTO orders (article) VALUES ($1)", (await request.json())["article"])
    return JSONResponse([row["article"] for row in await database.fetch("SELECT article FROM orders ORDER BY id")])


async def visits(request: Request) -> Response:
    """Count a visit."""
    return JSONResponse(await request.app.state.redis.incr("visits"))


app = Starlette(
    routes=[
        Route("/healthz", health),
        Route("/api/about", about),
        Route("/api/orders", orders, methods=["GET", "POST"]),
        Route("/api/visits", visits, methods=["POST"]),
    ],
    middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=json.loads(os.environ["ALLOWED_HOSTS"]))],
    lifespan=lifespan,
)
