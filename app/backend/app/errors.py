"""Errors that reach the user."""

import logging

from fastapi import Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

logger = logging.getLogger(__name__)


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
