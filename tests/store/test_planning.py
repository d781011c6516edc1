"""Statistics follow growth, so that pages are walked along an index at once after an import."""

from __future__ import annotations

from pathlib import Path

from stadtkern.store.planning import CHANGED_ROWS, analyze_grown
from tests.store.stores import GRANT, open_tenants


async def test_analyze_takes_statistics_once_after_growth(postgres_database_url: str, tmp_path: Path) -> None:
    async with open_tenants(postgres_database_url, tmp_path) as tenants:
        database = (await tenants.get(GRANT.tenant)).database
        assert await analyze_grown(database, GRANT) == []
        async with database.transaction() as transaction:
            rows = [("urn:type", n) for n in range(2 * CHANGED_ROWS)]
            await transaction.execute_many("INSERT INTO entity_type (type, n) VALUES ($1, $2)", rows)
        # counters of a session reach the shared ones with a delay; this asks for them now
        async with database.transaction() as transaction:
            await transaction.execute("SELECT pg_stat_force_next_flush()")
        assert await analyze_grown(database, GRANT) == ["entity_type"]
        known = await database.fetch("SELECT reltuples::bigint FROM pg_class WHERE oid = 'entity_type'::regclass")
        assert known[0][0] == 2 * CHANGED_ROWS


async def test_analyze_has_nothing_to_do_on_the_embedded_engine(tmp_path: Path) -> None:
    async with open_tenants("", tmp_path) as tenants:
        assert await analyze_grown((await tenants.get(GRANT.tenant)).database, GRANT) == []
