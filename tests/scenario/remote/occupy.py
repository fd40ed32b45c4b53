"""Keep every connection busy that the database grants the application, all at once. Runs in the backend's container.

    python3 -

Each sorts more than its work_mem holds and then waits, its memory still in use, for a lock that the last one
releases when all others wait for it. Prints a JSON object: how many there were, and what refused the next one.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import asyncpg

LOCK = 8420
PATIENCE = 60
SORT_AND_WAIT = f"""
    SELECT word, pg_advisory_lock_shared({LOCK})
    FROM (SELECT md5(number::text) AS word FROM generate_series(1, 20000) AS number ORDER BY word OFFSET 0) AS sorted
    LIMIT 1
"""
WAITING = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = {LOCK} AND NOT granted"


async def connect_all() -> tuple[list[asyncpg.Connection], str]:
    """Connect until the server refuses; return the connections and why it did."""
    connections: list[asyncpg.Connection] = []
    password = Path("/run/secrets/postgres_password").read_text()
    while True:
        try:
            connection = await asyncpg.connect(
                host=os.environ["POSTGRES_HOST"],
                user=os.environ["POSTGRES_USER"],
                database=os.environ["POSTGRES_DB"],
                password=password,
                timeout=30,
            )
        except asyncpg.TooManyConnectionsError as error:
            return connections, str(error)
        connections.append(connection)


async def main() -> None:
    """Occupy all, then let go."""
    (control, *others), refusal = await connect_all()
    await control.execute(f"SELECT pg_advisory_lock({LOCK})")
    queries = [asyncio.create_task(connection.fetch(SORT_AND_WAIT)) for connection in others]
    async with asyncio.timeout(PATIENCE):
        while await control.fetchval(WAITING) < len(others):
            await asyncio.sleep(0.1)
    at_once = await control.fetchval("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND usename = user")
    await control.execute(f"SELECT pg_advisory_unlock({LOCK})")
    answers = await asyncio.gather(*queries)
    await asyncio.gather(*(connection.close() for connection in (control, *others)))
    print(json.dumps({"at_once": at_once, "answers": len(answers) + 1, "refusal": refusal}))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
