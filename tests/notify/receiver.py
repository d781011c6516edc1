"""A receiver of notifications: a real HTTP server in the test's own loop that does what the test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiohttp import web

WAIT_S = 30.0


class Receiver:
    """Listens on a free port; ``got`` holds what it took, in order: (path, headers, body)."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], Any]] = []
        self.asked = 0
        self.status = 200
        self.headers: dict[str, str] = {}
        self.delay_s = 0.0
        self.before: Callable[[web.Request], Awaitable[None]] | None = None
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._arrived = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Start."""
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_route("*", "/{rest:.*}", self._take)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait(self, count: int) -> list[Any]:
        """Wait until so many were taken; gives their bodies."""
        async with asyncio.timeout(WAIT_S):
            while len(self.got) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return [body for _, _, body in self.got]

    async def wait_asked(self, count: int) -> None:
        """Wait until it was asked so often, whatever it answered."""
        async with asyncio.timeout(WAIT_S):
            while self.asked < count:
                self._arrived.clear()
                await self._arrived.wait()

    async def _take(self, request: web.Request) -> web.Response:
        self.asked += 1
        text = await request.text()
        if self.before is not None:
            await self.before(request)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.status < 300:
            body = json.loads(text) if text.startswith(("{", "[")) else text
            self.got.append((request.path, dict(request.headers), body))
        self._arrived.set()
        return web.Response(status=self.status, headers=self.headers)
