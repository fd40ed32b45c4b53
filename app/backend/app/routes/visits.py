"""A counter of visits, kept in Redis."""

from fastapi import APIRouter
from pydantic import BaseModel

from app.errors import problems
from app.redis_client import RedisClient

router = APIRouter(prefix="/visits", tags=["visits"], responses=problems(503))

KEY = "visits"


class Visits(BaseModel):
    """How many visits there were."""

    count: int


@router.get("")
async def read_visits(redis: RedisClient) -> Visits:
    """Say how many visits there were."""
    return Visits(count=int(await redis.get(KEY) or 0))


@router.post("")
async def count_visit(redis: RedisClient) -> Visits:
    """Count one more visit."""
    return Visits(count=await redis.incr(KEY))
