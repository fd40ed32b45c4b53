"""An application without dependencies, which answers whatever the load of the tests asks for."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs

ANSWER = json.dumps({"access_token": "any", "id": 1}).encode()


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer a request, after as many seconds as it says."""
    if scope["type"] == "lifespan":
        message = {"type": ""}
        while message["type"] != "lifespan.shutdown":
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
        return
    seconds = parse_qs(scope["query_string"].decode()).get("seconds", ["0"])[0]
    await asyncio.sleep(float(seconds))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})
