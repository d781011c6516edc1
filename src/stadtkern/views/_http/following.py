"""Following the change log: cursors as clients see them, and the loop behind every stream of events."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from time import monotonic
from typing import Final

from stadtkern.broker.tail import POLL_S, Page, Tail
from stadtkern.broker.wake import Wake
from stadtkern.errors import BadRequestData, Problem
from stadtkern.model.subscription import Position
from stadtkern.policy.grant import Grant
from stadtkern.views._http.message import Request
from stadtkern.views._http.streaming import HEARTBEAT_S, Streams

LONGEST_S: Final = 24 * 3600
STREAM_HEADERS: Final = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-store"),
    # a proxy that collects an answer before it passes it on would keep every event to itself
    ("x-accel-buffering", "no"),
)
_CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,19})")
_MOST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Followed:
    """What all views that stream need."""

    tail: Tail
    wake: Wake
    streams: Streams


@dataclass(frozen=True, slots=True)
class Share:
    """A page of the log under the rights that its reader has now; empty where nothing came for a second.

    cursor: everything up to it is in this share, or in those before.
    """

    grant: Grant
    page: Page
    cursor: Position


class Pulse:
    """Tells when it is time for a sign of life."""

    def __init__(self, every_s: float = HEARTBEAT_S) -> None:
        self._every_s = every_s
        self._last = monotonic()

    def due(self) -> bool:
        """Tell whether the time is over, and start it anew."""
        if monotonic() - self._last < self._every_s:
            return False
        self._last = monotonic()
        return True


def parse_cursor(text: str, pointer: str) -> Position:
    """Read a cursor such as ``0-17``. Raises: BadRequestData."""
    found = _CURSOR.fullmatch(text)
    if found is None or int(found.group(2)) > _MOST:
        raise BadRequestData(
            f"{text[:80]!r} is no cursor", hint="such as 0-17, as this server gave it", pointer=pointer
        )
    return Position(int(found.group(1)), int(found.group(2)))


def render_cursor(position: Position) -> str:
    """Write a cursor."""
    return f"{position.x}-{position.seq}"


def asked_cursor(request: Request, since: str | None) -> Position | None:
    """Find where a client wants to go on: ``Last-Event-ID`` is what it received last, wherever it had begun.

    Raises: BadRequestData.
    """
    last = (request.header("last-event-id") or "").strip()
    if last:
        return parse_cursor(last, "Last-Event-ID")
    return None if since is None else parse_cursor(since, "since:0")


def parse_seconds(text: str | None) -> float | None:
    """Read after how many seconds a stream is to end; 0: after what is there already. Raises: BadRequestData."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text) <= LONGEST_S):
        raise BadRequestData(f"The seconds are no whole number from 0 to {LONGEST_S}", pointer="seconds:0")
    return float(text)


async def follow(
    followed: Followed, request: Request, cursor: Position, seconds: float | None
) -> AsyncGenerator[Share]:
    """Give what is committed after the cursor as long as the caller may read, and empty shares meanwhile."""
    if request.renew is None:
        raise TypeError("a stream needs a request that came through the gateway")
    tenant = request.grant.tenant
    end = None if seconds is None else monotonic() + seconds
    woken = True
    with followed.wake.watch(tenant) as watch:
        while True:
            try:
                grant = await request.renew()
                page = await followed.tail.read(tenant, cursor, woken=woken)
            except Problem:
                # the rights, the tenant or the database are gone: the client asks again and is told which
                return
            cursor = page.rows[-1].position if page.rows else cursor
            yield Share(grant, page, cursor)
            woken = True
            if not page.rows:
                left = POLL_S if end is None else min(POLL_S, end - monotonic())
                if left <= 0:
                    return
                woken = await watch.wait(left)
