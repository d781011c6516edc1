"""The log: telemetry events written as lines, for people or as JSON. Times are UTC."""

from __future__ import annotations

import sys
import traceback
from dataclasses import fields
from typing import Any, Literal

import structlog

from stadtkern import telemetry
from stadtkern.telemetry import Event, RequestAnswered

SLOW_S = 1.0
"""Requests slower than this are logged even where successful ones are not."""


def configure(form: Literal["text", "json"]) -> None:
    """Write events to standard error."""
    renderer: Any = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            renderer,
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    telemetry.subscribe(_write)


def _write(event: Event) -> None:
    if isinstance(event, telemetry.BatchCommitted):
        return
    if isinstance(event, RequestAnswered) and event.status < 500 and event.duration_s < SLOW_S:
        return
    values: dict[str, Any] = {field.name: getattr(event, field.name) for field in fields(event)}
    error = values.pop("error", None)
    if isinstance(error, BaseException):
        cause = error.__cause__ or error
        values["error"] = f"{type(cause).__name__}: {cause}"
        values["trace"] = "".join(traceback.format_exception(cause))
    logger = structlog.get_logger()
    (logger.error if error is not None else logger.info)(type(event).__name__, **values)
