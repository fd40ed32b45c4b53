"""Redis: the client, and how a route gets it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, override

from fastapi import Depends
from fastapi.requests import HTTPConnection
from redis.asyncio import Connection, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.errors import ServiceUnavailableError
from app.names import wait_for_name
from app.settings import Settings

logger = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds that a request waits for help that it can do without


class PatientConnection(Connection):
    """A connection that waits for the name of its server."""

    @override
    async def connect(self) -> None:
        with suppress(OSError):  # connecting says better what is wrong
            await wait_for_name(self.host)
        await super().connect()  # type: ignore[no-untyped-call]  # redis leaves it untyped


def create_redis(settings: Settings) -> Redis:
    """Make the client of one worker; it connects when it is first used."""
    password = settings.redis_password
    return Redis.from_pool(
        ConnectionPool(
            connection_class=PatientConnection,
            host=settings.redis_host,
            port=settings.redis_port,
            password=password.get_secret_value() if password else None,
            client_name="backend",  # the application's own may have spaces, which Redis refuses
            decode_responses=True,
            retry=Retry(NoBackoff(), 1),  # the connection may be of a Redis that was restarted
            socket_connect_timeout=2,  # seconds
            socket_timeout=5,  # seconds
        )
    )


async def get_redis(connection: HTTPConnection) -> AsyncIterator[Redis]:
    """The client; answers 503 when Redis cannot be reached or goes away."""
    try:
        yield connection.state.redis
    except (RedisConnectionError, RedisTimeoutError) as error:
        raise ServiceUnavailableError("redis") from error


RedisClient = Annotated[Redis, Depends(get_redis)]


@asynccontextmanager
async def optional(purpose: str) -> AsyncIterator[None]:
    """Go on after the block when Redis does not answer in it, and log what was done without.

    Args:
        purpose: What Redis is asked for, such as `cache`.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except (OSError, RedisError) as error:
        logger.warning("went on without redis", extra={"purpose": purpose, "error": repr(error)})
