"""Golden dumps of the schema: what the sum of all migrations must give, and which migrations may not change any more.

``python -m tests.store.golden_schema`` writes them anew. It adds new migrations to the list and refuses to go on where
a listed one has changed: such a step is in people's databases already, and a further one has to follow it.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path
from typing import get_args

from stadtkern.store.engine.base import Database
from stadtkern.store.migrate import Family, migrate, migrations
from tests.postgres_server import PostgresServer
from tests.store.stores import make_engine

GOLDEN = Path(__file__).parents[1] / "golden" / "schema"
MERGED = GOLDEN / "migrations.txt"
FAMILIES: tuple[Family, ...] = get_args(Family)

_SHADOW = re.compile(r"\w+_(node|parent|rowid)")
_SQLITE = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY tbl_name, type DESC, name"
_TABLES = """
SELECT c.oid, c.relname::text, coalesce(' PARTITION BY ' || pg_get_partkeydef(c.oid), ''),
    coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '')
FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
    AND NOT c.relispartition ORDER BY c.relname"""
_COLUMNS = """
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), coalesce(' COLLATE ' || o.collname, ''),
    CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), ''),
    CASE a.attidentity WHEN '' THEN '' ELSE ' IDENTITY ' || a.attidentity::text END
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_collation o ON o.oid = a.attcollation AND o.collname <> 'default'
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_RULES = """
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1::oid AND contype <> 'n'
UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = $1::oid AND NOT indisprimary ORDER BY 1"""


async def dump(database: Database) -> str:
    """Describe all tables of a database, one line a column or rule, in an order that does not change."""
    if database.engine == "sqlite":
        rows = await database.fetch(_SQLITE)
        return "".join(f"{' '.join(sql.split())};\n" for _, name, sql in rows if not _SHADOW.fullmatch(name))
    lines: list[str] = []
    for oid, table, partitioned, options in await database.fetch(_TABLES):
        lines.append(f"{table}{partitioned}{options}")
        lines += [f"    {name} {''.join(rest)}" for name, *rest in await database.fetch(_COLUMNS, oid)]
        schema = (await database.fetch("SELECT current_schema()::text"))[0][0]
        lines += [f"    {row[0].replace(f'{schema}.', '')}" for row in await database.fetch(_RULES, oid)]
    return "".join(f"{line}\n" for line in lines)


async def dump_migrated(database_url: str, folder: Path, family: Family) -> str:
    """Migrate an empty database and describe it."""
    engine = make_engine(database_url, folder)
    await engine.start()
    try:
        database = await engine.open("system" if family == "system" else "default", create=True)
        assert database is not None
        await migrate(database, family)
        described = await dump(database)
        await database.close()
        return described
    finally:
        await engine.stop()


def golden(engine: str, family: Family) -> Path:
    """Where a dump lies."""
    return GOLDEN / f"{engine}.{family}.txt"


def merged() -> dict[str, str]:
    """The checksums of the migrations that may not change any more, by family and name."""
    lines = MERGED.read_text(encoding="utf-8").splitlines() if MERGED.exists() else []
    return dict(reversed(line.split()) for line in lines)


def present() -> dict[str, str]:
    """The checksums of the migrations that there are."""
    return {f"{family}/{one.name}": one.checksum for family in FAMILIES for one in migrations(family)}


def main() -> None:
    """Write the golden files."""
    now = present()
    changed = [name for name, checksum in merged().items() if now.get(name) != checksum]
    if changed:
        sys.exit(f"{', '.join(changed)} is merged and may not change; add a further migration")
    GOLDEN.mkdir(parents=True, exist_ok=True)
    MERGED.write_text("".join(f"{checksum} {name}\n" for name, checksum in sorted(now.items())), encoding="utf-8")
    with PostgresServer(fsync=False) as server, tempfile.TemporaryDirectory() as folder:
        for engine, url in (("sqlite", ""), ("postgres", server.database_url(server.create_database()))):
            for family in FAMILIES:
                text = asyncio.run(dump_migrated(url, Path(folder), family))
                golden(engine, family).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
