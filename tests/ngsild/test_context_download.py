"""Downloads from addresses that users name."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from stadtkern.broker.download import Downloader, DownloadFailed
from stadtkern.broker.wall import AddressRefused, check_address
from tests.ngsild.context_server import ContextServer, serve_documents

ACCEPT = "application/ld+json"


@pytest.fixture
async def server() -> AsyncIterator[ContextServer]:
    async with serve_documents() as running:
        yield running


PRIVATE_IPV4 = [
    "127.0.0.1",
    "10.1.2.3",
    "192.168.0.1",
    "172.16.0.1",
    "169.254.1.1",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
]
PRIVATE_IPV6 = ["::1", "fe80::1", "fe80::1%eth0", "fd12::1", "::", "ff02::1"]
DISGUISED_IPV4 = ["::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1"]


@pytest.mark.parametrize("address", [*PRIVATE_IPV4, *PRIVATE_IPV6, *DISGUISED_IPV4])
def test_check_address_refuses_what_is_not_public(address: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(address, allow_private=False)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254"]
)
def test_check_address_refuses_metadata_services_even_when_private_addresses_are_allowed(address: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(address, allow_private=True)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_check_address_lets_public_addresses_pass(address: str) -> None:
    check_address(address, allow_private=False)


async def test_download_gives_body_and_lifetime(server: ContextServer) -> None:
    server.documents["/a"] = {"@context": {}}
    server.headers = {"Cache-Control": "public, max-age=120"}
    async with Downloader(allow_private=True) as downloader:
        answer = await downloader.download(server.url + "/a", ACCEPT)

    assert answer.body == b'{"@context": {}}'
    assert answer.lifetime_s == 120


@pytest.mark.parametrize(
    ("headers", "lifetime_s"),
    [
        ({}, None),
        ({"Cache-Control": "max-age=5, s-maxage=9"}, 9),
        ({"Cache-Control": "no-store"}, 0),
        ({"Cache-Control": "max-age=soon"}, None),
        ({"Expires": "0"}, 0),
        ({"Expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
    ],
)
async def test_download_reads_the_lifetime_from_the_headers(
    server: ContextServer, headers: dict[str, str], lifetime_s: float | None
) -> None:
    server.documents["/a"] = {}
    server.headers = headers
    async with Downloader(allow_private=True) as downloader:
        assert (await downloader.download(server.url + "/a", ACCEPT)).lifetime_s == lifetime_s


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::1]"])
async def test_download_refuses_private_addresses_however_written(server: ContextServer, host: str) -> None:
    server.documents["/a"] = {}
    url = server.url.replace("127.0.0.1", host) + "/a"
    async with Downloader(allow_private=False) as downloader:
        with pytest.raises(DownloadFailed):
            await downloader.download(url, ACCEPT)

    assert not server.asked


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "file:///etc/passwd", "http://u:p@127.0.0.1/", "http://", "http://[bad"]
)
async def test_download_refuses_other_schemes_and_passwords(url: str) -> None:
    async with Downloader(allow_private=True) as downloader:
        with pytest.raises(DownloadFailed):
            await downloader.download(url, ACCEPT)


async def test_download_follows_three_redirects_and_no_more(server: ContextServer) -> None:
    server.documents |= {f"/{n}": (302, {"Location": f"/{n + 1}"}) for n in range(4)}
    server.documents["/4"] = {"@context": {}}
    async with Downloader(allow_private=True) as downloader:
        assert (await downloader.download(server.url + "/1", ACCEPT)).url == server.url + "/4"
        with pytest.raises(DownloadFailed, match="redirects"):
            await downloader.download(server.url + "/0", ACCEPT)


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest", "http://[::ffff:169.254.169.254]/", "file:///etc/passwd"]
)
async def test_download_checks_every_redirect(server: ContextServer, target: str) -> None:
    server.documents["/a"] = (302, {"Location": target})
    async with Downloader(allow_private=True) as downloader:
        with pytest.raises(DownloadFailed):
            await downloader.download(server.url + "/a", ACCEPT)


async def test_download_connects_only_to_the_addresses_that_were_checked(
    server: ContextServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that stands for a public address when asked first and for a private one later gains nothing."""
    answers = iter(["93.184.216.34", "127.0.0.1"])

    async def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), 80))]

    connected: list[Any] = []

    async def connect(_: Any, __: Any, address: Any) -> None:
        connected.append(address)
        raise OSError("nobody there")

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    monkeypatch.setattr(type(loop), "sock_connect", connect)
    async with Downloader(allow_private=False) as downloader:
        with pytest.raises(DownloadFailed):
            await downloader.download("http://city.example/context", ACCEPT)

    assert {address[0] for address in connected} == {"93.184.216.34"}


@pytest.mark.parametrize("announced", [True, False])
async def test_download_stops_when_the_body_is_too_large(server: ContextServer, announced: bool) -> None:
    server.documents["/a"] = b"x" * 5000
    server.chunked = not announced
    async with Downloader(allow_private=True, max_bytes=4096) as downloader:
        with pytest.raises(DownloadFailed, match="larger than 4096"):
            await downloader.download(server.url + "/a", ACCEPT)


async def test_download_refuses_compressed_bodies(server: ContextServer) -> None:
    server.documents["/a"] = b"not really"
    server.headers = {"Content-Encoding": "gzip"}
    async with Downloader(allow_private=True) as downloader:
        with pytest.raises(DownloadFailed, match="compressed"):
            await downloader.download(server.url + "/a", ACCEPT)


async def test_download_costs_a_bounded_time_when_nobody_answers(server: ContextServer) -> None:
    server.documents["/a"] = {}
    server.delay_s = 30
    started = time.monotonic()
    async with Downloader(allow_private=True, total_s=0.3) as downloader:
        with pytest.raises(DownloadFailed, match=r"within 0\.3 seconds"):
            await downloader.download(server.url + "/a", ACCEPT)

    assert time.monotonic() - started < 15


async def test_download_fails_with_a_reason_when_the_port_is_closed_or_the_status_is_bad(server: ContextServer) -> None:
    async with Downloader(allow_private=True) as downloader:
        with pytest.raises(DownloadFailed, match="status 404"):
            await downloader.download(server.url + "/missing", ACCEPT)
        with pytest.raises(DownloadFailed, match="reached"):
            await downloader.download("http://127.0.0.1:1/", ACCEPT)
