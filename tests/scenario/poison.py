"""Routes by which a client does harm to the worker that answers, for the example application."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.scenario.releases import Application

ROUTES = '''"""Routes of a test: what a client can do to the worker that answers."""

import asyncio
import os
import time

from fastapi import APIRouter, Request, Response

router = APIRouter(prefix="/poison")


@router.api_route("/crash", methods=["GET", "POST", "PUT"])
async def crash() -> None:
    """Let the process end."""
    os._exit(1)


@router.get("/memory")
async def memory() -> None:
    """Take memory until the kernel ends the process."""
    hoard = []
    while True:
        hoard.append(b"x" * 2**26)


@router.get("/hang")
async def hang() -> None:
    """Hold up all that the process does, until gunicorn ends it."""
    time.sleep(3600)


@router.get("/quiet/{seconds}")
async def quiet(seconds: float) -> None:
    """Take time."""
    await asyncio.sleep(seconds)


@router.get("/headers/{size}")
async def headers(size: int, response: Response) -> None:
    """Answer with header fields of so many bytes."""
    for number in range(size // 1000):
        response.headers.append(f"X-Part-{number:03}", "x" * 985)


@router.get("/sizes")
async def sizes(request: Request) -> dict[str, int]:
    """Tell how long each header field came."""
    return {name: len(value) for name, value in request.headers.items()}
'''
MOUNT = """
from app import poison

app.include_router(poison.router)
"""


def add_to(application: Application, start: float = 0) -> None:
    """Add the routes below /poison, and let each worker take so many seconds more to start."""
    backend = application.folder / "backend/app"
    (backend / "poison.py").write_text(ROUTES)
    main = backend / "main.py"
    main.write_text(main.read_text() + MOUNT + (f"\nimport time\ntime.sleep({start})\n" if start else ""))
