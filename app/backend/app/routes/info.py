"""What runs here."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.settings import Settings

router = APIRouter(tags=["info"])


class Info(BaseModel):
    """What runs here."""

    name: str
    release: str
    environment: str


@router.get("/info")
async def info(request: Request) -> Info:
    """Name the application, its release and its environment."""
    settings: Settings = request.state.settings
    return Info(name=settings.app_name, release=settings.release, environment=settings.environment)
