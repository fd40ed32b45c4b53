"""Errors that reach the user."""

import logging
from typing import Any

from fastapi import HTTPException, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel

logger = logging.getLogger(__name__)


class Problem(BaseModel):
    """What went wrong, for people to read."""

    detail: str


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors that a route answers with, for the API's description."""
    return {status: {"model": Problem} for status in statuses}


class UnauthorizedError(HTTPException):
    """The request does not say who asks, or not truthfully."""

    def __init__(self, detail: str) -> None:
        """Say what to do about it."""
        super().__init__(
            status.HTTP_401_UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"}
        )


class ServiceUnavailableError(Exception):
    """A service that the request needs, such as `database`, does not answer."""

    def __init__(self, service: str) -> None:
        """Name the service."""
        super().__init__(f"{service} unavailable")


async def report_outage(_: Request, error: ServiceUnavailableError) -> JSONResponse:
    """Log why a service does not answer; tell the client which one, and to try again."""
    logger.warning(str(error), extra={"error": repr(error.__cause__)})
    return JSONResponse(
        {"detail": str(error)}, status.HTTP_503_SERVICE_UNAVAILABLE, headers={"Retry-After": "1"}
    )


async def report_invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
    """Say what is wrong with a request, without repeating what it held.

    It may have held a password, or text that JSON cannot carry.
    """
    detail = [{key: problem[key] for key in ("type", "loc", "msg")} for problem in error.errors()]
    return JSONResponse({"detail": detail}, status.HTTP_422_UNPROCESSABLE_CONTENT)
