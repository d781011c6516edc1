"""A web server for context documents on a free port, which counts what it is asked and can misbehave."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


class ContextServer:
    """documents: JSON values, texts or ready answers by path; asked: how often each path was asked for."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.delay_s = 0.0
        self.chunked = False
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] += 1
        await asyncio.sleep(self.delay_s)
        document = self.documents.get(request.path)
        if document is None:
            return web.Response(status=404)
        if isinstance(document, tuple):
            status, headers = document
            return web.Response(status=status, headers=headers)
        if isinstance(document, bytes):
            if self.chunked:
                return await self._stream(request, document)
            return web.Response(body=document, headers=self.headers)
        return web.json_response(document, headers=self.headers)

    async def _stream(self, request: web.Request, document: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers=self.headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(document)
        await response.write_eof()
        return response


@asynccontextmanager
async def serve_documents() -> AsyncIterator[ContextServer]:
    """Serve until the block ends."""
    server = ContextServer()
    application = web.Application()
    application.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"http://127.0.0.1:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
