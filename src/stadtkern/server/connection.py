"""One HTTP/1.1 connection: uvicorn's, with bounds on the head of a request and problem documents for what is no HTTP.

Spec: RFC 9112; RFC 6585 5 (431); RFC 9457.
"""

from __future__ import annotations

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

ABORT = "stadtkern.abort"
"""An ASGI extension: drops the connection at once, with what its reader did not take."""
MAX_HEAD = 128 * 1024
"""Bytes of a request's head; the longest address that the application reads is a quarter of it."""
MAX_FIELDS = 200
MAX_TARGET = 60_000
"""Bytes of an address; the parser of its parts cannot count further than to 65,535."""
_NO_HTTP = b'{"type":"about:blank","title":"Bad Request","status":400,"detail":"This is no HTTP/1.1 request"}'
_LONG_HEAD = (
    b'{"type":"about:blank","title":"Request Header Fields Too Large","status":431,'
    b'"detail":"The head of the request is longer than 131072 bytes or has more than 200 fields"}'
)
_LONG_TARGET = (
    b'{"type":"about:blank","title":"URI Too Long","status":414,"detail":"The address is longer than 60000 bytes"}'
)


class Connection(HttpToolsProtocol):
    """A client's connection."""

    _head_timer: TimerHandle | None = None
    _in_head = True
    _in_body = False
    _head_size = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin; the first request must come in time."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came. A head that is not complete has to become so within its size and its time."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self._refuse(431, _LONG_HEAD)
            elif self._head_timer is None:
                self._await_head()

    def on_message_begin(self) -> None:
        """Begin a request's head."""
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: self.transport.abort}  # type: ignore[typeddict-item,typeddict-unknown-key]
        self._in_head, self._in_body, self._head_size = True, False, 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        super().on_url(url)
        if len(self.url) > MAX_TARGET:
            self._refuse(414, _LONG_TARGET)
            raise ValueError("too long an address")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field; those behind a chunked body are left out."""
        if self._in_body:
            return
        if len(self.headers) >= MAX_FIELDS:
            self._refuse(431, _LONG_HEAD)
            raise ValueError("too many header fields")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """End the head and call the application."""
        self._in_head, self._in_body = False, True
        self._stop_waiting()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, unless this one's body is still coming: nobody wants it any more."""
        if self.cycle.more_body:
            self.transport.close()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read."""
        self._refuse(400, _NO_HTTP)

    def _refuse(self, status: int, problem: bytes) -> None:
        if self.transport.is_closing():
            return
        if not self.cycle or self.cycle.response_complete:
            fields = b"content-type: application/problem+json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + fields % len(problem) + problem)
        self.transport.close()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.config.timeout_keep_alive, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
