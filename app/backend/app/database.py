"""PostgreSQL: the engine, and a session for each request."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import asyncpg
from asyncpg import InterfaceError, PostgresError
from fastapi import Depends
from fastapi.requests import HTTPConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.errors import ServiceUnavailableError
from app.names import wait_for_name
from app.settings import DatabaseSettings

# What connecting raises: these come from below SQLAlchemy, which does not wrap them.
CONNECTION_ERRORS = (OSError, PoolTimeoutError, PostgresError, InterfaceError)


def create_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Make the connection pool of one worker; it connects when it is first used."""

    async def connect(*args: Any, host: str, **options: Any) -> asyncpg.Connection:
        await wait_for_name(host)
        return await asyncpg.connect(*args, host=host, **options)

    return create_async_engine(
        settings.database_url,
        pool_size=settings.db_pool_size,
        max_overflow=settings.db_max_overflow,
        pool_timeout=5,  # seconds to wait for a connection of the pool
        pool_pre_ping=True,  # a connection may have died with the server at the other end
        connect_args={
            "async_creator_fn": connect,
            "timeout": 5,  # seconds to connect
            "server_settings": {"application_name": settings.app_name},
        },
    )


async def open_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    """A session; what a route does not commit before it returns is rolled back.

    So that 201 means saved, and others are told of a change after it can be seen. Answers 503
    when the database cannot be reached or goes away.
    """
    try:
        async with AsyncSession(connection.state.engine, expire_on_commit=False) as session:
            yield session
    except CONNECTION_ERRORS as error:
        raise ServiceUnavailableError("database") from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise ServiceUnavailableError("database") from error


# Scope "function": the connection is back in the pool before the answer is sent.
Session = Annotated[AsyncSession, Depends(open_session, scope="function")]
