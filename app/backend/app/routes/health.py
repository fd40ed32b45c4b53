"""Is this process alive, and can it serve?"""

from fastapi import APIRouter, Request, Response, status
from pydantic import BaseModel

from app.readiness import check_all

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: str = "ok"


class Readiness(BaseModel):
    """Whether the process can serve, how each thing is that it needs, and how fast it answered."""

    status: str
    checks: dict[str, str]
    milliseconds: dict[str, float]


@router.get("")
async def live() -> Health:
    """Answer as long as the process lives, whatever its services do."""
    return Health()


@router.get("/ready", responses={503: {"model": Readiness}})
async def ready(request: Request, response: Response) -> Readiness:
    """Answer 503, and name what is missing, while this process cannot serve."""
    state = request.state
    report = await check_all(state.engine, state.redis, state.revisions)
    is_ready = all(result == "ok" for result in report.checks.values())
    if not is_ready:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return Readiness(
        status="ready" if is_ready else "not ready",
        checks=report.checks,
        milliseconds=report.milliseconds,
    )
