"""Notifications by HTTP POST. Spec: CIM 009 6.3.8 (notifications), 5.2.15 (Endpoint); RFC 9110 10.2.3, 15.4."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Self
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from stadtkern.broker.wall import AddressRefused, CheckingResolver, check_host, find_refusal
from stadtkern.model.notification import Message
from stadtkern.model.subscription import Endpoint
from stadtkern.notify.ports import DeliveryFailed

REDIRECTS: Final = 3
CONNECTIONS: Final = 512
PER_HOST: Final = 64
_KEPT_REDIRECTS: Final = frozenset({307, 308})
"""Those that keep the method; others would turn the notification into a GET."""
_PASSING: Final = frozenset({408, 425, 429})
"""Refusals by a receiver that may take the same notification later."""
_READ: Final = 64 * 1024
"""Bytes of an answer that are read so that the connection can be used again."""
_CONNECT_S: Final = 3.0
_LONGEST_WAIT_S: Final = 3600.0


class HttpDeliverer:
    """One HTTP client for all subscriptions; open it with ``async with``."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open."""
        connector = aiohttp.TCPConnector(
            resolver=CheckingResolver(allow_private=self._allow_private),
            use_dns_cache=False,
            limit=CONNECTIONS,
            limit_per_host=PER_HOST,
            keepalive_timeout=30,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers={"User-Agent": "stadtkern"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def deliver(self, endpoint: Endpoint, message: Message, timeout_s: float) -> None:
        """Send a notification; the receiver has said that it took it when this returns. Raises: DeliveryFailed."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._follow(endpoint.uri, message, timeout_s)
        except TimeoutError as error:
            raise DeliveryFailed(f"The receiver did not answer within {timeout_s:g} seconds") from error
        except (aiohttp.ClientError, OSError, ValueError, AddressRefused) as error:
            raise _translate(error) from error

    async def _follow(self, url: str, message: Message, timeout_s: float) -> None:
        for _ in range(REDIRECTS + 1):
            location = await self._post(url, message, timeout_s)
            if location is None:
                return
            url = urljoin(url, location)
        raise DeliveryFailed(f"The receiver redirects more than {REDIRECTS} times", permanent=True)

    async def _post(self, url: str, message: Message, timeout_s: float) -> str | None:
        """Send to one address; gives where it redirects to, if it does."""
        if self._session is None:
            raise RuntimeError("the deliverer is not open: use 'async with'")
        target = URL(url)
        if target.scheme not in ("http", "https") or not target.host:
            raise AddressRefused("only http and https addresses are sent to")
        check_host(target, allow_private=self._allow_private)
        headers = [*message.headers, ("Content-Type", message.content_type)]
        # the whole is timed by ``deliver``
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(_CONNECT_S, timeout_s))
        async with self._session.post(
            target, data=message.body, headers=headers, allow_redirects=False, timeout=timeout
        ) as response:
            await response.content.read(_READ)
            if 200 <= response.status < 300:
                return None
            if response.status in _KEPT_REDIRECTS and "Location" in response.headers:
                return response.headers["Location"]
            raise DeliveryFailed(
                f"The receiver answered with status {response.status}",
                permanent=response.status < 500 and response.status not in _PASSING,
                retry_after_s=_retry_after(response.headers.get("Retry-After")),
            )


def _retry_after(text: str | None) -> float | None:
    """Read how long the receiver wants to be left alone, seconds; a date is counted from now (RFC 9110 10.2.3)."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return min(float(text.strip()[:9]), _LONGEST_WAIT_S)
    try:
        return min(max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()), _LONGEST_WAIT_S)
    except (ValueError, TypeError):
        return None


def _translate(error: Exception) -> DeliveryFailed:
    if (refusal := find_refusal(error)) is not None:
        return DeliveryFailed(f"The receiver cannot be used: {refusal}")
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.os_error.strerror or type(error.os_error).__name__
        return DeliveryFailed(f"The receiver cannot be reached: {reason}")
    return DeliveryFailed(f"The connection to the receiver failed: {type(error).__name__}")
