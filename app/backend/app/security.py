"""Passwords and access tokens."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from app.settings import Settings

# What OWASP names as the least: 19 MiB, twice over. Few at a time, so that many who sign in at
# once take turns rather than the container's memory, and beside the event loop.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_THREADS = ThreadPoolExecutor(2, "argon2")
_NOBODYS_HASH = _HASHER.hash("nobody's password")


async def hash_password(password: str) -> str:
    """Return the salted hash of a password, which takes some 30 ms on purpose."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _HASHER.hash, password)


async def is_password(password: str, password_hash: str | None) -> bool:
    """Whether a hash is that of a password; without a hash it takes as long to say no."""

    def verify() -> bool:
        try:
            return _HASHER.verify(password_hash or _NOBODYS_HASH, password)
        except VerifyMismatchError:
            return False

    matches = await asyncio.get_running_loop().run_in_executor(_THREADS, verify)
    return matches and password_hash is not None


class Access(NamedTuple):
    """What an access token grants."""

    user_id: UUID
    expires_at: datetime


def issue_access_token(settings: Settings, user_id: UUID, now: datetime) -> str:
    """Sign a token that lets its bearer act as a user for some minutes."""
    expires_at = now + timedelta(minutes=settings.access_token_expire_minutes)
    return jwt.encode(
        {"sub": str(user_id), "iat": now, "exp": expires_at},
        settings.jwt_secret_key.get_secret_value(),
        settings.jwt_algorithm,
    )


def read_access_token(settings: Settings, token: str) -> Access | None:
    """Return what a token grants; none when it is not ours, or not any more."""
    try:
        claims = jwt.decode(
            token,
            settings.jwt_secret_key.get_secret_value(),
            [settings.jwt_algorithm],
            options={"require": ["sub", "exp"]},
        )
    except jwt.InvalidTokenError:
        return None
    return Access(UUID(claims["sub"]), datetime.fromtimestamp(claims["exp"], UTC))
