"""Is this process alive, and can it serve?"""

from fastapi import APIRouter, Request, Response, status
from pydantic import BaseModel

from app.readiness import check_all

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: str = "ok"


class Readiness(BaseModel):
    """Whether the process can serve, and how each thing is that it needs."""

    status: str
    checks: dict[str, str]


@router.get("")
async def live() -> Health:
    """Answer as long as the process lives, whatever its services do."""
    return Health()


@router.get("/ready", responses={503: {"model": Readiness}})
async def ready(request: Request, response: Response) -> Readiness:
    """Answer 503, and name what is missing, while this process cannot serve."""
    state = request.state
    checks = await check_all(state.engine, state.redis, state.revisions)
    if all(result == "ok" for result in checks.values()):
        return Readiness(status="ready", checks=checks)
    response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return Readiness(status="not ready", checks=checks)
