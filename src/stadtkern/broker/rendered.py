"""Rendered entities, kept as bytes by (entity, version, form): reading a page is then a concatenation.

The version makes an entry right for ever: it is checked against the store at every request, never trusted alone.
The form
holds everything else that decides about the bytes: the reader's context, the representation and the Grant's
fingerprint.
"""

from __future__ import annotations

from collections.abc import Hashable

MAX_BYTES = 64 * 1024 * 1024
_OVERHEAD = 200
"""Bytes of bookkeeping an entry costs beside its content, about."""


class RenderedCache:
    """A bounded map; when it is full, the older half of the entries goes."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max = max_bytes
        self._size = 0
        self._new: dict[tuple[int, int, Hashable], bytes] = {}
        self._old: dict[tuple[int, int, Hashable], bytes] = {}

    def get(self, n: int, version: int, form: Hashable) -> bytes | None:
        """Give the bytes of an entity at exactly this version."""
        key = (n, version, form)
        found = self._new.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self._put(key, found)
        return found

    def put(self, n: int, version: int, form: Hashable, body: bytes) -> None:
        """Keep the bytes of an entity."""
        self._put((n, version, form), body)

    def _put(self, key: tuple[int, int, Hashable], body: bytes) -> None:
        self._new[key] = body
        self._size += len(body) + _OVERHEAD
        if self._size > self._max // 2:
            self._old, self._new, self._size = self._new, {}, 0
