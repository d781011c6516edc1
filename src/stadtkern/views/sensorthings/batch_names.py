"""What the requests of a batch call each other: ``$name`` in addresses and in bodies.

Spec: OGC 18-088 11.2.1.2 (referencing new entities); OData JSON format 4.01 19.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from stadtkern.errors import BadRequestData, InvalidRequest, ResourceNotFound, quoted
from stadtkern.model.sensorthings import SETS, TYPES, TypeName
from stadtkern.views._http.address import MAX_TARGET, read_query, unquote_parts
from stadtkern.views._http.message import Request
from stadtkern.views.sensorthings.addresses import service_root

BATCH: Final = "$batch"
_NAME: Final = r"\$([0-9A-Za-z_.:,;~-]{1,128})"
_KEY: Final = re.compile(rf"\(\s*{_NAME}\s*\)")
_IN_BODY: Final = re.compile(rb'("@iot\.id"\s*:\s*)"' + _NAME.encode() + rb'"')
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))


class Named(NamedTuple):
    """An entity that a request made or found. id: negative where it is made together with what names it."""

    type: TypeName
    id: int


class Address(NamedTuple):
    """Where a request of a batch leads, below the root of the service. pending: to what the same group makes."""

    segments: list[str]
    query: list[tuple[str, str]]
    pending: bool


class Names:
    """The entities of a batch by the names of their requests."""

    def __init__(self) -> None:
        self._named: dict[str, Named] = {}

    def get(self, name: str) -> Named | None:
        """Give the entity that a request led to, if it led to one."""
        return self._named.get(name)

    def set(self, name: str, named: Named) -> None:
        """Name an entity. Requests that are called the same look for it and make it: the last one counts."""
        if name:
            self._named[name] = named

    def forget(self, name: str) -> None:
        """Forget what a request led to before: it leads nowhere now."""
        self._named.pop(name, None)

    def forget_pending(self) -> None:
        """Forget what was to be made and was not."""
        self._named = {name: named for name, named in self._named.items() if named.id > 0}

    def find(self, name: str) -> Named:
        """Give the entity that a request led to. Raises: BadRequestData."""
        named = self._named.get(name)
        if named is None:
            raise BadRequestData(f"No request before this one is called {quoted(name)} and led to an entity")
        return named

    def in_body(self, body: bytes) -> bytes:
        """Put ids for names where a body links: ``{"@iot.id": "$name"}``. Raises: BadRequestData."""

        def id_of(found: re.Match[bytes]) -> bytes:
            return found.group(1) + str(self.find(found.group(2).decode()).id).encode()

        return _IN_BODY.sub(id_of, body)

    def address(self, url: str, request: Request) -> Address:
        """Read the address of a request: an absolute one, an absolute path, or one relative to the service root.

        request: the batch. Raises: InvalidRequest, BadRequestData (an unknown name), ResourceNotFound (elsewhere).
        """
        if len(url) > MAX_TARGET:
            raise InvalidRequest(f"The address has more than {MAX_TARGET} characters")
        path, _, query = url.partition("#")[0].partition("?")
        parts = _below_root(path, request).split("/")
        if parts and not parts[-1]:
            parts.pop()
        found: list[Named] = []
        segments = [self._segment(part, at, found) for at, part in enumerate(unquote_parts(parts))]
        pairs = read_query(quote(query, safe=_ASCII).encode())
        return Address(segments, pairs, any(named.id < 0 for named in found))

    def _segment(self, part: str, at: int, found: list[Named]) -> str:
        """Put addresses and ids for names in one part of a path."""
        if at == 0 and part == BATCH:
            raise InvalidRequest("A batch cannot hold another batch")
        if at == 0 and part.startswith("$"):
            found.append(self.find(part[1:]))
            return f"{TYPES[found[-1].type].set}({found[-1].id})"
        key = _KEY.search(part)
        if key is None:
            return part
        named = self.find(key.group(1))
        set = part[: key.start()]
        if set in SETS and SETS[set].name != named.type:
            raise ResourceNotFound(f"${key.group(1)} is a {named.type}: there is none in {set}")
        found.append(named)
        return f"{set}({named.id})"


def _below_root(path: str, request: Request) -> str:
    """Take off what leads to the service. Raises: ResourceNotFound."""
    root = urlsplit(service_root(request.base_url))
    if _ABSOLUTE.match(path) is not None:
        try:
            given = urlsplit(path)
        except ValueError as error:
            raise InvalidRequest(f"{quoted(path)} is no address") from error
        if given.netloc.lower() not in {root.netloc.lower(), (request.header("host") or "").lower()}:
            raise ResourceNotFound(f"{quoted(path)} leads to another server")
        path = given.path
    if not path.startswith("/"):
        return path
    for prefix in _prefixes(root.path, request):
        if path == prefix or path.startswith(f"{prefix}/"):
            return path[len(prefix) + 1 :]
    raise ResourceNotFound(
        f"{quoted(path)} does not begin with {root.path}", hint="addresses relative to the root need no slash in front"
    )


def _prefixes(root: str, request: Request) -> Sequence[str]:
    """Give how paths to the service may begin: as it is called from outside, and as this batch came in."""
    return root, request.path.rstrip("/").rpartition("/")[0]
