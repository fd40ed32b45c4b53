"""How Alembic runs migrations here: one run at a time, and none that waits long for a table.

A migration that waits for a lock makes every later request wait behind it, so it gives up soon
and the release stops; the old one goes on serving.
"""

import asyncio
import logging
from typing import Any

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import create_engine
from app.logs import configure_logging
from app.models import Base
from app.settings import DatabaseSettings

LOCK_KEY = 5_432_001  # any number, as long as nothing else in this database uses it
LOCK_PATIENCE = 300.0  # seconds to wait for another run
TABLE_LOCK_TIMEOUT = "5s"

logger = logging.getLogger("migrations")


def migrate(**target: Any) -> None:
    """Run the migrations that the command line asks for, each in a transaction of its own."""
    context.configure(target_metadata=Base.metadata, transaction_per_migration=True, **target)
    with context.begin_transaction():
        context.run_migrations()


def migrate_over(connection: Connection) -> None:
    """Run the migrations over a connection."""
    migrate(connection=connection)


async def wait_for_turn(connection: AsyncConnection) -> None:
    """Take the lock that keeps other runs out until this connection ends.

    It asks again and again: a statement that waits for the lock would hold a snapshot, and a
    `CREATE INDEX CONCURRENTLY` of the other run would wait for that.

    Raises:
        TimeoutError: Another run held it for LOCK_PATIENCE seconds.
    """
    query = text("SELECT pg_try_advisory_lock(:key)")
    async with asyncio.timeout(LOCK_PATIENCE):
        while not await connection.scalar(query, {"key": LOCK_KEY}):
            await connection.rollback()
            logger.info("another migration is running")
            await asyncio.sleep(1)


async def main() -> None:
    """Connect, wait for our turn, migrate."""
    settings = DatabaseSettings()
    configure_logging(settings.log_level)
    engine = create_engine(settings)
    try:
        async with engine.connect() as connection:
            await wait_for_turn(connection)
            await connection.execute(text(f"SET lock_timeout = '{TABLE_LOCK_TIMEOUT}'"))
            await connection.commit()
            await connection.run_sync(migrate_over)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    migrate(dialect_name="postgresql")
else:
    asyncio.run(main())
