"""Brings the schema up to date: python -m src.migrate."""

from __future__ import annotations

import asyncio
import os

import asyncpg

SCHEMA = "CREATE TABLE IF NOT EXISTS orders (id bigserial PRIMARY KEY, article text NOT NULL)"


async def migrate() -> None:
    """Create what is missing."""
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute(SCHEMA)
    await connection.close()


if __name__ == "__main__":
    asyncio.run(migrate())
