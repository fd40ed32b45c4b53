"""Notes, kept in PostgreSQL."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, status
from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import delete, select

from app.database import Session
from app.models import Note

router = APIRouter(prefix="/notes", tags=["notes"])

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


@router.get("", response_model=list[NoteOut])
async def list_notes(
    session: Session, limit: Annotated[int, Query(ge=1, le=100)] = 50
) -> list[Note]:
    """List the newest notes, the newest first."""
    return list(await session.scalars(select(Note).order_by(Note.id.desc()).limit(limit)))


@router.post("", response_model=NoteOut, status_code=status.HTTP_201_CREATED)
async def add_note(note: NoteIn, session: Session) -> Note:
    """Write a note."""
    row = Note(text=note.text)
    session.add(row)
    await session.flush()
    return row


@router.delete(
    "/{note_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={404: {"description": "No such note"}},
)
async def delete_note(note_id: NoteId, session: Session) -> None:
    """Delete a note."""
    deleted = await session.scalar(delete(Note).where(Note.id == note_id).returning(Note.id))
    if deleted is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, detail="No such note")
