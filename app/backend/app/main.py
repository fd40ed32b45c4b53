"""What gunicorn and uvicorn serve: `app.main:app`."""

from app.factory import create_app
from app.settings import Settings

app = create_app(Settings())
