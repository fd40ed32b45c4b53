"""What was read from the database lately, kept in Redis for all workers and replicas.

Every key holds a version that its owner's next change replaces. So a slow reader can never put
back what a change has made old: it writes below a version that nobody asks for any more.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Depends
from fastapi.requests import HTTPConnection
from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from app.redis_client import optional

SECONDS = 30  # how old an answer may be, should Redis miss a change
VERSION_SECONDS = 86_400


class Cache:
    """Answers that belong to an owner; two releases side by side have each their own."""

    def __init__(self, redis: Redis, release: str) -> None:
        """Keep them in `redis`, for `release`."""
        self.redis = redis
        self.release = release

    async def read[T](
        self, owner: UUID, name: str, kind: TypeAdapter[T], load: Callable[[], Awaitable[T]]
    ) -> T:
        """Return what is kept, or what `load` returns, which is kept from then on.

        Args:
            owner: Whose it is.
            name: What it is.
            kind: How it is written as JSON and read back.
            load: Asks the database.
        """
        key = None
        async with optional("cache"):
            key = f"cache:{owner}:{await self._version(owner)}:{self.release}:{name}"
            if (kept := await self.redis.get(key)) is not None:
                return kind.validate_json(kept)
        value = await load()
        if key:
            async with optional("cache"):
                await self.redis.set(key, kind.dump_json(value), ex=SECONDS)
        return value

    async def _version(self, owner: UUID) -> str:
        """Return the version that an owner's answers are at; it is made when there is none."""
        new = uuid4().hex
        key = f"cache:{owner}"
        return str(await self.redis.set(key, new, nx=True, get=True, ex=VERSION_SECONDS) or new)

    @staticmethod
    def forget(pipe: Pipeline, owner: UUID) -> None:
        """Let go of all that is kept for an owner, when the pipeline is executed."""
        pipe.set(f"cache:{owner}", uuid4().hex, ex=VERSION_SECONDS)


async def get_cache(connection: HTTPConnection) -> Cache:
    """The cache of this application."""
    return Cache(connection.state.redis, connection.state.settings.release)


type AppCache = Annotated[Cache, Depends(get_cache)]
