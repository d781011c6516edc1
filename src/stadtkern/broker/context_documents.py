"""The documents behind the addresses of @contexts: found in the folder, in memory, in the store, or downloaded.

A good copy is never given up for a failure: it stays in use until a newer good one is there.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from stadtkern.broker.context_folder import ContextFolder
from stadtkern.broker.context_store import ContextStore
from stadtkern.broker.download import Downloader, DownloadFailed
from stadtkern.errors import BadRequestData, InvalidSettings, LdContextNotAvailable, Problem
from stadtkern.jsonld.definition import context_of, list_addresses, members_of
from stadtkern.model.context import ContextRecord
from stadtkern.model.instant import now
from stadtkern.model.json import parse_json
from stadtkern.policy.grant import Grant

ACCEPT = "application/ld+json, application/json;q=0.9, */*;q=0.1"
LIFETIME_S = 24 * 3600.0
"""How long a copy counts as fresh where its sender does not say."""
SHORTEST_LIFETIME_S = 60.0
"""Even a copy that its sender calls stale at once is kept so long."""
FOLDER_S = 300.0
"""How long a file of the folder is not read again."""
RETRY_S = 60.0
"""How long the old copy stays in use after an attempt to renew it failed."""
FAILURE_S = 5.0
"""How long a failed download is not tried again, so that a dead server costs its timeout once, not once a request."""
_MEMORY = 32 * 1024 * 1024
_FAILURES = 1000


_Failure = LdContextNotAvailable | BadRequestData


@dataclass(slots=True)
class Document:
    """A context document. expires: on the monotonic clock. record_id: the id of its record, where it has one."""

    body: bytes
    tree: Any
    expires: float
    record_id: str
    downloaded: bool


def cached_id(address: str) -> str:
    """Give the local id of our copy of an address."""
    return "cached-" + hashlib.sha256(address.encode()).hexdigest()[:32]


def parse_document(body: bytes, address: str) -> Any:
    """Parse a context document and check its outer form. Raises: BadRequestData. Spec: CIM 009 5.5.6."""
    try:
        tree = parse_json(body)
        members_of(context_of(tree, address))
        list_addresses(context_of(tree, address), address)
    except Problem as problem:
        raise BadRequestData(f"The document {address} is no @context: {problem.detail}") from problem
    return tree


class ContextDocuments:
    """Finds documents by address; one download at a time an address, however many ask for it."""

    def __init__(self, store: ContextStore, downloader: Downloader, folder: ContextFolder | None) -> None:
        self._store = store
        self._downloader = downloader
        self._folder = folder
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._kept_bytes = 0
        self._running: dict[str, asyncio.Task[Document | _Failure]] = {}
        self._failed: dict[str, tuple[float, _Failure]] = {}

    async def close(self) -> None:
        """End all downloads."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def find(self, address: str, grant: Grant) -> Document:
        """Give the document of an address of the web.

        Raises: LdContextNotAvailable, BadRequestData (what lies there is no context).
        """
        kept = self._kept.get(address)
        if kept is not None and kept.expires > time.monotonic():
            return kept
        if kept is None or not kept.downloaded:
            kept = await self._find_stored(address, grant)
        # While one request renews the copy, the others go on with the old one.
        if kept is not None and (kept.expires > time.monotonic() or address in self._running):
            return kept
        try:
            return await self.download(address)
        except (LdContextNotAvailable, BadRequestData):
            if kept is None:
                raise
            kept.expires = time.monotonic() + RETRY_S
            return kept

    async def download(self, address: str) -> Document:
        """Download anew; what was kept stays where that fails. Raises: LdContextNotAvailable, BadRequestData."""
        self._check_failure(address)
        task = self._running.get(address)
        if task is None:
            task = self._running[address] = asyncio.create_task(self._download(address))
        # Shielded: whoever asked first may go away, the others still want the document.
        outcome = await asyncio.shield(task)
        if not isinstance(outcome, Document):
            raise type(outcome)(outcome.detail)
        return outcome

    def forget(self, address: str) -> None:
        """Drop the copy in memory and any memory of a failure."""
        document = self._kept.pop(address, None)
        if document is not None:
            self._kept_bytes -= len(document.body)
        self._failed.pop(address, None)

    async def list_preloaded(self) -> list[str]:
        """List the addresses in the folder. Raises: InvalidSettings."""
        return [] if self._folder is None else list(await asyncio.to_thread(self._folder.addresses))

    async def _find_stored(self, address: str, grant: Grant) -> Document | None:
        body = await self._read_folder(address)
        if body is not None:
            return self._keep(address, body, FOLDER_S, downloaded=False)
        record = await self._store.load_context(grant, cached_id(address))
        if record is None:
            return None
        age_s = (now() - record.created_at) / 1e6
        return self._keep(address, bytes(record.body), LIFETIME_S - age_s, downloaded=True)

    async def _read_folder(self, address: str) -> bytes | None:
        if self._folder is None:
            return None
        try:
            return await asyncio.to_thread(self._folder.load, address)
        except InvalidSettings as error:
            raise LdContextNotAvailable("The folder of pre-loaded @contexts cannot be read") from error

    def _keep(self, address: str, body: bytes, lifetime_s: float, *, downloaded: bool) -> Document:
        tree = parse_document(body, address)
        self.forget(address)
        document = Document(body, tree, time.monotonic() + lifetime_s, cached_id(address), downloaded)
        self._kept[address] = document
        self._kept_bytes += len(body)
        while self._kept_bytes > _MEMORY:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest.body)
        return document

    async def _download(self, address: str) -> Document | _Failure:
        try:
            answer = await self._downloader.download(address, ACCEPT)
            lifetime_s = max(LIFETIME_S if answer.lifetime_s is None else answer.lifetime_s, SHORTEST_LIFETIME_S)
            return self._keep(address, answer.body, lifetime_s, downloaded=True)
        except DownloadFailed as error:
            return self._fail(address, LdContextNotAvailable(f"The @context {address} is not available: {error}"))
        except BadRequestData as problem:
            return self._fail(address, problem)
        finally:
            del self._running[address]

    def _fail(self, address: str, failure: _Failure) -> _Failure:
        if len(self._failed) >= _FAILURES:
            self._failed.clear()
        self._failed[address] = (time.monotonic() + FAILURE_S, failure)
        return failure

    def _check_failure(self, address: str) -> None:
        failure = self._failed.get(address)
        if failure is not None and failure[0] > time.monotonic():
            raise type(failure[1])(failure[1].detail)


def make_cached_record(address: str, document: Document) -> ContextRecord:
    """Make the record of our copy of an address."""
    return ContextRecord(id=document.record_id, url=address, kind="Cached", body=Raw(document.body), created_at=now())


def encode_document(context: Any) -> Raw:
    """Write a context document around a context."""
    return Raw(msgspec.json.encode({"@context": context}))
