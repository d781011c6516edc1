"""The change feed of a tenant at ``/v1/changes``: page by page, or live as Server-Sent Events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from stadtkern.errors import BadRequestData
from stadtkern.model.subscription import START, Position
from stadtkern.views._http.following import (
    STREAM_HEADERS,
    Followed,
    Pulse,
    asked_cursor,
    follow,
    parse_seconds,
    render_cursor,
)
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import Dialect
from stadtkern.views._http.routing import Route, RoutedView
from stadtkern.views._http.streaming import EVENT_STREAM, event_text, heartbeat, one_line
from stadtkern.views.changes.describe import DEFAULT_LIMIT, DESCRIPTION, MAX_LIMIT
from stadtkern.views.changes.lines import change_lines

NDJSON: Final = "application/x-ndjson"
CURSOR_HEADER: Final = "Stadtkern-Cursor"
MAX_BYTES: Final = 8 * 1024 * 1024
"""No further line is put into an answer beyond this size."""
MAX_ROWS: Final = 20_000
"""Rows of the log that one answer is made of at most, those that its reader may not see included."""
_PARAMETERS: Final = frozenset({"since", "limit", "values", "seconds"})


class ChangesView(RoutedView):
    """The one route of the feed."""

    name = "changes"
    dialect: Dialect = "problem"
    description = DESCRIPTION

    def __init__(self, followed: Followed) -> None:
        self._followed = followed
        super().__init__({(): {"GET": Route("read", self._read)}})

    async def _read(self, request: Request) -> Response:
        given = _read_parameters(request)
        cursor = asked_cursor(request, given.get("since"))
        values = _flag(given, "values")
        limit = _limit(given.get("limit"))
        seconds = parse_seconds(given.get("seconds"))
        if EVENT_STREAM in (request.header("accept") or ""):
            start = await self._followed.tail.start(request.grant.tenant, cursor)
            pieces = self._stream(request, start, seconds, values=values)
            return Response(200, headers=[*STREAM_HEADERS], stream=self._followed.streams.begin(pieces))
        start = await self._followed.tail.start(request.grant.tenant, cursor or START)
        return await self._page(request, start, limit, values=values)

    async def _page(self, request: Request, cursor: Position, limit: int, *, values: bool) -> Response:
        """Answer with up to ``limit`` lines. The cursor in the header stands behind all rows that were looked at."""
        lines: list[bytes] = []
        size = looked_at = 0
        while len(lines) < limit and size < MAX_BYTES and looked_at < MAX_ROWS:
            page = await self._followed.tail.read(request.grant.tenant, cursor)
            if not page.rows:
                break
            looked_at += len(page.rows)
            cursor = page.rows[-1].position
            for position, line in change_lines(page, request.grant, values=values):
                lines.append(one_line(line) + b"\n")
                size += len(line)
                if len(lines) == limit or size >= MAX_BYTES:
                    cursor = position
                    break
        headers = [("content-type", NDJSON), ("cache-control", "no-store"), (CURSOR_HEADER, render_cursor(cursor))]
        return Response(200, b"".join(lines), headers)

    async def _stream(
        self, request: Request, start: Position, seconds: float | None, *, values: bool
    ) -> AsyncGenerator[bytes]:
        yield heartbeat(render_cursor(start))
        pulse = Pulse()
        async for share in follow(self._followed, request, start, seconds):
            for position, line in change_lines(share.page, share.grant, values=values):
                yield event_text(render_cursor(position), "change", line)
            if share.page.rows or pulse.due():
                yield heartbeat(render_cursor(share.cursor))


def _read_parameters(request: Request) -> dict[str, str]:
    """Read the parameters, each at most once. Raises: BadRequestData."""
    found: dict[str, str] = {}
    for name, value in request.query:
        if name not in _PARAMETERS or name in found:
            raise BadRequestData(
                f"The parameter {name[:80]!r} is not known here, or occurs twice", pointer=f"{name[:80]}:0"
            )
        found[name] = value
    return found


def _flag(given: dict[str, str], name: str) -> bool:
    value = given.get(name, "false")
    if value not in ("true", "false"):
        raise BadRequestData(f"The {name} parameter is {value[:20]!r}, neither true nor false", pointer=f"{name}:0")
    return value == "true"


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0
    if not 1 <= number <= MAX_LIMIT:
        raise BadRequestData(f"The limit is no whole number from 1 to {MAX_LIMIT}", pointer="limit:0")
    return number
