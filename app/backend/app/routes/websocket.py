"""Websockets: the changes of a user's notes as they happen, and an echo.

When the server stops, or a new release takes over, the server closes them with 1012: come back.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from app.changes import Changes, Hub
from app.security import Access, read_access_token
from app.settings import AppSettings, Settings

router = APIRouter()

PATIENCE = 10.0  # seconds within which a client has to say who it is
UNAUTHORIZED = 4401
PONG = '{"type":"pong"}'


async def greet(socket: WebSocket, settings: Settings) -> Access | None:
    """Return what the client's first message grants: an access token, which no log gets to see."""
    try:
        async with asyncio.timeout(PATIENCE):
            return read_access_token(settings, await socket.receive_text())
    except (TimeoutError, KeyError):  # nothing in time, or no text
        return None


async def pass_on(changes: Changes, socket: WebSocket) -> None:
    """Send what is queued, until the client is gone."""
    with suppress(WebSocketDisconnect):
        while True:
            await socket.send_text(await changes.get())


async def answer(socket: WebSocket, changes: Changes) -> None:
    """Answer whatever the client says, by which it learns that this end lives."""
    while (await socket.receive())["type"] == "websocket.receive":
        with suppress(asyncio.QueueFull):
            changes.put_nowait(PONG)


@router.websocket("/ws/notes")
async def follow_notes(socket: WebSocket, settings: AppSettings) -> None:
    """Tell of every change of the user's notes, until the access token runs out."""
    hub: Hub = socket.state.hub
    await socket.accept()
    with suppress(WebSocketDisconnect):
        access = await greet(socket, settings)
        if access is None:
            await socket.close(UNAUTHORIZED, "Sign in first")
            return
        with hub.follow(access.user_id) as changes:
            sender = asyncio.create_task(pass_on(changes, socket))
            try:
                rest = (access.expires_at - datetime.now(UTC)).total_seconds()
                async with asyncio.timeout(rest):
                    await answer(socket, changes)
            except TimeoutError:
                await socket.close(UNAUTHORIZED, "The token has run out")
            finally:
                sender.cancel()


@router.websocket("/ws/echo")
async def echo(socket: WebSocket) -> None:
    """Send every message back until the client leaves or the server stops."""
    await socket.accept()
    with suppress(WebSocketDisconnect):
        while (message := await socket.receive())["type"] == "websocket.receive":
            await socket.send({**message, "type": "websocket.send"})
