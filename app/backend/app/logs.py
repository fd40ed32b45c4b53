"""Logs: one JSON object a line on stdout."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import override

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)

# What every record has; the rest was given by the caller as `extra`.
_STANDARD_FIELDS = {*vars(logging.makeLogRecord({})), "message", "asctime", "color_message"}


class JsonFormatter(logging.Formatter):
    """Writes a record, its `extra` fields and its exception as one line of JSON."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := REQUEST_ID.get():
            fields["request_id"] = request_id
        fields |= {k: v for k, v in vars(record).items() if k not in _STANDARD_FIELDS}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str, ensure_ascii=False)


def configure_logging(level: str) -> None:
    """Send all logs of this process, the server's included, to stdout as JSON.

    Args:
        level: The lowest level to write, such as `INFO`.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("gunicorn.error", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # Our middleware logs each request, with its id.
    logging.getLogger("uvicorn.access").disabled = True
