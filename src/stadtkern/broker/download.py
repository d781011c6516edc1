"""Bounded downloads from addresses that users name: small, soon over, and never from where a user must not reach.

Every hop of a redirect is checked again, and the addresses that were checked are the ones connected to: a name that
resolves to something else a moment later gains nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from stadtkern.broker.wall import AddressRefused, CheckingResolver, check_host, find_refusal

REDIRECTS = 3
"""Most redirects followed."""
_REDIRECT_STATUS: Final = frozenset({301, 302, 303, 307, 308})
_CHUNK: Final = 64 * 1024


class DownloadFailed(Exception):
    """The address cannot be read; the message says why, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Download:
    """What an address gave. lifetime_s: how long it may be kept, as its sender says; None where it does not say."""

    url: str
    body: bytes
    content_type: str
    lifetime_s: float | None


class Downloader:
    """An HTTP client for addresses that users name; open it with ``async with``.

    allow_private: reach private and loopback addresses too. max_bytes: largest body. connect_s covers name resolution
    and connecting, total_s everything, redirects included.
    """

    def __init__(
        self, *, allow_private: bool, max_bytes: int = 1024 * 1024, connect_s: float = 2.0, total_s: float = 5.0
    ) -> None:
        self._allow_private = allow_private
        self._max_bytes = max_bytes
        self._connect_s = connect_s
        self._total_s = total_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Downloader:
        connector = aiohttp.TCPConnector(
            resolver=CheckingResolver(allow_private=self._allow_private),
            use_dns_cache=False,
            limit=32,
            limit_per_host=4,
            force_close=True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._total_s, connect=self._connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=8190,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def download(self, url: str, accept: str) -> Download:
        """Read an http or https address.

        accept: the Accept header. Raises: DownloadFailed, AddressRefused.
        """
        try:
            async with asyncio.timeout(self._total_s):
                return await self._follow(url, accept)
        except TimeoutError as error:
            raise DownloadFailed(f"it did not answer within {self._total_s:g} seconds") from error
        except AddressRefused as error:
            raise DownloadFailed(str(error)) from error
        except aiohttp.ClientError as error:
            raise _translate(error) from error
        except (OSError, ValueError) as error:
            raise DownloadFailed(str(error) or type(error).__name__) from error

    async def _follow(self, url: str, accept: str) -> Download:
        for _ in range(REDIRECTS + 1):
            answer = await self._get(url, accept)
            if isinstance(answer, Download):
                return answer
            url = urljoin(url, answer)
        raise DownloadFailed(f"it redirects more than {REDIRECTS} times")

    async def _get(self, url: str, accept: str) -> Download | str:
        """Ask one address: its content, or the address it redirects to."""
        if self._session is None:
            raise RuntimeError("the Downloader is not open: use 'async with'")
        target = self._check(URL(url))
        headers = {"Accept": accept, "Accept-Encoding": "identity", "User-Agent": "stadtkern"}
        async with self._session.get(target, headers=headers, allow_redirects=False) as response:
            if response.status in _REDIRECT_STATUS:
                location = response.headers.get("Location")
                if not location:
                    raise DownloadFailed("it redirects to nowhere")
                return location
            if response.status != 200:
                raise DownloadFailed(f"it answered with status {response.status}")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise DownloadFailed("it answered compressed although it was asked not to")
            body = await self._read(response)
            return Download(url, body, response.content_type, _lifetime(response.headers))

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        if (response.content_length or 0) > self._max_bytes:
            raise DownloadFailed(f"it is larger than {self._max_bytes} bytes")
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > self._max_bytes:
                raise DownloadFailed(f"it is larger than {self._max_bytes} bytes")
        return bytes(body)

    def _check(self, url: URL) -> URL:
        if url.scheme not in ("http", "https") or not url.host:
            raise AddressRefused("only http and https addresses are read")
        if url.user is not None or url.password is not None:
            raise AddressRefused("an address with a user name or password is not read")
        check_host(url, allow_private=self._allow_private)
        return url


def _translate(error: aiohttp.ClientError) -> DownloadFailed:
    if (refusal := find_refusal(error)) is not None:
        return DownloadFailed(str(refusal))
    if isinstance(error, aiohttp.ClientConnectorError):
        return DownloadFailed(f"it cannot be reached ({error.os_error.strerror or type(error.os_error).__name__})")
    return DownloadFailed(f"the connection failed ({type(error).__name__})")


def _lifetime(headers: Mapping[str, str]) -> float | None:
    """Read how long a shared cache may keep an answer, in seconds. Spec: RFC 9111 5.2.2, 5.3; CIM 009 6.3.16."""
    directives = dict[str, str]()
    for directive in headers.get("Cache-Control", "").lower().split(","):
        name, _, value = directive.strip().partition("=")
        directives[name] = value.strip('"')
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    for name in ("s-maxage", "max-age"):
        if directives.get(name, "").isdecimal():
            return float(directives[name][:9])
    expires = headers.get("Expires")
    if expires is None:
        return None
    try:
        return max(0.0, (parsedate_to_datetime(expires) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0  # RFC 9111 5.3: an invalid date lies in the past
