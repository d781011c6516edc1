"""How far an interrupted import came: kept beside the data, removed when the file is done.

A bookmark is a hint, not the truth: it is written after the answer, so it may lag behind the store, and the store may
have been emptied since. It carries a probe, a few values of its last slice: an import that resumes writes them again
and believes the bookmark only if they are there. In any case nothing is doubled, since what is there is left out.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from stadtkern.ingest.collect import Part
from stadtkern.ingest.mapping.document import MappingDocument, fingerprint
from stadtkern.model.operation import RecordHistory, UpsertEntity

_PROBES: Final = 8
_MOST_BYTES: Final = 1_000_000


class Bookmark(Struct, frozen=True):
    """Records up to ``done`` are in the store; ``probe`` tells whether it is still that store."""

    done: int
    probe: list[RecordHistory | UpsertEntity]


def make_probe(parts: Sequence[Part]) -> list[RecordHistory | UpsertEntity]:
    """Take one value from each of the last operations of a slice."""
    probe: list[RecordHistory | UpsertEntity] = []
    for part in reversed(parts):
        attributes = part.operation.entity.attributes
        if attributes and len(probe) < _PROBES:
            name, patches = next(reversed(attributes.items()))
            entity = replace(part.operation.entity, attributes={name: patches[-1:]})
            probe.append(replace(part.operation, entity=entity, repeated="leave"))
    return probe


class Bookmarks:
    """The bookmarks of one store's imports, a small file each. Where the folder cannot be written there are none."""

    def __init__(self, folder: Path, store: str, tenant: str, mapping: MappingDocument) -> None:
        self._folder = folder
        self._key = msgspec.json.encode([store, tenant, fingerprint(mapping)])

    def path(self, file: Path) -> Path:
        """Give the place of a file's bookmark; it depends on the content, not on the name. Raises: OSError."""
        digest = hashlib.sha256(self._key)
        with file.open("rb") as content:
            while chunk := content.read(1 << 20):
                digest.update(chunk)
        return self._folder / f"{digest.hexdigest()[:40]}.json"


def load_bookmark(path: Path) -> Bookmark | None:
    """Read a bookmark; None where there is none, or none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Bookmark)
    except (OSError, msgspec.MsgspecError):
        return None


def save_bookmark(path: Path, bookmark: Bookmark) -> None:
    """Put a bookmark in the place of the last one, whole or not at all."""
    text = msgspec.json.encode(bookmark)
    if len(text) > _MOST_BYTES:
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(text)
        draft.replace(path)


def remove_bookmark(path: Path) -> None:
    """Remove a bookmark, and the drafts that killed imports left."""
    with contextlib.suppress(OSError):
        for file in path.parent.glob(f"{path.stem}.*"):
            file.unlink(missing_ok=True)
