"""The log: telemetry events written as lines, for people or as JSON. Times are UTC."""

from __future__ import annotations

import sys
import traceback
from typing import Any, Literal

import structlog

from stadtkern import telemetry
from stadtkern.errors import InternalError, Problem
from stadtkern.telemetry import Event, RequestAnswered

SLOW_S = 1.0
"""Requests slower than this are logged even where successful ones are not."""


def configure(form: Literal["text", "json"], *, access: bool = False) -> None:
    """Write events to standard error. access: every request, too."""
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
    telemetry.subscribe(write_all if access else write_notable)


def write_notable(event: Event) -> None:
    """Write what somebody should look at: failed and slow requests, and all that does not happen many times a second
    where all is well.
    """
    if isinstance(event, telemetry.NotificationSent):
        return
    if isinstance(event, RequestAnswered) and event.status < 500 and event.duration_s < SLOW_S:
        return
    write_all(event)


def write_all(event: Event) -> None:
    """Write an event as one line. Batches are for the metrics alone."""
    if isinstance(event, telemetry.BatchCommitted):
        return
    values: dict[str, Any] = {name: getattr(event, name) for name in event.__struct_fields__}
    if isinstance(event, RequestAnswered):
        values["duration_s"] = round(event.duration_s, 6)
    error = values.pop("error", None)
    logger = structlog.get_logger()
    if not isinstance(error, BaseException):
        logger.info(type(event).__name__, **values)
        return
    cause = error.__cause__ or error
    values["error"] = f"{type(cause).__name__}: {cause}"
    if isinstance(error, Problem) and not isinstance(error, InternalError):
        # known, and not for a programmer: the disk is full, the address of a context does not answer
        logger.warning(type(event).__name__, **values)
        return
    values["trace"] = "".join(traceback.format_exception(cause))
    logger.error(type(event).__name__, **values)
