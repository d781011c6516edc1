"""An importer into a new store on each engine in turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ingest.import_run import FILES, Importer, open_importer


@pytest.fixture
async def importer(database_url: str, tmp_path: Path) -> AsyncIterator[Importer]:
    """Imports into a new, empty store."""
    contexts = tmp_path / "contexts"
    contexts.mkdir()
    (contexts / "bench.jsonld").write_bytes((FILES / "bench.context.jsonld").read_bytes())
    (contexts / "index.json").write_text('{"https://unreachable.example/contexts/bench.jsonld": "bench.jsonld"}')
    async with open_importer(database_url, tmp_path, contexts=contexts) as opened:
        yield opened
