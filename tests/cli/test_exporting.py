"""``stadtkern export`` and the import of what it wrote."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from stadtkern.app import Application, running
from stadtkern.broker.contexts import ContextService
from stadtkern.broker.subscriptions import Subscriptions
from stadtkern.broker.tenants import Tenants
from stadtkern.exchange import lines
from stadtkern.model.actor import ADMINISTRATOR
from stadtkern.model.ids import DEFAULT_TENANT, TenantId
from stadtkern.model.subscription import Delivery, Endpoint, NotificationParams, Subscription, SubscriptionId
from stadtkern.policy.authorize import authorize
from stadtkern.store.engine.base import Database
from tests.cli.commands import Place, ask, rows, serving
from tests.cli.town import FOREST, TREE, make, patch, write

_FOUND_BY = (
    "SELECT type, n FROM entity_type ORDER BY type, n",
    "SELECT scope, n FROM entity_scope ORDER BY scope, n",
    "SELECT n, attribute, dataset_id FROM geo ORDER BY n, attribute, dataset_id",
    "SELECT source, attribute, dataset_id, pos, target FROM link ORDER BY source, attribute, dataset_id, pos",
    "SELECT type, attribute, kind, CAST(sum(delta) AS integer) FROM catalogue GROUP BY type, attribute, kind"
    " HAVING sum(delta) <> 0 ORDER BY type, attribute, kind",
)


def _other(place: Place, tmp_path: Path, database_url: str = "") -> Place:
    return Place(tmp_path / "other", database_url)


async def _indexes(place: Place) -> list[list[tuple[Any, ...]]]:
    async with running(place.settings) as application:
        database = (await application.controller.services.tenants.get(TenantId("default"))).database
        return [[tuple(row) for row in await database.fetch(sql)] for sql in _FOUND_BY]


def test_export_and_import_make_an_equal_system(town: Place, tmp_path: Path) -> None:
    first = town.succeed("export")
    (tmp_path / "first.ndjson").write_text(first)
    other = _other(town, tmp_path)
    other.succeed("import", tmp_path / "first.ndjson")
    assert rows(other.succeed("export")) == rows(first)
    kinds = {row["table"] for row in rows(first)}
    assert kinds == {
        "tenant",
        "api_key",
        "context",
        "entity",
        "series",
        "observed_attribute",
        "id_block",
        "series_chunk",
        "observation",
    }


def test_import_finds_entities_by_the_same_indexes(embedded_town: Place, tmp_path: Path) -> None:
    exported = embedded_town.succeed("export")
    other = _other(embedded_town, tmp_path)
    other.succeed("import", "-", input=exported)
    found = asyncio.run(_indexes(other))
    assert found == asyncio.run(_indexes(embedded_town))
    assert all(found)


def test_export_of_one_engine_imports_into_the_other(
    embedded_town: Place, tmp_path: Path, postgres_database_url: str
) -> None:
    other = _other(embedded_town, tmp_path, postgres_database_url)
    exported = embedded_town.succeed("export")
    other.succeed("import", "-", input=exported)
    assert rows(other.succeed("export")) == rows(exported)
    assert asyncio.run(_indexes(other)) == asyncio.run(_indexes(embedded_town))


def test_import_goes_on_numbering_where_the_export_ended(town: Place, tmp_path: Path) -> None:
    exported = town.succeed("export")
    other = _other(town, tmp_path)
    other.succeed("import", "-", input=exported)

    async def work() -> None:
        async with running(other.settings) as application:
            await write(application.controller, TenantId("default"), make("urn:tree:9", [TREE], height=patch("1")))

    asyncio.run(work())
    numbers = {row["id"]: row["n"] for row in rows(other.succeed("export")) if row["table"] == "entity"}
    before = [row["n"] for row in rows(exported) if row["table"] == "entity"]
    assert numbers["urn:tree:9"] > max(before)


def test_import_keeps_keys_working_and_revoked_ones_closed(embedded: Place, tmp_path: Path) -> None:
    open_ = embedded.succeed("key", "create", "one", "--kind", "read").strip()
    closed = embedded.succeed("key", "create", "two", "--kind", "read").strip()
    embedded.succeed("key", "revoke", closed.split("_")[1])
    other = Place(tmp_path / "other", more={"STADTKERN_ANONYMOUS": "none"})
    other.succeed("import", "-", input=embedded.succeed("export"))
    with serving(other) as address:
        types = f"{address}/ngsi-ld/v1/types"
        assert [ask(types, **{"X-API-Key": key}) for key in (open_, closed)] == [200, 401]


def test_export_has_no_secret(embedded: Place) -> None:
    secret = embedded.succeed("key", "create", "one").strip().split("_")[2]
    assert secret not in embedded.succeed("export")


def test_import_is_seen_by_the_next_request_of_a_running_server(embedded_town: Place, tmp_path: Path) -> None:
    exported = embedded_town.succeed("export")
    other = _other(embedded_town, tmp_path)
    with serving(other) as address:
        entity = f"{address}/ngsi-ld/v1/entities/urn:tree:1"
        assert ask(entity) == 404
        other.succeed("import", "-", input=exported)
        assert (ask(entity), ask(entity, **{"NGSILD-Tenant": "forest"})) == (200, 200)
        assert rows(other.succeed("export")) == rows(exported)


def test_import_refuses_tenants_that_hold_data(town: Place) -> None:
    exported = town.succeed("export")
    done = town.run("import", "-", input=exported)
    assert (done.exit_code, "is not empty" in done.output) == (4, True)
    assert rows(town.succeed("export")) == rows(exported)


@pytest.mark.parametrize("option", ["--replace", "--keep"])
def test_import_again_doubles_nothing(town: Place, option: str) -> None:
    exported = town.succeed("export")
    town.succeed("import", option, "-", input=exported)
    town.succeed("import", option, "-", input=exported)
    assert rows(town.succeed("export")) == rows(exported)


def test_import_loads_one_tenant_under_another_name_without_its_keys(town: Place) -> None:
    town.succeed("import", "--tenant", "forest", "--into", "copse", "-", input=town.succeed("export"))
    tables = [row["table"] for row in rows(town.succeed("export", "--tenant", "copse"))]
    assert tables == ["tenant", "entity"]
    assert [one["host"] for one in json.loads(town.succeed("tenant", "list", "--json"))] == [
        None,
        None,
        "forest.example.org",
    ]


def test_export_of_one_tenant_has_only_that(town: Place, tmp_path: Path) -> None:
    town.succeed("export", "--tenant", "forest", "-o", tmp_path / "forest.ndjson.gz")
    text = gzip.decompress((tmp_path / "forest.ndjson.gz").read_bytes())
    assert [row["name"] for row in rows(text) if row["table"] == "tenant"] == [FOREST]


def test_export_does_not_write_over_a_file(town: Place, tmp_path: Path) -> None:
    (tmp_path / "there.ndjson").write_text("mine")
    assert town.run("export", "-o", tmp_path / "there.ndjson").exit_code == 4
    assert (tmp_path / "there.ndjson").read_text() == "mine"
    town.succeed("export", "--force", "-o", tmp_path / "there.ndjson")
    assert rows((tmp_path / "there.ndjson").read_text())


@pytest.mark.parametrize("command", [["export", "--tenant", "nowhere"], ["key", "list", "--tenant", "nowhere"]])
def test_command_ends_with_a_sentence_when_the_tenant_does_not_exist(town: Place, command: list[str]) -> None:
    done = town.run(*command)
    assert (done.exit_code, "Tenant nowhere does not exist" in done.stderr) == (4, True)


def test_export_ends_with_a_sentence_where_there_is_no_store(place: Place) -> None:
    done = place.run("export")
    assert (done.exit_code, "holds no store" in done.stderr) == (3, True)


def _cut(text: str) -> str:
    return text[: len(text) // 2]


def _without_end(text: str) -> str:
    return "\n".join(text.splitlines()[:-1]) + "\n"


def _changed(text: str) -> str:
    return text.replace("13.0", "14.0", 1)


def _newer(text: str) -> str:
    return text.replace('"format":1', '"format":99', 1)


def _other_file(text: str) -> str:
    return "id,name\n1,tree\n"


def _wrong_kind(text: str) -> str:
    return text.replace('"version":1', '"version":"one"', 1)


def _nul(text: str) -> str:
    return text.replace("urn:tree:2", "urn:tree:\\u0000", 1)


def _huge(text: str) -> str:
    return text.replace('"version":1', f'"version":{2**80}', 1)


def _broken_document(text: str) -> str:
    return text.replace('"doc":{"types":[', '"doc":{"types":[1,', 1)


def _deep(text: str) -> str:
    return text.replace('"value":13.0', '"value":' + "[" * 5000 + "]" * 5000, 1)


_BROKEN = [_cut, _without_end, _changed, _newer, _wrong_kind, _nul, _huge, _broken_document, _deep]


@pytest.mark.parametrize("spoil", _BROKEN)
def test_import_of_a_broken_export_changes_nothing(embedded_town: Place, tmp_path: Path, spoil: Any) -> None:
    exported = embedded_town.succeed("export")
    broken = spoil(exported)
    assert broken != exported
    other = _other(embedded_town, tmp_path)
    done = other.run("import", "-", input=broken)
    assert done.exit_code == 4, done.output
    assert done.stderr.startswith("Error: ")
    assert [row["table"] for row in rows(other.succeed("export"))] == ["tenant"]
    assert [path.name for path in (other.data / "tenants").glob("*.sqlite")] == ["default.sqlite"]


def test_import_of_a_forged_export_changes_nothing(town: Place, tmp_path: Path) -> None:
    """The checksum is right, and the rows still do not fit into a store."""
    import hashlib

    exported = town.succeed("export").splitlines(keepends=True)
    entity = next(line for line in exported if '"table":"entity"' in line)
    forged = "".join([*exported[:-1], entity])
    end = {"table": "end", "sha256": hashlib.sha256(forged.encode()).hexdigest()}
    done = town.run("import", "--replace", "-", input=forged + json.dumps(end) + "\n")
    assert (done.exit_code, "do not fit into a store" in done.stderr) == (4, True)
    assert rows(town.succeed("export")) == rows("".join(exported))


def test_import_of_a_file_that_is_no_export_asks_for_a_mapping(embedded: Place, tmp_path: Path) -> None:
    (tmp_path / "trees.csv").write_text(_other_file(""))
    done = embedded.run("import", tmp_path / "trees.csv")
    assert (done.exit_code, "--mapping" in done.stderr) == (2, True)


def test_import_of_a_broken_gzip_file_changes_nothing(embedded_town: Place, tmp_path: Path) -> None:
    embedded_town.succeed("export", "-o", tmp_path / "all.ndjson.gz")
    whole = (tmp_path / "all.ndjson.gz").read_bytes()
    (tmp_path / "all.ndjson.gz").write_bytes(whole[: len(whole) - 300])
    done = _other(embedded_town, tmp_path).run("import", tmp_path / "all.ndjson.gz")
    assert (done.exit_code, done.stderr.startswith("Error: ")) == (4, True)


async def test_subscriptions_are_imported_and_begin_at_the_new_log(
    embedded: Place, postgres_database_url: str, tmp_path: Path
) -> None:
    owner = authorize(ADMINISTRATOR, "write", DEFAULT_TENANT)
    notification = NotificationParams(endpoint=Endpoint(uri="https://receiver.example/notify"))
    made = Subscription(id=SubscriptionId("urn:sub:1"), notification=notification, q='name=="a\nb"')
    async with running(embedded.settings) as application:
        stored = await Subscriptions(*_services(application)).create(owner, made)
    exported = (await asyncio.to_thread(embedded.succeed, "export")).encode()
    (tmp_path / "all.ndjson").write_bytes(exported)
    other = _other(embedded, tmp_path, postgres_database_url)
    await asyncio.to_thread(other.succeed, "import", str(tmp_path / "all.ndjson"))
    async with running(other.settings) as application:
        told = await Subscriptions(*_services(application)).retrieve(owner, made.id)
        tenants = application.controller.services.tenants
        rows = await (await tenants.get(DEFAULT_TENANT)).database.fetch("SELECT pg_current_xact_id()::text::bigint")
    assert replace(told.subscription, since=stored.since) == stored
    assert (told.delivery, 0 < told.subscription.since.x < rows[0][0]) == (Delivery(), True)


def _services(application: Application) -> tuple[Tenants, ContextService]:
    services = application.controller.services
    return services.tenants, services.contexts


async def test_every_table_of_a_tenant_is_exported_or_known_not_to_be(embedded: Place) -> None:
    """Whoever adds a table decides what becomes of it in an export."""
    async with running(embedded.settings) as application:
        tenant = await application.controller.services.tenants.get(TenantId("default"))
        tables = await _tables(tenant.database)
    decided = {*lines.EXPORTED, *lines.DERIVED, *lines.LEFT_OUT, "doc"}
    assert set(tables) == decided
    for table, kind in lines.EXPORTED.items():
        columns = [name for name in kind.__struct_fields__ if name != "doc"]
        stored = set(tables[table]) - lines.DERIVED_COLUMNS.get(table, frozenset())
        assert sorted(columns) == sorted(stored), table


async def _tables(database: Database) -> dict[str, list[str]]:
    found = await database.fetch(
        "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'"
        " AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'geo_box_%'"
    )
    tables: dict[str, list[str]] = {}
    for table, column in found:
        tables.setdefault(table, []).append(column)
    return tables
