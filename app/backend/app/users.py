"""Who asks, and how often they may."""

import time
from typing import Annotated
from uuid import UUID

from fastapi import Depends, HTTPException, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from redis.asyncio import Redis

from app.errors import UnauthorizedError
from app.redis_client import RedisClient, optional
from app.security import read_access_token
from app.settings import AppSettings

MINUTE = 60  # seconds


async def get_user_id(
    settings: AppSettings,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> UUID:
    """Return the id of the user whose access token the request has; answers 401 without one."""
    access = read_access_token(settings, bearer.credentials) if bearer else None
    if access is None:
        raise UnauthorizedError("Sign in first")
    return access.user_id


type UserId = Annotated[UUID, Depends(get_user_id)]


async def count_against(redis: Redis, name: str, limit: int) -> None:
    """Count one more of something in this minute; answers 429 beyond the limit.

    Without Redis nothing is counted: the limit of nginx, by address, still holds.
    """
    now = time.time()
    key = f"limit:{name}:{int(now // MINUTE)}"
    count = 0
    async with optional("limit"), redis.pipeline() as pipe:
        pipe.incr(key)
        pipe.expire(key, MINUTE)
        count, _ = await pipe.execute()
    if count > limit:
        raise HTTPException(
            status.HTTP_429_TOO_MANY_REQUESTS,
            "Too many requests",
            headers={"Retry-After": str(MINUTE - int(now % MINUTE))},
        )


async def get_writer_id(user_id: UserId, redis: RedisClient, settings: AppSettings) -> UUID:
    """Return the id of the user, who wants to write; answers 429 to one who writes too much."""
    await count_against(redis, f"writes:{user_id}", settings.writes_per_minute)
    return user_id


type WriterId = Annotated[UUID, Depends(get_writer_id)]
