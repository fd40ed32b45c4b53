"""Changes of a user's notes, told to every window of that user.

Whichever worker of whichever replica makes a change publishes it in Redis. Every worker listens,
and passes on to its own websockets what is for them.
"""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.cache import Cache
from app.redis_client import optional

logger = logging.getLogger(__name__)

CHANNEL = "changes"
# Tells a window to load anew: it may have missed something.
READY = json.dumps({"type": "ready"})
BACKLOG = 100  # changes that a window may be behind
PAUSE = 1.0  # seconds before Redis is tried again

type Change = dict[str, Any]
type Changes = asyncio.Queue[str]


async def announce(redis: Redis, owner: UUID, change: Change) -> None:
    """Tell of a change that was committed, and let go of what is cached.

    It is saved already, so that an outage of Redis is no reason to report a failure.
    """
    async with optional("announce"), redis.pipeline() as pipe:
        Cache.forget(pipe, owner)
        pipe.publish(CHANNEL, json.dumps({"owner": owner.hex, "change": json.dumps(change)}))
        await pipe.execute()


class Hub:
    """Passes changes on to the websockets of this worker."""

    def __init__(self) -> None:
        """Begin without any."""
        self._windows: defaultdict[UUID, set[Changes]] = defaultdict(set)

    @contextmanager
    def follow(self, user_id: UUID) -> Iterator[Changes]:
        """Queue up all changes of a user's notes, `READY` first."""
        changes: Changes = asyncio.Queue(BACKLOG)
        changes.put_nowait(READY)
        self._windows[user_id].add(changes)
        try:
            yield changes
        finally:
            self._windows[user_id].discard(changes)
            if not self._windows[user_id]:
                del self._windows[user_id]

    async def run(self, redis: Redis) -> None:
        """Listen to Redis for ever, also after it was away."""
        while True:
            try:
                async with redis.pubsub() as pubsub:
                    await pubsub.subscribe(CHANNEL)
                    async for message in pubsub.listen():
                        self.hear(message)
            except (OSError, RedisError) as error:
                logger.warning("no changes from redis", extra={"error": repr(error)})
            await asyncio.sleep(PAUSE)

    def hear(self, message: dict[str, Any]) -> None:
        """Pass on one message."""
        # Subscribed, or again: until now something may have been missed.
        if message["type"] == "subscribe":
            for windows in self._windows.values():
                self._tell(windows, READY)
        elif message["type"] == "message":
            heard = json.loads(message["data"])
            self._tell(self._windows.get(UUID(heard["owner"]), set()), heard["change"])

    @staticmethod
    def _tell(windows: set[Changes], change: str) -> None:
        """Queue a change; a window that is too far behind is told to load anew instead."""
        for changes in windows:
            if changes.full():
                while not changes.empty():
                    changes.get_nowait()
                changes.put_nowait(READY)
            changes.put_nowait(change)
