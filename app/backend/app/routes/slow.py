"""A request that takes its time: what a release or a stop must not cut off."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

router = APIRouter(tags=["slow"])


class Slow(BaseModel):
    """The wait is over."""

    seconds: float


@router.get("/slow")
async def slow(seconds: Annotated[float, Query(ge=0, le=30)] = 1) -> Slow:
    """Answer after so many seconds."""
    await asyncio.sleep(seconds)
    return Slow(seconds=seconds)
