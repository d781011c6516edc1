"""The @contexts of requests: found, downloaded, compiled once and kept; and those that this server hosts.

Spec: CIM 009 5.13 (storing, managing and serving @contexts), 6.3.5 (@context resolution).
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections import Counter, OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw

from stadtkern.broker.context_documents import (
    ContextDocuments,
    Document,
    cached_id,
    encode_document,
    make_cached_record,
    parse_document,
)
from stadtkern.broker.context_folder import ContextFolder
from stadtkern.broker.context_store import ContextStore
from stadtkern.broker.download import Downloader
from stadtkern.errors import (
    BadRequestData,
    Forbidden,
    LdContextNotAvailable,
    OperationNotSupported,
    ResourceNotFound,
    Unavailable,
    quoted,
)
from stadtkern.jsonld.context import CORE_CONTEXT, Context, compile_context
from stadtkern.jsonld.core import CORE_ADDRESSES, CORE_CONTEXT_URL, is_core_address
from stadtkern.jsonld.definition import (
    MAX_DEPTH,
    ContextReference,
    context_of,
    list_addresses,
    members_of,
    resolve_address,
)
from stadtkern.model.context import ContextKind, ContextRecord
from stadtkern.model.ids import TenantId
from stadtkern.model.instant import now
from stadtkern.policy.grant import Grant

CONTEXTS_PATH = "/ngsi-ld/v1/jsonldContexts/"
MAX_DOCUMENTS = 16
"""Most documents that one context may be made of."""
OWN_S = 2.0
"""How long a process goes on with a context that a tenant hosts here: another process may delete it."""
RESOLVE_S = 10.0
"""How long a request waits for its context in all."""
_MAX_CONTEXTS = 512
_MAX_TERMS = 200_000
_FLUSH_USES = 500


_Key = tuple[TenantId | None, object]
"""What a compiled context is kept by: the tenant where one of its own contexts takes part, and the reference."""


@dataclass(slots=True)
class _Compiled:
    """A compiled context in the cache.

    records: the local ids of what it is made of. copies: the downloaded documents among them, by address; tenants: for
    whom these are recorded already. own: it contains a context that one tenant hosts.
    """

    context: Context
    records: tuple[str, ...]
    copies: dict[str, Document]
    expires: float
    own: bool
    tenants: set[TenantId] = field(default_factory=set[TenantId])


@dataclass(slots=True)
class _Gathered:
    """The documents of one context, by address."""

    trees: dict[str, Any] = field(default_factory=dict[str, Any])
    records: list[str] = field(default_factory=list[str])
    copies: dict[str, Document] = field(default_factory=dict[str, Document])
    expires: float = float("inf")
    own: bool = False


class ContextService:
    """Resolves and keeps contexts; open it with ``async with`` (it owns the HTTP client).

    folder: pre-loaded contexts (see ``ContextFolder``). allow_private: download from private addresses, too.
    max_bytes: largest document. Nothing is read or fetched before it is asked for.
    """

    def __init__(
        self,
        store: ContextStore,
        *,
        folder: Path | None = None,
        allow_private: bool = False,
        max_bytes: int = 1024 * 1024,
        downloader: Downloader | None = None,
    ) -> None:
        self._store = store
        self._folder = None if folder is None else ContextFolder(folder)
        self._downloader = downloader or Downloader(allow_private=allow_private, max_bytes=max_bytes)
        self._documents = ContextDocuments(store, self._downloader, self._folder)
        self._compiled: OrderedDict[_Key, _Compiled] = OrderedDict()
        self._terms = 0
        self._started = now()
        self._uses: dict[TenantId, Counter[str]] = {}
        self._implicit: OrderedDict[tuple[TenantId, str], float] = OrderedDict()
        """Until when an implicitly created context is known to be stored."""

    async def __aenter__(self) -> ContextService:
        await self._documents.list_preloaded()
        await self._downloader.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._documents.close()
        await self._downloader.__aexit__(kind, error, trace)

    # Resolution

    async def resolve(
        self, reference: ContextReference, grant: Grant, base_url: str | None = None, *, counted: bool = True
    ) -> Context:
        """Give the compiled context that a reference stands for.

        reference: None (the core context), an address, terms, or a list of these. base_url: what this server is called
        from outside; relative addresses start from it. counted: somebody asks for it now; work for him later is no
        use of its own.

        Raises: BadRequestData (the reference, or what lies at an address, is no context), LdContextNotAvailable (an
        address cannot be read).
        Spec: CIM 009 6.3.5.
        """
        if reference is None:
            return CORE_CONTEXT
        name = _name(reference, base_url)
        entry = self._compiled.get((None, name)) or self._compiled.get((grant.tenant, name))
        if entry is None or entry.expires <= time.monotonic():
            entry = await self._compile(name, reference, grant, base_url)
        else:
            self._compiled.move_to_end((grant.tenant if entry.own else None, name))
        if entry.records:
            await self._note(entry, grant, counted=counted)
        return entry.context

    async def link_url(self, context: Context, grant: Grant, base_url: str) -> str:
        """Give the one address that stands for a context in a Link header, hosting the context here if it has none.

        Spec: CIM 009 5.13.1 (ImplicitlyCreated).
        """
        if context.link_url is not None:
            return context.link_url
        reference = _absolute(context.reference, base_url)
        id = "implicit-" + hashlib.sha256(encode_document(reference)).hexdigest()[:32]
        if self._implicit.get((grant.tenant, id), 0.0) <= time.monotonic():
            if await self._store.load_context(grant, id) is None:
                await self._save_own(grant, id, "ImplicitlyCreated", reference)
            self._implicit[(grant.tenant, id)] = time.monotonic() + OWN_S
            if len(self._implicit) > _MAX_CONTEXTS:
                self._implicit.popitem(last=False)
        self._count(grant.tenant, [id])
        return base_url + CONTEXTS_PATH + id

    def forget(self, tenant: TenantId | None = None) -> None:
        """Drop what was compiled from contexts that tenants host (one tenant, or all): another process changed them."""
        for key in [key for key in self._compiled if key[0] is not None and tenant in (None, key[0])]:
            self._drop(key)
        self._implicit.clear()

    async def _compile(self, name: object, reference: ContextReference, grant: Grant, base: str | None) -> _Compiled:
        try:
            async with asyncio.timeout(RESOLVE_S):
                found = await self._gather(reference, grant, base)
        except TimeoutError as error:
            raise LdContextNotAvailable(f"The @context could not be read within {RESOLVE_S:g} seconds") from error
        context = compile_context(reference, found.trees, base)
        expires = min(found.expires, time.monotonic() + OWN_S) if found.own else found.expires
        entry = _Compiled(context, tuple(found.records), found.copies, expires, found.own)
        self._keep((grant.tenant if found.own else None, name), entry)
        return entry

    async def _gather(self, reference: ContextReference, grant: Grant, base: str | None) -> _Gathered:
        """Find all documents that a context is made of, level by level."""
        found = _Gathered()
        level = _new_addresses(list_addresses(reference, base), found)
        for _ in range(MAX_DEPTH + 1):
            if not level:
                return found
            if len(found.trees) + len(level) > MAX_DOCUMENTS:
                raise LdContextNotAvailable(f"The @context is made of more than {MAX_DOCUMENTS} documents")
            documents = await asyncio.gather(*(self._find(address, grant, base, found) for address in level))
            found.trees.update(zip(level, documents, strict=True))
            below = [
                name
                for address, tree in zip(level, documents, strict=True)
                for name in list_addresses(context_of(tree, address), address)
            ]
            level = _new_addresses(below, found)
        raise LdContextNotAvailable(f"The @context includes others more than {MAX_DEPTH} levels deep")

    async def _find(self, address: str, grant: Grant, base: str | None, found: _Gathered) -> Any:
        path, _, id = address.rpartition("/")
        if path.endswith(CONTEXTS_PATH[:-1]):
            record = await self._store.load_context(grant, id)
            if record is not None and record.kind != "Cached":
                found.own = True
                found.records.append(record.id)
                return parse_document(bytes(record.body), address)
            if base is not None and urlsplit(address).netloc == urlsplit(base).netloc:
                raise LdContextNotAvailable(f"The @context {address} does not exist here")
        document = await self._documents.find(address, grant)
        found.expires = min(found.expires, document.expires)
        if document.downloaded:
            found.records.append(document.record_id)
            found.copies[address] = document
        return document.tree

    def _keep(self, key: _Key, entry: _Compiled) -> None:
        self._drop(key)
        self._compiled[key] = entry
        self._terms += entry.context.size
        while len(self._compiled) > _MAX_CONTEXTS or (self._terms > _MAX_TERMS and len(self._compiled) > 1):
            self._drop(next(iter(self._compiled)))

    def _drop(self, key: _Key) -> None:
        entry = self._compiled.pop(key, None)
        if entry is not None:
            self._terms -= entry.context.size

    def _drop_made_of(self, record_id: str) -> None:
        for key in [key for key, entry in self._compiled.items() if record_id in entry.records]:
            self._drop(key)

    # Uses

    async def _note(self, entry: _Compiled, grant: Grant, *, counted: bool) -> None:
        """Count one use; at a tenant's first use record the copies that the context is made of."""
        self._count(grant.tenant, entry.records if counted else ())
        # A store that cannot be written now must not stop reading.
        with suppress(Unavailable):
            if grant.tenant not in entry.tenants:
                for address, document in entry.copies.items():
                    await self._store.save_context(grant, make_cached_record(address, document))
                entry.tenants.add(grant.tenant)
            if self._uses[grant.tenant].total() >= _FLUSH_USES:
                await self.flush_uses(grant)

    def _count(self, tenant: TenantId, ids: list[str] | tuple[str, ...]) -> None:
        self._uses.setdefault(tenant, Counter()).update(ids)

    async def flush_uses(self, grant: Grant) -> None:
        """Write the counted uses of the Grant's tenant to the store."""
        uses = self._uses.pop(grant.tenant, None)
        if uses:
            await self._store.touch_contexts(grant, uses, now())

    # Stored contexts

    async def list_contexts(self, grant: Grant, kind: ContextKind | None = None) -> list[ContextRecord]:
        """List what is stored: the tenant's contexts, the pre-loaded ones and the core one. Spec: CIM 009 5.13.3."""
        await self.flush_uses(grant)
        records = await self._store.list_contexts(grant, kind)
        if kind in (None, "Cached"):
            known = {record.url for record in records}
            built_in = [CORE_CONTEXT_URL, *await self._documents.list_preloaded()]
            records = [*(self._describe_built_in(address) for address in built_in if address not in known), *records]
        return records

    async def describe_context(self, grant: Grant, id_or_url: str) -> ContextRecord:
        """Give a stored context's record. Raises: ResourceNotFound. Spec: CIM 009 5.13.4 (details)."""
        await self.flush_uses(grant)
        record, stored = await self._find_record(grant, id_or_url)
        if stored and record.kind == "Cached":
            # The number of hits tells how often a copy was found in the storage, by this as by anything else.
            self._count(grant.tenant, [record.id])
        return record

    async def serve_context(self, grant: Grant, id_or_url: str) -> Raw:
        """Give the document of a context that is hosted here.

        Raises: ResourceNotFound, OperationNotSupported (copies are not served). Spec: CIM 009 5.13.4.
        """
        record, _ = await self._find_record(grant, id_or_url)
        if record.kind == "Cached":
            raise OperationNotSupported(
                f"The @context {record.url} is a copy for this server's own use", hint="read it from its own address"
            )
        return record.body

    async def add_context(self, grant: Grant, reference: ContextReference, id: str | None = None) -> str:
        """Store a context that a client gives; give back its local id.

        id: a name for it, in place of a new one; a context of that name is replaced.

        Raises: BadRequestData, Forbidden. Spec: CIM 009 5.13.2.
        """
        _check_writes(grant)
        list_addresses(reference)
        compile_context(
            [{**member, "@import": None} for member in members_of(reference) if isinstance(member, Mapping)]
        )
        if id is None:
            id = str(uuid.uuid4())
        else:
            self._drop_made_of(id)
        await self._save_own(grant, id, "Hosted", reference)
        return id

    async def delete_context(self, grant: Grant, id_or_url: str) -> None:
        """Remove a stored context.

        Raises: ResourceNotFound, BadRequestData (it is built in or pre-loaded), Forbidden. Spec: CIM 009 5.13.5.
        """
        _check_writes(grant)
        record, stored = await self._find_record(grant, id_or_url)
        if not stored:
            raise BadRequestData(f"The @context {record.url} is built in or pre-loaded and cannot be deleted")
        await self._store.delete_context(grant, record.id)
        self._documents.forget(record.url)
        self._drop_made_of(record.id)
        # A new copy of the same address starts from nothing.
        self._uses.get(grant.tenant, Counter()).pop(record.id, None)
        self._implicit.pop((grant.tenant, record.id), None)

    async def reload_context(self, grant: Grant, id_or_url: str) -> None:
        """Download a copy anew; it is kept as it is where that fails. What is built in needs no download.

        Raises: BadRequestData (no copy of this name, or no context there), LdContextNotAvailable, Forbidden.
        Spec: CIM 009 5.13.5.
        """
        _check_writes(grant)
        try:
            record, stored = await self._find_record(grant, id_or_url)
        except ResourceNotFound as problem:
            raise BadRequestData(f"{problem.detail}: there is nothing to reload") from problem
        if record.kind != "Cached":
            raise BadRequestData(f"The @context {record.id} is hosted here: there is nothing to reload it from")
        if stored:
            document = await self._documents.download(record.url)
            await self._store.save_context(grant, make_cached_record(record.url, document))
        else:
            self._documents.forget(record.url)
        self._drop_made_of(record.id)

    async def _find_record(self, grant: Grant, id_or_url: str) -> tuple[ContextRecord, bool]:
        """Give a record and whether it lies in the store (else it is built in or pre-loaded)."""
        record = await self._store.load_context(grant, id_or_url)
        if record is not None:
            return record, True
        for address in (*CORE_ADDRESSES, *await self._documents.list_preloaded()):
            if id_or_url in (address, cached_id(address)):
                return self._describe_built_in(address), False
        raise ResourceNotFound(f"The @context {quoted(id_or_url)} does not exist")

    def _describe_built_in(self, address: str) -> ContextRecord:
        return ContextRecord(
            id=cached_id(address), url=address, kind="Cached", body=Raw(b"null"), created_at=self._started
        )

    async def _save_own(self, grant: Grant, id: str, kind: ContextKind, reference: ContextReference) -> None:
        record = ContextRecord(
            id=id, url=CONTEXTS_PATH + id, kind=kind, body=encode_document(reference), created_at=now()
        )
        await self._store.save_context(grant, record)


def _check_writes(grant: Grant) -> None:
    if grant.action not in ("write", "administer"):
        raise Forbidden("These credentials may not change the stored @contexts")


def _name(reference: ContextReference, base: str | None) -> object:
    """Give what equal references have in common: their addresses, or a digest where there are terms."""
    if isinstance(reference, str):
        return reference if "://" in reference else (base, reference)
    if isinstance(reference, list) and all(isinstance(member, str) and "://" in member for member in reference):
        return tuple(cast("list[str]", reference))
    return base, hashlib.sha256(msgspec.json.encode(reference)).digest()


def _absolute(reference: ContextReference, base: str) -> ContextReference:
    """Make all addresses of a reference absolute, so that it can be read from elsewhere."""
    members = members_of(reference)
    return [resolve_address(member, base) if isinstance(member, str) else member for member in members]


def _new_addresses(addresses: list[str], found: _Gathered) -> list[str]:
    return [
        address for address in dict.fromkeys(addresses) if address not in found.trees and not is_core_address(address)
    ]
