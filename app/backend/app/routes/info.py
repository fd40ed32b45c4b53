"""What runs here."""

from fastapi import APIRouter
from pydantic import BaseModel

from app.settings import AppSettings

router = APIRouter(tags=["info"])


class Info(BaseModel):
    """What runs here."""

    name: str
    release: str
    environment: str


@router.get("/info")
async def info(settings: AppSettings) -> Info:
    """Name the application, its release and its environment."""
    return Info(name=settings.app_name, release=settings.release, environment=settings.environment)
