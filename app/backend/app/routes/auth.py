"""Signing up, in and out.

The access token goes to the page, which keeps it in memory. The refresh token goes into a cookie
that no script can read and no other site can make a browser send.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Cookie, HTTPException, Response, status
from pydantic import BaseModel, Field, SecretStr, StringConstraints
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import sign_ins
from app.database import Session
from app.errors import UnauthorizedError, problems
from app.models import User
from app.redis_client import RedisClient
from app.security import hash_password, is_password, issue_access_token
from app.settings import AppSettings, Settings
from app.users import count_against

router = APIRouter(prefix="/auth", tags=["auth"])

COOKIE = "refresh_token"

type UserName = Annotated[
    str, StringConstraints(to_lower=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,31}$")
]
type Password = Annotated[SecretStr, Field(min_length=10, max_length=200)]
type RefreshToken = Annotated[str | None, Cookie(alias=COOKIE, include_in_schema=False)]


class Credentials(BaseModel):
    """Who somebody says they are, and how they prove it."""

    name: UserName
    password: Password


class SignedIn(BaseModel):
    """Who is signed in, and the token that goes into the header `Authorization: Bearer …`."""

    name: str
    access_token: str
    expires_in: int
    """Seconds."""


def lifetime(settings: Settings) -> timedelta:
    """How long a refresh token is good."""
    return timedelta(days=settings.refresh_token_expire_days)


def hand_over(
    response: Response, settings: Settings, user: User, refresh_token: str, now: datetime
) -> SignedIn:
    """Put the refresh token into a cookie, and return what the page gets."""
    response.set_cookie(
        COOKIE,
        refresh_token,
        max_age=int(lifetime(settings).total_seconds()),
        path=settings.root_path or "/",
        secure=settings.secure_cookies,
        httponly=True,
        samesite="strict",
    )
    response.headers["Cache-Control"] = "no-store"
    return SignedIn(
        name=user.name,
        access_token=issue_access_token(settings, user.id, now),
        expires_in=settings.access_token_expire_minutes * 60,
    )


@router.post("/register", status_code=status.HTTP_201_CREATED, responses=problems(400, 409, 503))
async def register(
    credentials: Credentials, session: Session, settings: AppSettings, response: Response
) -> SignedIn:
    """Sign up, and be signed in."""
    now = datetime.now(UTC)
    password_hash = await hash_password(credentials.password.get_secret_value())
    user = User(name=credentials.name, password_hash=password_hash)
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise HTTPException(status.HTTP_409_CONFLICT, "This name is taken") from error
    refresh_token = await sign_ins.begin(session, user, now, lifetime(settings))
    return hand_over(response, settings, user, refresh_token, now)


@router.post("/login", responses=problems(400, 401, 429, 503))
async def login(
    credentials: Credentials,
    session: Session,
    redis: RedisClient,
    settings: AppSettings,
    response: Response,
) -> SignedIn:
    """Sign in."""
    now = datetime.now(UTC)
    await count_against(redis, f"sign-ins:{credentials.name}", settings.sign_ins_per_minute)
    user = await session.scalar(select(User).where(User.name == credentials.name))
    await session.commit()  # others may have the connection while this one hashes
    known_hash = user.password_hash if user else None
    if not await is_password(credentials.password.get_secret_value(), known_hash) or not user:
        raise UnauthorizedError("Name or password is wrong")
    refresh_token = await sign_ins.begin(session, user, now, lifetime(settings))
    return hand_over(response, settings, user, refresh_token, now)


@router.post("/refresh", responses=problems(401, 503))
async def refresh(
    session: Session,
    settings: AppSettings,
    response: Response,
    refresh_token: RefreshToken = None,
) -> SignedIn:
    """Trade the refresh token in the cookie for new tokens; the old one is good no more."""
    now = datetime.now(UTC)
    renewed = await sign_ins.renew(session, refresh_token or "", now, lifetime(settings))
    if renewed is None:
        raise UnauthorizedError("Sign in again")
    return hand_over(response, settings, *renewed, now)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT, responses=problems(503))
async def logout(
    session: Session,
    settings: AppSettings,
    response: Response,
    refresh_token: RefreshToken = None,
) -> None:
    """Sign out in this browser; an access token runs out by itself, within minutes."""
    await sign_ins.end(session, refresh_token or "")
    response.delete_cookie(COOKIE, path=settings.root_path or "/", httponly=True)
