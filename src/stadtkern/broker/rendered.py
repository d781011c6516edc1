"""What a process remembers of entities it showed: their heads and their rendered bytes.

Rendered entities are kept as bytes by (entity, version, time of the version, form): reading a page is then a
concatenation. The version makes an entry right for ever: it is checked against the store, or against a head that the
writer of the same process takes away with each commit. Its time tells it from the same version in a store that was
replaced, by an import or by a new tenant of the same name, of which this process may not know yet. The form holds
everything else that decides about the bytes: the reader's context, the representation and the Grant's fingerprint; it
is numbered, so that it is hashed once a request and not once an entity.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Sequence

from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant

MAX_BYTES = 64 * 1024 * 1024
MAX_FORMS = 10_000
MAX_HEADS = 100_000
_OVERHEAD = 200
"""Bytes of bookkeeping an entry costs beside its content, about."""
_numbers = itertools.count()
Head = tuple[int, int, Instant]
"""Number, version and when that was written."""
_Bodies = dict[Head, bytes]
_NOTHING: _Bodies = {}


class RenderedCache:
    """A bounded map, one for all tenants; when it is full, the older half of the entries goes."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max = max_bytes
        self._size = 0
        self._new: dict[int, _Bodies] = {}
        self._old: dict[int, _Bodies] = {}
        self._forms: dict[Hashable, int] = {}
        self._next_form = 0

    def number(self, form: Hashable) -> int:
        """Number a form; the number is never given to another one."""
        number = self._forms.get(form)
        if number is None:
            if len(self._forms) >= MAX_FORMS:
                self._forms.clear()
            self._next_form += 1
            number = self._forms[form] = self._next_form
        return number

    def get(self, head: Head, form: int) -> bytes | None:
        """Give the bytes of an entity at exactly this version."""
        found = self._new.get(form, _NOTHING).get(head)
        return found if found is not None else self._rescue(head, form)

    def get_many(self, heads: Sequence[Head], form: int) -> list[bytes | None]:
        """Give the bytes of several entities, None where they are not known; the usual page costs two calls."""
        found: list[bytes | None] = list(map(self._new.get(form, _NOTHING).get, heads))
        if None in found:
            return [self._rescue(head, form) if body is None else body for head, body in zip(heads, found, strict=True)]
        return found

    def _rescue(self, head: Head, form: int) -> bytes | None:
        """Take what is still asked for out of the half that goes next."""
        found = self._old.get(form, _NOTHING).get(head)
        if found is not None:
            self.put(head, form, found)
        return found

    def put(self, head: Head, form: int, body: bytes) -> None:
        """Keep the bytes of an entity."""
        self._new.setdefault(form, {})[head] = body
        self._size += len(body) + _OVERHEAD
        if self._size > self._max // 2:
            self._old, self._new, self._size = self._new, {}, 0


class HeadCache:
    """Heads of live entities that never expire, where one process does all the writing (the embedded engine).

    Reading and remembering happen in one step of the event loop, forgetting follows the commit and comes before its
    acknowledgement: nobody who was told of a write can be shown an older state. One bound holds for all tenants.
    """

    def __init__(self) -> None:
        self._heads: dict[tuple[int, EntityId], Head] = {}

    def for_tenant(self) -> TenantHeads:
        """Give one tenant's part, empty."""
        return TenantHeads(self._heads)


class TenantHeads:
    """The part of a ``HeadCache`` that belongs to one open tenant."""

    __slots__ = ("_heads", "_tenant")

    def __init__(self, heads: dict[tuple[int, EntityId], Head]) -> None:
        self._heads = heads
        self._tenant = next(_numbers)

    def renew(self) -> None:
        """Forget everything: the store was replaced."""
        self._tenant = next(_numbers)

    def get(self, id: EntityId) -> Head | None:
        """Give number, version and its time of an entity, if known."""
        return self._heads.get((self._tenant, id))

    def put(self, id: EntityId, head: Head) -> None:
        """Remember what the store has just said."""
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        self._heads[self._tenant, id] = head

    def forget(self, ids: Iterable[EntityId]) -> None:
        """Forget entities that were written."""
        for id_ in ids:
            self._heads.pop((self._tenant, id_), None)
