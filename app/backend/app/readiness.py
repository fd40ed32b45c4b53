"""Whether this process can serve: it reaches its services and finds the schema it needs."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import CONNECTION_ERRORS

logger = logging.getLogger(__name__)

ALEMBIC_INI = Path(__file__).parent.parent / "alembic.ini"
PATIENCE = 2.0  # seconds that a service may take to answer


@dataclass(frozen=True)
class Revisions:
    """The revisions of the schema that this release brings."""

    known: frozenset[str]
    heads: frozenset[str]


def read_revisions() -> Revisions:
    """Read the migrations that lie beside the application."""
    scripts = ScriptDirectory.from_config(Config(ALEMBIC_INI))
    return Revisions(
        known=frozenset(script.revision for script in scripts.walk_revisions()),
        heads=frozenset(scripts.get_heads()),
    )


def is_behind(applied: frozenset[str], release: Revisions) -> bool:
    """Whether the database lacks a migration of this release.

    A database at a revision unknown here was migrated by a later release: while that one rolls
    out, and after a rollback, this one goes on serving.

    Args:
        applied: The revisions that the database is at; none if it never was migrated.
        release: The revisions of this release.
    """
    return applied <= release.known and not release.heads <= applied


def read_applied(connection: Connection) -> frozenset[str]:
    """Read which revisions the database is at."""
    return frozenset(MigrationContext.configure(connection).get_current_heads())


async def check_database(engine: AsyncEngine, release: Revisions) -> dict[str, str]:
    """Say how the database and its schema are: `ok`, or what is wrong."""
    try:
        async with asyncio.timeout(PATIENCE), engine.connect() as connection:
            applied = await connection.run_sync(read_applied)
    except (*CONNECTION_ERRORS, SQLAlchemyError) as error:
        logger.warning("database not ready", extra={"error": repr(error)})
        return {"database": "unreachable", "schema": "unknown"}
    return {"database": "ok", "schema": "behind" if is_behind(applied, release) else "ok"}


async def check_redis(redis: Redis) -> dict[str, str]:
    """Say how Redis is: `ok`, or what is wrong."""
    try:
        async with asyncio.timeout(PATIENCE):
            await redis.ping()
    except (OSError, RedisError) as error:
        logger.warning("redis not ready", extra={"error": repr(error)})
        return {"redis": "unreachable"}
    return {"redis": "ok"}


@dataclass
class Report:
    """How the services are."""

    checks: dict[str, str] = field(default_factory=dict)
    """For each thing that is needed: `ok`, or what is wrong."""
    milliseconds: dict[str, float] = field(default_factory=dict)
    """How long each service took to answer, or to fail."""

    async def add(self, service: str, check: Awaitable[dict[str, str]]) -> None:
        """Ask a service, and note down what comes of it."""
        start = time.perf_counter()
        self.checks |= await check
        self.milliseconds[service] = round((time.perf_counter() - start) * 1000, 1)


async def check_all(engine: AsyncEngine, redis: Redis, release: Revisions) -> Report:
    """Ask all services at once."""
    report = Report()
    await asyncio.gather(
        report.add("database", check_database(engine, release)),
        report.add("redis", check_redis(redis)),
    )
    return report
