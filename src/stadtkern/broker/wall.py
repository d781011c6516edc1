"""The wall between addresses that users name and the networks that they must not reach through this server.

The addresses that were checked are the ones connected to: a name that resolves to something else a moment later gains
nothing.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

_METADATA: Final = frozenset(
    ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192")
) | {ip_address("fd00:ec2::254"), ip_address("fd00:ec2::23"), ip_address("fd20:ce::254")}
"""Where clouds tell a machine its secrets: refused whatever the settings say."""
_NAT64: Final = IPv6Network("64:ff9b::/96")


class AddressRefused(Exception):
    """The address lies where outgoing requests must not go; the message says why, as the end of a sentence."""


def find_refusal(error: BaseException) -> AddressRefused | None:
    """Find the refusal that made a client's error, if one did: clients put their own errors around it."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, AddressRefused):
        cause = cause.__cause__ or cause.__context__
    return cause


def check_address(address: str, *, allow_private: bool) -> None:
    """Check one IP address before connecting. Raises: AddressRefused."""
    ip = _unwrap(ip_address(address.split("%", 1)[0]))
    if ip in _METADATA or ip.is_multicast or ip.is_unspecified:
        raise AddressRefused(f"{address} is an address that is never asked")
    if not allow_private and not ip.is_global:
        raise AddressRefused(f"{address} is a private address")


def _unwrap(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """See through the IPv6 notations of an IPv4 address."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


class CheckingResolver(AbstractResolver):
    """Resolves names and gives only addresses that passed the check, so nothing else can be connected to."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        addresses = {(str(entry[4][0]), entry[0]): None for entry in found}
        for address, _ in addresses:
            check_address(address, allow_private=self._allow_private)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for address, kind in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


def check_host(url: URL, *, allow_private: bool) -> None:
    """Check the host of an address where it is written as a number; names are checked when they are resolved.

    Raises: AddressRefused.
    """
    try:
        ip_address(url.host or "")
    except ValueError:
        return
    check_address(url.host or "", allow_private=allow_private)
