"""A user's notes, kept in PostgreSQL."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, status
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from app.cache import AppCache
from app.changes import announce
from app.database import Session
from app.errors import UnauthorizedError, problems
from app.models import Note
from app.redis_client import RedisClient
from app.users import UserId, WriterId

router = APIRouter(prefix="/notes", tags=["notes"], responses=problems(401, 503))

type NoteId = Annotated[int, Path(ge=1, le=2**63 - 1)]
# PostgreSQL's text holds every character but NUL.
type NoteText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1000, pattern=r"^[^\x00]*$"),
]


class NoteIn(BaseModel):
    """A note to write."""

    text: NoteText


class NoteOut(BaseModel):
    """A note as it is kept."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    text: str
    created_at: datetime


NOTES = TypeAdapter(list[NoteOut])


@router.get("")
async def list_notes(
    user_id: UserId,
    session: Session,
    cache: AppCache,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> list[NoteOut]:
    """List the newest notes, the newest first."""

    async def load() -> list[NoteOut]:
        query = select(Note).where(Note.owner_id == user_id).order_by(Note.id.desc()).limit(limit)
        return NOTES.validate_python((await session.scalars(query)).all())

    return await cache.read(user_id, f"notes:{limit}", NOTES, load)


@router.post("", status_code=status.HTTP_201_CREATED, responses=problems(400, 429))
async def add_note(
    note: NoteIn, user_id: WriterId, session: Session, redis: RedisClient
) -> NoteOut:
    """Write a note."""
    row = Note(text=note.text, owner_id=user_id)
    session.add(row)
    try:
        await session.commit()
    except IntegrityError as error:
        raise UnauthorizedError("There is no such user any more") from error
    added = NoteOut.model_validate(row)
    await announce(redis, user_id, {"type": "added", "note": added.model_dump(mode="json")})
    return added


@router.delete("/{note_id}", status_code=status.HTTP_204_NO_CONTENT, responses=problems(404, 429))
async def delete_note(
    note_id: NoteId, user_id: WriterId, session: Session, redis: RedisClient
) -> None:
    """Delete a note."""
    query = delete(Note).where(Note.id == note_id, Note.owner_id == user_id).returning(Note.id)
    if await session.scalar(query) is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, detail="No such note")
    await session.commit()
    await announce(redis, user_id, {"type": "deleted", "id": note_id})
