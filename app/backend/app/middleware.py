"""What happens around every request."""

import logging
import re
import time
import uuid
from typing import override

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import REQUEST_ID

logger = logging.getLogger(__name__)

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_RESPONSE_STARTS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}


def is_health_check(scope: Scope) -> bool:
    """Whether a request asks for the health of this process."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path == "/health" or path.startswith("/health/")


def choose_request_id(proposed: str | None) -> str:
    """Keep the id that the proxy or client proposes if it is sane; else make one."""
    if proposed and _SANE_REQUEST_ID.fullmatch(proposed):
        return proposed
    return uuid.uuid4().hex


class RequestContext:
    """Gives every request an id, every response its headers, and the log a line.

    An exception that nothing else handled is logged here and answered with 500, so that this
    answer carries the headers too.
    """

    def __init__(self, app: ASGIApp, release: str, root_path: str) -> None:
        """Wrap `app`, which runs as `release`, behind a proxy that strips `root_path`."""
        self.app = app
        self.release = release
        self.root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or websocket."""
        if scope["type"] not in {"http", "websocket"}:
            return await self.app(scope, receive, send)

        scope["root_path"] = self.root_path
        request_id = choose_request_id(Headers(scope=scope).get("x-request-id"))
        REQUEST_ID.set(request_id)
        start = time.perf_counter()
        status: int | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] in _RESPONSE_STARTS:
                status = message.get("status", 101)
                message.setdefault("headers", [])
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Release"] = self.release
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except Exception:
            if status is not None or scope["type"] == "websocket":
                raise
            logger.exception("request failed")
            response = JSONResponse({"detail": "Internal Server Error"}, status_code=500)
            await response(scope, receive, send_with_headers)
        finally:
            logger.log(
                logging.DEBUG if is_health_check(scope) else logging.INFO,
                "request",
                extra={
                    "method": scope.get("method", "WEBSOCKET"),
                    "path": scope["path"],
                    "status": status,
                    "seconds": round(time.perf_counter() - start, 4),
                },
            )
        return None


class TrustedHost(TrustedHostMiddleware):
    """Refuses a request for an unknown host, but lets a health check ask by any name."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_health_check(scope):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
