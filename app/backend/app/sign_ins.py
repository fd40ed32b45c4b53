"""Refresh tokens: each is good once, and gives the next.

A token names its sign-in and holds a secret, of which the database has a digest. There is one good
secret at a time. Whoever shows an older one may be a thief, or the one who was robbed: the sign-in
ends for both.
"""

import hashlib
import hmac
import logging
import secrets
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import SignIn, User

logger = logging.getLogger(__name__)


def digest(secret: str) -> bytes:
    """Return what is kept of a secret: it is random and long, so that a fast hash will do."""
    return hashlib.sha256(secret.encode()).digest()


def split_token(token: str) -> tuple[UUID, str] | None:
    """Return the sign-in that a token names, and its secret; none when it is no token."""
    sign_in, _, secret = token.partition(".")
    try:
        return UUID(hex=sign_in), secret
    except ValueError:
        return None


def give_token(sign_in: SignIn, now: datetime, lifetime: timedelta) -> str:
    """Make a new token, from now on the only one that is good for a sign-in."""
    secret = secrets.token_urlsafe(32)
    sign_in.token_digest = digest(secret)
    sign_in.expires_at = now + lifetime
    return f"{sign_in.id.hex}.{secret}"


async def begin(session: AsyncSession, user: User, now: datetime, lifetime: timedelta) -> str:
    """Sign a user in, forget what ran out, and return the first token."""
    await session.execute(delete(SignIn).where(SignIn.user_id == user.id, SignIn.expires_at <= now))
    sign_in = SignIn(id=uuid4(), user_id=user.id)
    token = give_token(sign_in, now, lifetime)
    session.add(sign_in)
    await session.commit()
    return token


async def renew(
    session: AsyncSession, token: str, now: datetime, lifetime: timedelta
) -> tuple[User, str] | None:
    """Return who is signed in, and the next token; none when the token is not good."""
    parts = split_token(token)
    if parts is None:
        return None
    query = select(SignIn, User).join(User).where(SignIn.id == parts[0], SignIn.expires_at > now)
    # Two that come with the same token at once are one after the other.
    row = (await session.execute(query.with_for_update(of=SignIn))).one_or_none()
    if row is None:
        return None
    sign_in, user = row
    if hmac.compare_digest(sign_in.token_digest, digest(parts[1])):
        token = give_token(sign_in, now, lifetime)
        await session.commit()
        return user, token
    logger.warning("a refresh token was used again", extra={"user": str(user.id)})
    await session.delete(sign_in)
    await session.commit()
    return None


async def end(session: AsyncSession, token: str) -> None:
    """Sign out: no token of this sign-in is good any more."""
    if parts := split_token(token):
        await session.execute(delete(SignIn).where(SignIn.id == parts[0]))
        await session.commit()
